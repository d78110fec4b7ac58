"""Whether a retired integration is drained, so that its stack and its entry may go."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator

from botocore.exceptions import ClientError
from msgspec import Struct

from functions.contracts.plan import schedule_prefix
from ops import rest_api
from ops.depth import Depth, depth
from ops.errors import UsageError
from ops.queue import Queue, owner, queues
from ops.schedules.group import Group
from ops.stage import Stage, in_words
from stacks import names
from stacks.entry import Integration, Topology

PAUSE = 10.0
"""Seconds between the two looks that an empty queue gets.

SQS counts approximately: what was sent less than a minute ago may not be counted yet, and what is on its way from a
queue to its DLQ may be in neither count.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html"""


class Retirement(Struct, frozen=True, kw_only=True):
    """How far a retired integration is drained."""

    integration: str
    fed: list[str]
    """Its routes, subscriptions and schedules that still bring messages in this stage: the retirement is not deployed
    there."""
    left: list[Depth]
    """Its queues, dead-letter queues and undelivered queues that hold something."""

    @property
    def drained(self) -> bool:
        """Whether nothing comes in and nothing is left."""
        return not self.fed and not self.left


def retire(stage: Stage, name: str, *, pause: float = PAUSE) -> Retirement:
    """Counts what the retired integration of that name still holds: waiting, in flight and delayed.

    Where nothing is left it looks again after `pause` seconds. Raises `UsageError` for an integration that does not
    exist or is not retired, `OpsError` where AWS refuses.
    """
    integration = retired(stage.topology, name)
    its = [queue for queue in queues(stage) if owner(stage.topology, queue.word) == integration]
    fed = [*_answering(stage, integration), *_subscribed(stage, integration), *_scheduled(stage, integration)]
    left = _left(stage, its)
    if not left and not fed:
        time.sleep(pause)
        left = _left(stage, its)
    return Retirement(integration=name, fed=fed, left=left)


def retired(topology: Topology, name: str) -> Integration:
    """The retired integration of that name. Raises `UsageError` where there is none, or it is not retired."""
    known = [integration.name for integration in topology.integrations if not integration.is_planning]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no integration {name!r}.{hint} There is: {', '.join(known) or 'none'}.")
    integration = topology.integration(name)
    if not integration.retired:
        raise UsageError(
            f"Integration {name} is not retired: say retired=True in its entry, and deploy, so that nothing comes in."
        )
    return integration


def _left(stage: Stage, its: list[Queue]) -> list[Depth]:
    counted = [depth(stage, queue) for queue in its]
    return [each for each in counted if each.waiting or each.in_flight or each.delayed]


def _answering(stage: Stage, integration: Integration) -> Iterator[str]:
    """The routes that still feed a queue, whose 202 after the last count would be lost, and what is still read."""
    if not integration.routes:
        return
    gateway = stage.client("apigateway")
    apis = rest_api.ids(stage)
    with in_words():
        for id_ in apis:
            pages = gateway.get_paginator("get_resources").paginate(restApiId=id_, embed=["methods"])
            there = {
                f"{name} {resource['path']}"
                for page in pages
                for resource in page["items"]
                for name, method in resource.get("resourceMethods", {}).items()
                if method.get("methodIntegration", {}).get("type") != "MOCK"
            }
            entries = [route.name for route in integration.routes]
            entries += [status.name for status in integration.statuses]
            yield from (name for name in entries if name in there)


def _subscribed(stage: Stage, integration: Integration) -> Iterator[str]:
    """The subscriptions whose rules are still there, on the stage's bus or another project's."""
    for subscription in integration.subscriptions:
        rule = names.rule(stage.name, subscription.queue, subscription.event.__name__)
        with in_words():
            try:
                targets = stage.client("events").list_targets_by_rule(
                    Rule=rule, EventBusName=names.bus(stage.name, subscription.bus)
                )["Targets"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                continue
        if targets:
            yield subscription.name


def _scheduled(stage: Stage, integration: Integration) -> Iterator[str]:
    """The schedules that are still there, and the queues for which something is planned."""
    if integration.schedules:
        there = set(Group(stage).names())
        yield from (schedule.name for schedule in integration.schedules if schedule.name in there)
    plans = Group(stage, names.PLANS)
    for queue in integration.queues:
        if integration.delayed(queue.name) and plans.names(most=0, prefix=schedule_prefix(queue.name)):
            yield f"{queue.name}, for which commands are planned"
