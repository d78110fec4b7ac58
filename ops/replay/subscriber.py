"""The subscriber that a replay is for, and the rules by which events reach it."""

from __future__ import annotations

import difflib

from botocore.exceptions import ClientError
from msgspec import Struct

from ops.errors import UsageError
from ops.stage import Stage, in_words
from stacks import names
from stacks.entry import Subscription, Topology


class Rule(Struct, frozen=True):
    """A rule that brings an event to a subscriber."""

    event: str
    name: str
    arn: str


def subscriptions(topology: Topology, stage: str, text: str, events: tuple[str, ...] = ()) -> list[Subscription]:
    """The subscriptions of the queue that `text` names, by its word or its physical name; of `events` only, if given.

    One subscription can be named too, as its alarms and its rule are: `mail_ticket-on-TicketOpened`.

    Raises `UsageError` for a queue that subscribes to nothing, with the subscribers that there are; for one whose
    integration is retired; for an event that it does not subscribe to; and for one that comes from another project's
    bus, whose archive is not ours, if it is named or there is no other.
    """
    every = topology.subscriptions
    found = [each for each in every if text in _called(stage, each)]
    if not found:
        raise UsageError(_nobody(topology, stage, text))
    queue = found[0].queue
    heard = [each.event.__name__ for each in found]
    unknown = next((event for event in events if event not in heard), None)
    if unknown is not None and text not in (queue, names.queue(stage, queue)):
        raise UsageError(f"{text} is the subscription to {heard[0]} alone: say {queue} with --event {unknown}.")
    if unknown is not None:
        raise UsageError(f"{queue} does not subscribe to {unknown!r}, but to: {', '.join(heard)}.")
    meant = [each for each in found if not events or each.event.__name__ in events]
    ours = [each for each in meant if each.bus is None]
    away = next((each for each in meant if each.bus is not None), None)
    if away is not None and (events or not ours):
        raise UsageError(_away(stage, away))
    return ours


def elsewhere(topology: Topology, stage: str, text: str) -> list[str]:
    """What is said of those subscriptions of the queue that text names whose events come from another project's bus."""
    every = topology.subscriptions
    return [_away(stage, each) for each in every if each.bus is not None and text in _called(stage, each)]


def _away(stage: str, subscription: Subscription) -> str:
    queue, event = subscription.queue, subscription.event.__name__
    return (
        f"{event} comes to {queue} from bus {names.bus(stage, subscription.bus)}, so it is in the archive of that bus, "
        f"if there is one: ask its owner for a replay to rule {names.rule(stage, queue, event)}."
    )


def _called(stage: str, subscription: Subscription) -> tuple[str, ...]:
    queue, rule = subscription.queue, names.rule(stage, subscription.queue, subscription.event.__name__)
    return queue, names.queue(stage, queue), rule, rule.removeprefix(names.resource(stage, ""))


def _nobody(topology: Topology, stage: str, text: str) -> str:
    for integration in topology.integrations:
        if integration.retired and any(text in _called(stage, each) for each in integration.subscriptions):
            return f"{text} is of integration {integration.name}, which is retired: its rules are gone, no event comes."
    words = list(dict.fromkeys(each.queue for each in topology.subscriptions))
    near = difflib.get_close_matches(text, words, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"No subscriber is called {text!r}.{hint} Stage {stage} has: {', '.join(words) or 'none'}."


def rules(stage: Stage, meant: list[Subscription]) -> list[Rule]:
    """The rules of these subscriptions, as they are deployed.

    Raises `UsageError` where one is not there or disabled: a replay to it would end well and bring nothing. Raises
    `OpsError` where AWS refuses.
    """
    return [_rule(stage, each) for each in meant]


def _rule(stage: Stage, subscription: Subscription) -> Rule:
    event = subscription.event.__name__
    name = names.rule(stage.name, subscription.queue, event)
    with in_words():
        try:
            told = stage.client("events").describe_rule(Name=name, EventBusName=names.bus(stage.name, subscription.bus))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"Rule {name} does not exist, so {event} has no way to {subscription.queue}: deploy stage {stage.name} "
                "first."
            ) from None
    if told.get("State") == "DISABLED":
        raise UsageError(
            f"Rule {name} is disabled, so a replay would bring nothing: `aws events enable-rule --name {name} "
            f"--event-bus-name {names.bus(stage.name, subscription.bus)}` first."
        )
    return Rule(event, name, told["Arn"])
