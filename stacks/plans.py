"""What a consumer may have handled later, and what such an entry must keep to, one sentence a broken rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from functions.contracts.contract import Command
from functions.contracts.path import path_field
from functions.contracts.workflow import FOLLOW_WORKFLOW

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Topology


@dataclass(frozen=True)
class Plan:
    """What a consumer may have handled later: its handler returns `Later(command, …)`, and `Cancel` to take it back."""

    command: type[Command]
    """The contract of the message."""
    _: KW_ONLY
    queue: str
    """The standard queue that it goes to at its time, of the same integration."""


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the plans."""
    for integration in topology.integrations:
        for consumer in integration.consumers:
            yield from _consumer(integration, consumer)


def _consumer(integration: Integration, consumer: Consumer) -> Iterator[str]:
    queues = {queue.name: queue for queue in integration.queues}
    fed = {subscription.queue for subscription in integration.subscriptions}
    known: set[str] = set()
    for plan in consumer.plans:
        entry = f"Consumer {consumer.function!r}"
        if not (isinstance(plan.command, type) and issubclass(plan.command, Command)):
            yield f"{entry} plans {plan.command!r}, which is no command; name the class, such as Plan(RemindAgent, …)."
            return
        word = plan.command.__name__
        entry += f" plans {word}"
        if plan.queue not in queues:
            yield f"{entry} to queue {plan.queue!r}, which {integration.name!r} does not list; add the Queue."
        elif queues[plan.queue].fifo:
            yield f"{entry} to FIFO queue {plan.queue!r}, which takes no delay of one message; name a standard one."
        elif plan.queue in fed and consumer.folder != FOLLOW_WORKFLOW:
            yield f"{entry} to queue {plan.queue!r}, which events feed; give the command a queue of its own."
        if path_field(plan.command) is not None:
            yield f"{entry}, which takes a field from the path of a request; plan a command that has all in its body."
        if word in known:
            yield f"{entry} twice; remove one."
        known.add(word)
