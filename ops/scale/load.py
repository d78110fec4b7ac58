"""How many messages a second go where: what follows from a rate at the edge, through queues, consumers and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from functions.contracts.plan import PLAN_COMMAND
from ops.cost.costing import plan_name
from stacks import lanes, workflow
from stacks.entry import Consumer, Route, Subscription, Topology

Start = Route | Subscription
"""Where a flow begins: at a route, or at an event that nobody of this map tells, or whose teller nothing feeds."""


@dataclass(frozen=True)
class Load:
    """Messages a second at every place that what begins at the `starts` goes through, in the order of the flow.

    Each start has `rate` a second. `shares` says how many of a consumer's messages tell an event, by the event's name,
    how many of the events a subscription takes, by the subscription's name, and how many ask for a command later, by
    the command's name; what is not there is 1, so that every place has the most that can come to it. What is planned
    comes at the rate at which it is asked for; schedules run at times of their own, and are not counted.
    """

    topology: Topology
    starts: Sequence[Start]
    rate: float
    shares: Mapping[str, float] = field(default_factory=dict)
    routes: dict[str, float] = field(default_factory=dict, init=False)
    """By name: every route of the load."""
    subscriptions: dict[str, float] = field(default_factory=dict, init=False)
    """By name: every subscription that is reached."""
    consumers: dict[str, float] = field(default_factory=dict, init=False)
    """By name: every consumer that is reached, and so its queue."""
    plans: dict[str, float] = field(default_factory=dict, init=False)
    """By name, as `plan_name` has it: every plan that is asked for."""
    planned: dict[str, float] = field(default_factory=dict, init=False)
    """By queue: the messages that come to it out of a schedule."""

    def __post_init__(self) -> None:
        for start in self.starts:
            if isinstance(start, Route):
                self.routes[start.name] = self.routes.get(start.name, 0) + self.rate
                for queue in start.queues:
                    self._arrive(queue, self.rate * self._share(start, queue), ())
            else:
                self._deliver(start, self.rate * self._taken(start), ())

    def _share(self, route: Route, queue: str) -> float:
        return lanes.share(self.topology.queue(queue)) if route.choice is not None else 1

    def _taken(self, subscription: Subscription) -> float:
        """How many of the events the subscription takes; a lane, as long as nobody says it, as many as its share."""
        queue = self.topology.queue(subscription.queue)
        said = lanes.share(queue) if isinstance(subscription.lane, lanes.Place) else 1
        return self.shares.get(subscription.name, said)

    def _deliver(self, subscription: Subscription, rate: float, before: tuple[str, ...]) -> None:
        # An event that follows from itself is followed once: around the circle it would never end.
        if subscription.name not in before:
            self.subscriptions[subscription.name] = self.subscriptions.get(subscription.name, 0) + rate
            self._arrive(subscription.queue, rate, (*before, subscription.name))

    def _arrive(self, queue: str, rate: float, before: tuple[str, ...]) -> None:
        self.consumers[queue] = self.consumers.get(queue, 0) + rate
        for subscription in told(self.topology, self.topology.consumer(queue)):
            event = self.shares.get(subscription.event.__name__, 1)
            self._deliver(subscription, rate * event * self._taken(subscription), before)
        for plan in self.topology.consumer(queue).plans:
            word = plan.command.__name__
            if word not in before:
                asked = rate * self.shares.get(word, 1)
                name = plan_name(self.topology.consumer(queue), plan)
                self.plans[name] = self.plans.get(name, 0) + asked
                self.planned[plan.queue] = self.planned.get(plan.queue, 0) + asked
                self._arrive(PLAN_COMMAND, asked, (*before, word))
                self._arrive(plan.queue, asked, (*before, word))


def told(topology: Topology, consumer: Consumer) -> Iterator[Subscription]:
    """The subscriptions of the events that the consumer publishes on the stage's own bus, where nothing fails."""
    events = set(consumer.publishes) - workflow.bad(topology)
    yield from (each for each in topology.subscriptions if each.bus is None and each.event in events)


def starts(topology: Topology) -> list[Start]:
    """Every route that is open, then every subscription that nothing of them leads to."""
    found: list[Start] = [*topology.routes]
    reached = set(Load(topology, found, 1).subscriptions)
    for subscription in topology.subscriptions:
        if subscription.name not in reached:
            found.append(subscription)
            reached |= set(Load(topology, [subscription], 1).subscriptions)
    return found
