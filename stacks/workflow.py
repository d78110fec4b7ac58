"""The entry of a workflow: what several facts together come to, and what a topology makes of it.

A workflow is a queue that its facts feed, a consumer with the platform's handler, and a table with an item for each
key. All three have its name, and belong to its integration like what somebody wrote there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Literal

from functions.contracts.contract import Event
from functions.contracts.workflow import FOLLOW_WORKFLOW, MessageDied, StepRule, WorkflowDue, WorkflowRule, written
from stacks.plans import Plan

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Queue, Topology


@dataclass(frozen=True, kw_only=True)
class Step:
    """One part of a workflow, which is done when a fact says so."""

    done: type[Event]
    """The fact that says that it is done; no other step has it."""
    failed: tuple[type[Event], ...] = ()
    """The facts that say that it will not be done."""
    dies: str | None = None
    """The consumer that does it: when a message of it has had its last attempt, the step has failed."""
    undo: type[Event] | None = None
    """The event that asks for it to be undone. Whoever takes it says `undone`, also where nothing is left to undo."""
    undone: type[Event] | None = None
    """The fact that says that it is undone; what was done before it is undone after that."""
    asks: type[Event] | None = None
    """The event that asks for it, once all that it comes `after` is done."""
    after: tuple[type[Event], ...] = ()
    """The `done` of the steps that must be done first; they are listed before it."""
    harmless: bool = False
    """Whether it may stay as it is while everything else is undone, such as a mail that says what comes next."""


@dataclass(frozen=True)
class Workflow:
    """Steps that belong together: all of them are done, or what is done is undone.

    docs/patterns/workflow.md begins with an example.
    """

    name: str
    """In lower_case_words; its queue, its consumer and its table have the same name."""
    _: KW_ONLY
    key: str
    """The field that says which of them a fact belongs to; every fact has it."""
    steps: tuple[Step, ...]
    """What is done in any order, unless a step comes `after` others; what is done is undone from the last to the
    first."""
    within: int
    """Seconds from its first fact to its deadline, at most a year."""
    completes: type[Event]
    """What is told once all steps are done."""
    overdue: type[Event]
    """What is told once the deadline is over and some step is not done."""
    reversed: type[Event] | None = None
    """What is told once a step has failed and everything that was done is undone."""
    on_overdue: Literal["wait", "undo"] = "wait"
    """What becomes of one that is overdue: it goes on waiting, or it is undone, and so is what is done late."""

    def rule(self) -> WorkflowRule:
        """The same as its function is told it."""
        ends = (self.completes, self.overdue, *((self.reversed,) if self.reversed else ()))
        modules: dict[str, tuple[str, ...]] = {}
        for event in dict.fromkeys((*(each for step in self.steps for each in _events(step)), *ends)):
            modules[event.__module__] = (*modules.get(event.__module__, ()), event.__name__)
        return WorkflowRule(
            name=self.name,
            key=self.key,
            within=self.within,
            steps=tuple(_rule(step) for step in self.steps),
            completes=self.completes.__name__,
            overdue=self.overdue.__name__,
            reversed=self.reversed.__name__ if self.reversed else None,
            undoes=self.on_overdue == "undo",
            modules=modules,
        )

    def facts(self) -> tuple[type[Event], ...]:
        """The events that it listens to, beside the ends of consumers."""
        each = [(step.done, *step.failed, *((step.undone,) if step.undone else ())) for step in self.steps]
        return tuple(event for events in each for event in events)

    def told(self) -> tuple[type[Event], ...]:
        """The events that it tells, that of its good end first."""
        asked = [event for step in self.steps for event in (step.asks, step.undo) if event]
        return (self.completes, *asked, self.overdue, *((self.reversed,) if self.reversed else ()))

    @property
    def dies(self) -> tuple[str, ...]:
        """The consumers of which it is told when a message of them dies."""
        return tuple(dict.fromkeys(step.dies for step in self.steps if step.dies))


def _events(step: Step) -> Iterator[type[Event]]:
    yield step.done
    yield from step.failed
    yield from (each for each in (step.undo, step.undone, step.asks) if each)


def _rule(step: Step) -> StepRule:
    return StepRule(
        done=step.done.__name__,
        failed=tuple(each.__name__ for each in step.failed),
        dies=step.dies,
        undo=step.undo.__name__ if step.undo else None,
        undone=step.undone.__name__ if step.undone else None,
        asks=step.asks.__name__ if step.asks else None,
        after=tuple(each.__name__ for each in step.after),
        harmless=step.harmless,
    )


def bad(topology: Topology) -> set[type[Event]]:
    """The events that workflows are told or tell only where something fails or is late."""
    ends = {event for each in topology.workflows for event in (each.overdue, each.reversed) if event}
    return ends | {step.undo for each in topology.workflows for step in each.steps if step.undo} | {MessageDied}


def variable(consumer: Consumer, topology: Topology) -> str | None:
    """What the stack tells the consumer of the workflow that it follows; None if it follows none."""
    if consumer.folder != FOLLOW_WORKFLOW:
        return None
    return written(next(each.rule() for each in topology.workflows if each.name == consumer.function))


def keys(consumer: Consumer, topology: Topology) -> str | None:
    """The consumer as workflows name it, and the fields by which they know its messages; None if none names it."""
    own = _known(consumer.function, topology.queues)
    named = dict.fromkeys(each.key for each in topology.workflows if own in each.dies)
    return " ".join((own, *named)) if named else None


def _known(consumer: str, queues: Iterable[Queue]) -> str:
    """The consumer as workflows name it: those of all lanes of a queue by the queue's own name."""
    return next((each.lane.queue for each in queues if each.name == consumer and each.lane), consumer)


