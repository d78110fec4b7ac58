"""The kinds of entry that a topology is made of.

Plain frozen data without `aws_cdk`: the stacks, the operator's command, the local run and the documents all read it.
What an entry must keep to is in `stacks.rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from functions.contracts.contract import Event
from functions.contracts.plan import PLAN_COMMAND
from functions.contracts.workflow import FOLLOW_WORKFLOW
from stacks import lane_rules, lanes, names, rules, workflow
from stacks.lanes import Lane, Lanes, Place, Range
from stacks.limits import Limit
from stacks.plans import Plan
from stacks.route import Authorization, Authorized, Route
from stacks.rules import TopologyError
from stacks.schedule import Schedule
from stacks.status import Status
from stacks.workflow import Step, Workflow

DAY = 24 * 60 * 60
PLATFORM = "functions"
"""The package of the platform's own functions."""
PLATFORMS = {PLAN_COMMAND, FOLLOW_WORKFLOW}
"""The folders of consumers that are the platform's own."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A work queue, which always has a dead-letter queue of the same type."""

    name: str
    """In lower_case_words; its consumer, and the consumer's folder, have the same name."""
    fifo: bool = False
    """Whether messages of one group are taken in their order. Only routes feed such a queue."""
    retention: int = 4 * DAY
    """Seconds a message may wait. The dead-letter queue always keeps 14 days, SQS's longest."""
    receives: int = 5
    """Receives before SQS moves a message to the dead-letter queue."""
    backoff_base: float = 2
    """Seconds that a message waits after its first failure, at the most; the wait doubles with every further one."""
    backoff_cap: float = 900
    """Seconds that a message waits after a failure, at the most."""
    on_poison: Literal["continue", "halt", "park"] = "continue"
    """What a FIFO group does about a message that keeps failing, and so what order means.

    `continue`: the message is in the dead-letter queue after its receives, and the group goes on without it. Effects
    are in the accepted order but for what is dead: a redrive applies that late, after all that went on meanwhile.

    `halt`: nothing of the group overtakes it; the group stands still until a person removes the cause, and the next
    attempt succeeds. Effects are in the accepted order, always. Its cost: the message is attempted again and again, at
    the latest every `backoff_cap` seconds, and the alarm that tells is the age of the oldest message, not the
    dead-letter queue. What is not fixed within nine tenths of the retention goes to the dead-letter queue after all,
    because SQS would delete it at the end.

    `park`: the message is in the dead-letter queue after its receives, and the later ones of its group follow it there,
    each with the cause `GroupParked: behind` the first. Effects are in the accepted order, through dead letters too: a
    redrive, with `python -m ops` or the console, of some or all of them applies them in that order, and new messages
    wait their turn behind. The group opens once nothing of it is parked: what was handled and what `ops drop` deletes
    no longer counts. Its cost: one read of DynamoDB a batch, a write or two in a group where something failed, and
    one dead head makes dead letters of all that come after it in its group until it is redriven or dropped.
    """
    lanes: Lanes | None = None
    """Its lanes, so that what is urgent does not wait behind what is not. Standard queues only."""
    lane: Place | None = None
    """Which lane of which queue it is; the topology says so, and nobody else."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a function may do with a table: the table's name and DynamoDB actions such as `PutItem`."""

    table: str
    """The table's name; `keys` is the table of claimed idempotency keys that all integrations share."""
    actions: tuple[str, ...]
    """DynamoDB's actions, such as `PutItem`. A transaction needs those of its parts, PartiQL its own."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a function may do with anything that is neither a table nor a secret of the map, nor the stage's bus."""

    actions: tuple[str, ...]
    """IAM's actions of one service in full, such as `s3:GetObject`."""
    resources: tuple[str, ...]
    """The ARNs that all of the actions are for, such as `arn:{partition}:s3:::uploads-{stage}/in/*`. `{stage}`,
    `{partition}`, `{region}` and `{account}` stand for the stack's own. `*` only where AWS knows no resource, or where
    common calls name none."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A Lambda function, named after its folder in `functions/`, and how it takes messages from its queue.

    The queue it takes them from has the same name.
    """

    function: str
    """The queue's name, and the folder with its `handler.py`."""
    batch: int = 10
    """Messages a batch, at the most."""
    window: int = 0
    """Seconds to wait for a fuller batch."""
    timeout: int = 30
    """Seconds one batch may take."""
    memory: int = 256
    """MB."""
    concurrency: int | None = None
    """Batches at once, at the most (2 to 1,000)."""
    access: tuple[Access, ...] = ()
    """What it may do with tables; it may do nothing with any other."""
    publishes: tuple[type[Event], ...] = ()
    """The events that it may publish."""
    sends_email: bool = False
    """Whether it may send e-mail from the stage's `email_sender`, each once."""
    secrets: tuple[str, ...] = ()
    """The secrets it reads, by their names in Secrets Manager without project and stage."""
    vpc: bool = False
    """Whether it runs in the stage's VPC, to reach what is private there. Stage `local` has none."""
    grants: tuple[Grant, ...] = ()
    """What else it may do: read a bucket's folder, ask a model, send to another queue."""
    limits: tuple[Limit, ...] = ()
    """How many messages a second, and at once, it lets through; a message waits for them in this order."""
    plans: tuple[Plan, ...] = ()
    """The commands that it may have handled later."""
    handler: str | None = None
    """The folder with its `handler.py` where that is not the function's name, such as one that two consumers share."""

    @property
    def folder(self) -> str:
        """The folder with its `handler.py`."""
        return self.handler or self.function


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """An event that reaches a queue; `filter` narrows it by the event's data, in EventBridge's pattern language."""

    event: type[Event]
    """The contract of the event. A source with a dot is another project's, in full."""
    queue: str
    """The queue that it feeds, of the same integration. Standard queues only."""
    filter: Mapping[str, Any] = field(default_factory=dict)
    """What the event's data must be, such as `{"language": ["EN"]}`; without one every event is taken."""
    bus: str | None = None
    """The ARN, or the name, of another project's bus that the event comes from, in this account and region; `{stage}`
    stands for the stage. The contract is
    one's own then, with the publisher's `source` in full."""
    lane: str | Lane | Place | None = None
    """What chooses the lane, where the queue has lanes: a field of the event that names it, or a `Lane`, which says
    which values mean which. The topology makes one subscription a lane of it, each with its place."""

    @property
    def name(self) -> str:
        """How people call the subscription: `assign_ticket on TicketOpened`."""
        return f"{self.queue} on {self.event.__name__}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A DynamoDB table with a string partition key; items with `expires_at` (epoch seconds) go after that time."""

    name: str
    """In lower_case_words; functions find it as `TABLE_<NAME>` in their environment."""
    key: str
    """The partition key, a string."""
    expires: bool = False
    """Whether items go after their `expires_at`."""
    seed: tuple[Mapping[str, Any], ...] = ()
    """Items that a fresh stack on this machine starts with: text, whole numbers, lists and maps."""


