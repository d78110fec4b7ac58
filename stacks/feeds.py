"""What feeds a queue: routes, schedules, plans and events, each by its contract, and with a tenant or without.

Whoever asks what may arrive at a queue asks here, so that no kind is forgotten: the rules of the map, the documents,
the alarms and the operator's command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from functions.contracts.contract import Command, Event
from functions.contracts.workflow import FOLLOW_WORKFLOW
from stacks.lanes import fed, together

if TYPE_CHECKING:
    from stacks.entry import Integration, Topology

Contract = type[Command] | type[Event]
Kind = Literal["route", "schedule", "plan", "event"]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One way by which messages come to a queue."""

    kind: Kind
    name: str
    """As a sentence calls it: `Route POST /v1/tickets`, `Schedule 'rate'`, `the Plan of consumer 'plan_ticket'`."""
    word: str
    """As a picture calls it: `POST /v1/tickets`, `TicketOpened`, `rate`, `plan_ticket`."""
    contract: Contract
    subscription: str | None = None
    """What people call the subscription, of an event."""
    is_planned: bool = False
    """Whether what plans commands sends it at its time: always, or where a request says so."""
    is_open: bool = True
    """Whether it still feeds the queue: neither it nor its integration is retired."""
    tenantless: str | None = None
    """What brings its messages without a tenant, named likewise; None where the map knows of none that does.

    It is the feed itself, or what the message came from that planned or published this one."""
    sends: Command | None = None
    """What is sent each time, of a schedule."""


def of(topology: Topology, queue: str) -> tuple[Feed, ...]:
    """What feeds, or fed, the queue of that name: routes, schedules, plans, events, in the map's order.

    A closed lane is fed by nothing any more, and was by what feeds the other lanes."""
    return tuple(_of(topology, queue))


def planners(topology: Topology) -> tuple[str, ...]:
    """The consumers that have commands planned: those with plans, and those of routes that take delays.

    They feed the queue of what plans commands."""
    return tuple(
        consumer.function
        for integration in topology.integrations
        for consumer in integration.consumers
        if consumer.plans or integration.takes_delays(consumer.function)
    )


def contracts(topology: Topology, queue: str) -> tuple[Contract, ...]:
    """What may arrive at the queue of that name, once each."""
    return tuple(dict.fromkeys(feed.contract for feed in of(topology, queue)))


def commands(topology: Topology) -> tuple[type[Command], ...]:
    """Every command of a route, a schedule or a plan, once."""
    each = (contract for queue in topology.queues for contract in contracts(topology, queue.name))
    return tuple(dict.fromkeys(one for one in each if issubclass(one, Command)))


def only_schedules(topology: Topology, queue: str) -> bool:
    """Whether schedules feed the queue of that name, and nothing else does."""
    return {feed.kind for feed in of(topology, queue) if feed.is_open} == {"schedule"}


def refusals(topology: Topology) -> Iterator[str]:
    """Queues that get what their one handler could not all take, one sentence each.

    A consumer accepts one command or some events, as `functions.runtime.message.intake` has it.
    """
    for queue in topology.queues:
        lanes = together(topology.queues, queue)
        if queue.name != lanes[0] or topology.consumer(queue.name).folder == FOLLOW_WORKFLOW:
            continue  # what follows a workflow reads its deadline by itself
        fed = {feed.contract: feed for lane in reversed(lanes) for feed in reversed(of(topology, lane))}
        orders = [feed for feed in reversed(fed.values()) if issubclass(feed.contract, Command)]
        told = [feed for feed in reversed(fed.values()) if issubclass(feed.contract, Event)]
        entry = f"Queue {queue.lane.queue if queue.lane else queue.name!r}"
        if len(orders) > 1:
            one, other = orders[:2]
            yield (
                f"{entry} gets {one.contract.__name__} by {one.name} and {other.contract.__name__} by {other.name}, "
                "and its consumer accepts one command; give each a queue of its own."
            )
        if orders and told:
            yield (
                f"{entry} gets {orders[0].contract.__name__} by {orders[0].name} and events by {told[0].name}, and its "
                "consumer accepts one command or some events; give each a queue of its own."
            )


def _of(topology: Topology, queue: str, seen: set[str] | None = None) -> Iterator[Feed]:
    """What feeds the queue; `seen` is where a search for messages without a tenant was, which begins anew without it.

    A search that finds something ends, so where it was before, it found nothing: each queue is asked once.
    """
    for integration in topology.integrations:
        words = fed(integration.queues, queue)
        yield from _direct(integration, queue, words)
        for consumer in integration.consumers:
            for plan in consumer.plans:
                if plan.queue in words and _is(plan.command, Command):
                    yield Feed(
                        kind="plan",
                        name=f"the Plan of consumer {consumer.function!r}",
                        word=consumer.function,
                        is_planned=True,
                        contract=plan.command,
                        is_open=plan.queue == queue,
                        tenantless=_tenantless(topology, consumer.function, {queue} if seen is None else seen),
                    )
        for subscription in integration.subscriptions:
            if subscription.queue == queue:
                yield Feed(
                    kind="event",
                    name=f"Subscription {subscription.name}",
                    word=subscription.event.__name__,
                    subscription=subscription.name,
                    contract=subscription.event,
                    is_open=not integration.retired,
                    tenantless=_of_event(topology, subscription.event, {queue} if seen is None else seen),
                )


def _direct(integration: Integration, queue: str, words: set[str]) -> Iterator[Feed]:
    """What comes from outside: of a request that says whose it is, or of a schedule, which is nobody's."""
    taken = integration.open_routes()
    for route in integration.routes:
        if not words.isdisjoint(route.queues):
            name = f"Route {route.name}"
            yield Feed(
                kind="route",
                name=name,
                word=route.name,
                is_planned=route.delay,
                contract=route.accepts,
                is_open=route in taken and queue in route.queues,
                tenantless=name if route.tenant is None else None,
            )
    for schedule in integration.schedules:
        if schedule.queue in words and _is(type(schedule.sends), Command):
            name = f"Schedule {schedule.name!r}"
            yield Feed(
                kind="schedule",
                name=name,
                word=schedule.name,
                contract=type(schedule.sends),
                is_open=not integration.retired and schedule.queue == queue,
                tenantless=name,
                sends=schedule.sends,
            )


def _tenantless(topology: Topology, queue: str, seen: set[str]) -> str | None:
    """Who brings messages without a tenant to the queue; None where nobody does, or where it was asked already."""
    if queue in seen:
        return None
    seen.add(queue)
    return next((feed.tenantless for feed in _of(topology, queue, seen) if feed.tenantless), None)


def _of_event(topology: Topology, event: type[Event], seen: set[str]) -> str | None:
    """The same for an event, which has the tenant of the message that it follows from; others' have what they have."""
    publishers = (each.function for each in topology.consumers if event in each.publishes)
    found = (_tenantless(topology, publisher, seen) for publisher in publishers)
    return next((name for name in found if name), None)


def _is(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)
