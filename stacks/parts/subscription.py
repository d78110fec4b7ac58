"""An event's way to a subscriber's queue."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from functions.contracts.envelope import full_source
from stacks import names
from stacks.entry import Subscription
from stacks.parts import arn
from stacks.parts.undelivered import Undelivered, let_rules_send
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings

# EventBridge's own longest. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
RETRY_AGE = Duration.hours(24)
RETRIES = 185


class Subscriptions(Construct):
    """The rules that feed one queue, and the queue of undelivered events.

    An event arrives as it is. EventBridge may send to the queues from rules of this queue's name only, before a rule
    exists and for as long as one does: an event that finds no permission is lost. So the policies name no single rule,
    which CloudFormation would take out of them before it deletes the rule, and a retired integration keeps them.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        entries: Sequence[Subscription],
        queue: WorkQueue,
        settings: Settings,
        retired: bool,
    ) -> None:
        super().__init__(scope, f"{queue.entry.name}-subscriptions")
        stage = settings.stage
        self.undelivered = Undelivered(
            self, name=names.target_dead_letter_queue(stage, queue.entry.name), settings=settings
        )
        buses = {entry.bus: entry for entry in entries}.values()
        rule_arns = [arn.rules_of(self, entry, stage) for entry in buses]
        policies = [let_rules_send(target, rule_arns) for target in (queue.queue, self.undelivered)]
        for entry in () if retired else entries:
            event = entry.event
            rule = events.CfnRule(
                self,
                event.__name__,
                name=names.rule(stage, entry.queue, event.__name__),
                description=f"{event.__name__} goes to {queue.name}.",
                event_bus_name=names.bus(stage, entry.bus),
                event_pattern={
                    "source": [full_source(event.source, names.PROJECT)],
                    "detail-type": [event.__name__],
                    **({"detail": {"data": dict(entry.filter)}} if entry.filter else {}),
                },
                targets=[
                    events.CfnRule.TargetProperty(
                        id="queue",
                        arn=queue.queue.queue_arn,
                        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.undelivered.queue_arn),
                        retry_policy=events.CfnRule.RetryPolicyProperty(
                            maximum_event_age_in_seconds=RETRY_AGE.to_seconds(), maximum_retry_attempts=RETRIES
                        ),
                    )
                ],
            )
            rule.node.add_dependency(*policies)