@dataclass(frozen=True)
class Integration:
    """What one team owns, in one stack of its own: it can be deployed alone, and removed without touching another.

    `retired` takes its routes and subscriptions away and keeps everything else until all is drained, which
    `python -m ops retire NAME` tells; only then the entry may go.
    """

    name: str
    """In lower-case words joined by hyphens; its stack is `<project>-<stage>-<name>`."""
    _: KW_ONLY
    retired: bool = False
    """Whether it is on its way out."""
    routes: tuple[Route, ...] = ()
    """The requests that feed its queues."""
    queues: tuple[Queue, ...] = ()
    """Its queues, each fed by routes and schedules, or by subscriptions."""
    consumers: tuple[Consumer, ...] = ()
    """The functions, one for each queue."""
    subscriptions: tuple[Subscription, ...] = ()
    """The events that feed its queues."""
    tables: tuple[Table, ...] = ()
    """The tables that only its own functions use."""
    schedules: tuple[Schedule, ...] = ()
    """The commands that feed its queues again and again."""
    statuses: tuple[Status, ...] = ()
    """What of its things can be read by the API."""
    workflows: tuple[Workflow, ...] = ()
    """What several facts together come to; each has a queue, a consumer and a table of its name."""

    def open_routes(self) -> tuple[Route, ...]:
        """The routes that feed its queues, as long as it is not retired."""
        return () if self.retired else tuple(route for route in self.routes if not route.retired)

    def secrets(self) -> tuple[str, ...]:
        """Every secret that some consumer of it reads, once."""
        return tuple(sorted({secret for consumer in self.consumers for secret in consumer.secrets}))

    @property
    def is_planning(self) -> bool:
        """Whether it is the platform's own that plans commands, which comes by itself where something is delayed."""
        return self.name == names.PLANNING and tuple(queue.name for queue in self.queues) == (PLAN_COMMAND,)

    def delayed(self, queue: str) -> bool:
        """Whether messages of the queue of that name are planned: by a consumer, or by a route that takes delays."""
        fed = lanes.fed(self.queues, queue)
        return self.takes_delays(queue) or any(plan.queue in fed for each in self.consumers for plan in each.plans)

    def takes_delays(self, queue: str) -> bool:
        """Whether a route that takes delays feeds, or fed, the queue of that name."""
        fed = lanes.fed(self.queues, queue)
        return any(route.delay and not fed.isdisjoint(route.queues) for route in self.routes)

    def fed_by_events(self, queue: str) -> bool:
        """Whether a subscription feeds, or fed, the queue of that name."""
        return any(subscription.queue == queue for subscription in self.subscriptions)

    def scheduled(self, queue: str) -> tuple[Schedule, ...]:
        """The schedules that feed, or fed, the queue of that name."""
        return tuple(schedule for schedule in self.schedules if schedule.queue == queue)


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Everything that exists, checked when it is made.

    `package` is where the functions are: a folder each, named as its consumer. Raises `TopologyError` for an entry that
    makes no sense.
    """

    integrations: tuple[Integration, ...] = ()
    """In the order in which pictures and lists show them."""
    package: str = "functions"
    """The Python package with the folders of the functions."""

    def __post_init__(self) -> None:
        # Made of another topology, it may hold what plans already.
        if isinstance(self.integrations, tuple):
            own = tuple(each for each in self.integrations if not getattr(each, "is_planning", False))
            object.__setattr__(self, "integrations", own)
        rules.check_shapes(self)
        for sentence in lane_rules.refusals(self):
            raise TopologyError(sentence)
        object.__setattr__(self, "integrations", workflow.expanded(tuple(map(lanes.expanded, self.integrations))))
        rules.check(self)
        if any(self.delayed()):
            from stacks.planning import PLANNING

            object.__setattr__(self, "integrations", (*self.integrations, PLANNING))

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes that are not retired, neither alone nor with their integration."""
        return tuple(route for each in self.integrations for route in each.open_routes())

    @property
    def retired_routes(self) -> tuple[Route, ...]:
        """The routes that are retired, alone or with their integration: they answer 404 until the entry goes."""
        return tuple(route for each in self.integrations for route in each.routes if route not in each.open_routes())

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The subscriptions of every integration that is not retired."""
        return tuple(entry for each in self.integrations if not each.retired for entry in each.subscriptions)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules of every integration that is not retired."""
        return tuple(entry for each in self.integrations if not each.retired for entry in each.schedules)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of every consumer."""
        return tuple(plan for consumer in self.consumers for plan in consumer.plans)

    @property
    def workflows(self) -> tuple[Workflow, ...]:
        """The workflows of every integration."""
        return tuple(entry for each in self.integrations for entry in each.workflows)

    @property
    def queues(self) -> tuple[Queue, ...]:
        """The queues of every integration."""
        return tuple(queue for each in self.integrations for queue in each.queues)

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """The consumers of every integration."""
        return tuple(consumer for each in self.integrations for consumer in each.consumers)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of every integration."""
        return tuple(table for each in self.integrations for table in each.tables)

    @property
    def events(self) -> tuple[type[Event], ...]:
        """Every event that some consumer publishes, once, in the topology's order."""
        return tuple(dict.fromkeys(event for consumer in self.consumers for event in consumer.publishes))

    @property
    def skips(self) -> bool:
        """Whether some schedule skips a run while the one before waits or is at work."""
        return any(schedule.skips for each in self.integrations for schedule in each.schedules)

    def queue(self, name: str) -> Queue:
        """The queue of that name. Raises `KeyError` if there is none."""
        return {queue.name: queue for queue in self.queues}[name]

    def consumer(self, name: str) -> Consumer:
        """The consumer of the queue of that name. Raises `KeyError` if there is none."""
        return {consumer.function: consumer for consumer in self.consumers}[name]

    def integration(self, name: str) -> Integration:
        """The integration of that name. Raises `KeyError` if there is none."""
        return {each.name: each for each in self.integrations}[name]

    def module(self, function: str) -> str:
        """The Python module with the handler of the function of that name."""
        folder = self.consumer(function).folder
        return f"{PLATFORM if folder in PLATFORMS else self.package}.{folder}.handler"

    def delayed(self) -> Iterator[str]:
        """The names of the queues of which messages are planned."""
        yield from (queue.name for each in self.integrations for queue in each.queues if each.delayed(queue.name))

    def fed(self, words: tuple[str, ...]) -> list[str]:
        """Those queues, and the closed lanes that what feeds them fed."""
        return [each.name for each in self.queues if not lanes.fed(self.queues, each.name).isdisjoint(words)]

    def fed_by_events(self) -> Iterator[str]:
        """The names of the queues that subscriptions feed, or fed before their integration was retired."""
        yield from (queue.name for each in self.integrations for queue in each.queues if each.fed_by_events(queue.name))

    def scheduled(self) -> Iterator[str]:
        """The names of the queues that schedules feed, or fed before their integration was retired, and of what plans.

        Each has a queue of what EventBridge Scheduler could not send.
        """
        for each in self.integrations:
            yield from (queue.name for queue in each.queues if each.is_planning or each.scheduled(queue.name))


__all__ = ["Access", "Authorization", "Authorized", "Consumer", "Grant", "Integration", "Lane", "Lanes", "Limit"]
__all__ += ["Plan", "Queue", "Range", "Route", "Schedule", "Status", "Step", "Subscription", "Table", "Topology"]
__all__ += ["TopologyError", "Workflow"]