def expanded(integrations: tuple[Integration, ...]) -> tuple[Integration, ...]:
    """The integrations with what their workflows consist of, however often they were expanded before."""
    if not any(each.workflows or _tells_deaths(each) for each in integrations):
        return integrations
    dying = {name for each in integrations for workflow in each.workflows for name in workflow.dies}
    return tuple(_telling(_with_workflows(each), dying) for each in integrations)


def _tells_deaths(integration: Integration) -> bool:
    return any(MessageDied in consumer.publishes for consumer in integration.consumers)


def _telling(integration: Integration, dying: Iterable[str]) -> Integration:
    """The integration whose consumers tell of messages that die, where a workflow names them."""

    def telling(consumer: Consumer) -> Consumer:
        told = tuple(event for event in consumer.publishes if event is not MessageDied)
        told += (MessageDied,) if _known(consumer.function, integration.queues) in dying else ()
        return consumer if told == consumer.publishes else replace(consumer, publishes=told)

    return replace(integration, consumers=tuple(map(telling, integration.consumers)))


def _with_workflows(integration: Integration) -> Integration:
    from stacks.entry import Access, Consumer, Queue, Subscription, Table

    names = {each.name for each in integration.workflows}
    made = {each.function for each in integration.consumers if each.folder == FOLLOW_WORKFLOW} & names
    queues = [each for each in integration.queues if each.name not in made]
    consumers = [each for each in integration.consumers if each.function not in made]
    subscriptions = [each for each in integration.subscriptions if each.queue not in made]
    tables = [each for each in integration.tables if each.name not in made]
    for workflow in integration.workflows:
        name = workflow.name
        queues.append(Queue(name=name))
        consumers.append(
            Consumer(
                function=name,
                handler=FOLLOW_WORKFLOW,
                access=(Access(table=name, actions=("GetItem", "PutItem")),),
                publishes=tuple(dict.fromkeys(workflow.told())),
                plans=(Plan(WorkflowDue, queue=name),),
            )
        )
        subscriptions += [Subscription(event=event, queue=name) for event in dict.fromkeys(workflow.facts())]
        if workflow.dies:
            subscriptions.append(Subscription(event=MessageDied, queue=name, filter={"consumer": list(workflow.dies)}))
        tables.append(Table(name=name, key=workflow.key, expires=True))
    return replace(
        integration,
        queues=tuple(queues),
        consumers=tuple(consumers),
        subscriptions=tuple(subscriptions),
        tables=tuple(tables),
    )
