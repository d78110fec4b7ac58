"""A workflow that makes no sense is one sentence that names it and says what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Meta

from functions.contracts.contract import Event, Secret
from functions.contracts.workflow import FOLLOW_WORKFLOW, ITEM, MessageDied
from stacks.entry import Consumer, Integration, Queue, Step, Subscription, Topology, TopologyError, Workflow
from tests.functions.follow_workflow.world import World
from tests.sample.contracts import TicketOpened
from tests.sample.followed import FOLLOWED
from tests.sample.topology import SAMPLE
from tests.sample.visits import (
    PartMissing,
    PartReserved,
    PartReturnAsked,
    PartReturned,
    VanReserved,
    VanReturnAsked,
    VanReturned,
    VisitEvent,
    VisitReady,
    VisitUndone,
)

VISITS = FOLLOWED.integrations[0]
(GOOD,) = VISITS.workflows
PART, VAN = GOOD.steps
PLAIN_VAN = replace(VAN, dies=None)


class Unpublished(VisitEvent, frozen=True, kw_only=True):
    pass


class Begun(VisitEvent, frozen=True, kw_only=True):
    pass


class Keyless(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "visits"


class Numbered(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "visits"

    ticket_id: int


class Hidden(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "visits"

    ticket_id: Annotated[str, Secret]


class ReadyWithPrice(VisitEvent, frozen=True, kw_only=True):
    price: int


class ReadyWithOtherKm(VisitEvent, frozen=True, kw_only=True):
    km: Annotated[int, Meta(ge=0)]


class PartWithPin(VisitEvent, frozen=True, kw_only=True):
    pin: Annotated[str, Secret]


class ReadyWithPin(VisitEvent, frozen=True, kw_only=True):
    pin: str


class UndoneWithPart(VisitEvent, frozen=True, kw_only=True):
    part: str


class UndoneWithNumber(VisitEvent, frozen=True, kw_only=True):
    cause: int


def named(name: str, **fields: Any) -> type[VisitEvent]:
    said = {"__annotations__": fields, "__module__": __name__}
    return type(name, (VisitEvent,), said, frozen=True, kw_only=True)


def topology(*workflows: Workflow, publishes: tuple[type[Event], ...] = (), **changes: Any) -> Topology:
    """The sample's, with these workflows; somebody publishes the events."""
    bare = replace(VISITS, workflows=workflows)
    made = {"plan_visit"}
    consumers = tuple(each for each in bare.consumers if each.function not in made)
    consumers = (replace(consumers[0], publishes=(*consumers[0].publishes, *publishes)), *consumers[1:])
    fields: dict[str, Any] = {
        "queues": tuple(each for each in bare.queues if each.name not in made),
        "consumers": consumers,
        "subscriptions": tuple(each for each in bare.subscriptions if each.queue not in made),
        "tables": tuple(each for each in bare.tables if each.name not in made),
    }
    return Topology(package=FOLLOWED.package, integrations=(replace(bare, **(fields | changes)),))


def of(*steps: Step, **changes: Any) -> Workflow:
    return replace(GOOD, **({"steps": steps} | changes if steps else changes))


AFTER = Step(done=Unpublished, asks=Begun, after=(PartReserved,))
CASES: list[tuple[Workflow, dict[str, Any], str]] = [
    (of(name="Plan Visit"), {}, "'Plan Visit': a name is at most 40 characters of lower_case_words; rename it."),
    (of(steps=()), {}, "'plan_visit' has no steps; list what must be done."),
    (of(replace(PART, done="x")), {}, "'plan_visit': done is 'x', and an event's class belongs there."),  # type: ignore[arg-type]
    (of(PART, replace(VAN, undone=PartReturned)), {}, "'plan_visit' uses PartReturned twice, and could not tell"),
    (of(completes=VanReserved), {}, "'plan_visit' uses VanReserved twice"),
    (of(within=0), {}, "within is 0 s; choose more than 0 and at most a year."),
    (of(within=366 * 86400), {}, "choose more than 0 and at most a year."),
    (of(within=86400 / 7), {}, "within is 12342.857142857143; write a whole number of seconds."),
    (of(within="1"), {}, "within is '1'; write a whole number of seconds."),
    (of(name=None), {}, "a name is at most 40 characters of lower_case_words; rename it."),
    (
        of(PART, replace(VAN, dies=("reserve_van",))),  # type: ignore[arg-type]
        {},
        "step VanReserved: dies is ('reserve_van',), and a consumer's name belongs there.",
    ),
    (
        of(PART, replace(VAN, dies=VanReserved)),  # type: ignore[arg-type]
        {},
        "VanReserved'>, and a consumer's name belongs there.",
    ),
    (of(PART, replace(VAN, failed=(named("PartReserved"),))), {}, "'plan_visit' uses PartReserved twice"),
    (of(on_overdue="stop"), {}, "on_overdue is 'stop'; choose 'wait' or 'undo'."),
    (of(replace(PART, undone=None), VAN), {}, "step PartReserved: undo and undone go together"),
    (of(replace(PART, asks=Begun), VAN), {}, "step PartReserved: asks and after go together"),
    (of(PART, replace(VAN, after=(PartReserved,))), {}, "step VanReserved: asks and after go together"),
    (of(replace(PART, harmless=True), VAN), {}, "step PartReserved has an undo and is harmless; drop one of the two."),
    (
        of(PART, replace(VAN, asks=Begun, after=(VisitReady,))),
        {},
        "step VanReserved comes after VisitReady, which is the done of no step",
    ),
    (
        of(replace(PART, asks=Begun, after=(VanReserved,)), replace(VAN, asks=Unpublished, after=(PartReserved,))),
        {},
        "step PartReserved comes after VanReserved, and that after it, so neither would ever begin; drop one after.",
    ),
    (
        of(replace(PART, asks=Begun, after=(PartReserved,)), VAN),
        {},
        "step PartReserved comes after PartReserved, and that after it",
    ),
    (
        of(replace(PART, asks=Begun, after=(VanReserved,)), VAN),
        {},
        "step PartReserved comes after VanReserved, which is listed later; list it before.",
    ),
    (of(reversed=None), {}, "can be undone, and tells nothing then; set reversed."),
    (
        of(replace(PART, failed=()), PLAIN_VAN, on_overdue="wait"),
        {},
        "is never undone, so nothing would tell reversed; drop it, or say which step can fail.",
    ),
    (
        of(replace(PART, failed=()), PLAIN_VAN, on_overdue="wait", reversed=None),
        {},
        "step PartReserved is never undone, since no step can fail; drop its undo",
    ),
    (of(on_overdue="wait"), {}, "step VanReserved: a worker that is killed at its last attempt tells nobody"),
    (
        of(PART, replace(VAN, undo=None, undone=None)),
        {},
        "what VanReserved does cannot be undone, and a redrive of 'reserve_van' may do it late; add undo and undone to",
    ),
    (
        of(PART, replace(PLAIN_VAN, undo=None, undone=None), on_overdue="wait"),
        {},
        "what VanReserved does cannot be undone where PartReserved fails later; add undo and undone to VanReserved, or",
    ),
    (
        of(replace(PART, failed=()), replace(PLAIN_VAN, undo=None, undone=None)),
        {},
        "what VanReserved does cannot be undone where it comes after the deadline; add",
    ),
    (
        of(PART, VAN, replace(AFTER, undo=None)),
        {},
        "what Unpublished does cannot be undone where VanReserved fails later",
    ),
    (of(replace(PART, failed=(Unpublished,)), VAN), {}, "no consumer publishes Unpublished, so it would wait for ever"),
    (
        of(),
        {"subscriptions": (Subscription(event=PartReturnAsked, queue="return_part"),)},
        "no queue takes VanReturnAsked, the undo of VanReserved; add a Subscription.",
    ),
    (
        of(PART, VAN, replace(AFTER, after=(PartReserved, VanReserved))),
        {"publishes": (Unpublished,)},
        "no queue takes Begun, the asks of Unpublished; add a Subscription.",
    ),
    (
        of(key="state"),
        {},
        "the item says 'state' of each of them itself; choose another field for the key, or rename it.",
    ),
    (of(key="visit_id"), {}, "PartReserved has no field 'visit_id', by which it would know what belongs together"),
    (
        of(replace(PART, failed=(Keyless,)), VAN),
        {"publishes": (Keyless,)},
        "Keyless has no field 'ticket_id', so nobody knows which one it is about; add it.",
    ),
    (
        of(replace(PART, failed=(Numbered,)), VAN),
        {"publishes": (Numbered,)},
        "'ticket_id' is of one type in PartReserved and another in Numbered; make them the same.",
    ),
    (of(replace(PART, done=Numbered), VAN), {"publishes": (Numbered,)}, "'ticket_id' of Numbered is no text"),
    (of(replace(PART, done=Hidden), VAN), {"publishes": (Hidden,)}, "'ticket_id' is secret, and a key is seen in logs"),
    (of(PART, replace(VAN, dies="nobody")), {}, "there is no consumer 'nobody' of which it could be told that it dies"),
    (of(PART, replace(VAN, dies="plan_visit")), {}, "there is no consumer 'plan_visit' of which"),
    (
        of(completes=ReadyWithPrice),
        {},
        "ReadyWithPrice.price is required, and VanReserved, PartReserved do not say it; add it to one of its facts",
    ),
    (of(completes=ReadyWithOtherKm), {}, "ReadyWithOtherKm.km is of another type in VanReserved, which fills it"),
    (
        of(replace(PART, done=PartWithPin), VAN, completes=ReadyWithPin),
        {"publishes": (PartWithPin,)},
        "ReadyWithPin.pin is of another type in PartWithPin, which fills it; make them the same.",
    ),
    (of(reversed=UndoneWithPart), {}, "UndoneWithPart.part is required, and no fact is sure to be there by then; add"),
    (of(reversed=UndoneWithNumber), {}, "UndoneWithNumber.cause is filled by the workflow, as text; make it that, or"),
    (
        of(replace(PART, failed=(PartMissing, *(named(f"NoPart{number:040}") for number in range(70)))), VAN),
        {},
        "bytes of its function's variables, of at most 2,500; make two of it",
    ),
]


@pytest.mark.parametrize(("workflow", "changes", "sentence"), CASES)
def test_a_workflow_that_makes_no_sense_is_one_sentence_that_names_it(
    workflow: Workflow, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TopologyError) as refused:
        topology(workflow, **changes)
    said = str(refused.value)
    assert sentence in said
    assert said.startswith("Workflow ")
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize(
    "workflow",
    [
        of(),
        of(PART, replace(PLAIN_VAN, undo=None, undone=None, harmless=True), on_overdue="wait"),
        of(replace(PART, failed=()), replace(PLAIN_VAN, failed=()), reversed=VisitUndone),
    ],
)
def test_a_workflow_that_makes_sense_is_taken(workflow: Workflow) -> None:
    assert topology(workflow, publishes=(VanReturnAsked,)).workflows == (workflow,)


def test_what_cannot_be_undone_is_taken_where_it_is_asked_for_last() -> None:
    last = Step(done=Unpublished, asks=Begun, after=(PartReserved, VanReserved))
    takes = (*VISITS.subscriptions, Subscription(event=Begun, queue="return_van"))
    takes = tuple(each for each in takes if each.queue != "plan_visit")
    made = topology(of(PART, VAN, last), publishes=(Unpublished,), subscriptions=takes)
    assert made.workflows[0].steps[2] == last


def test_two_workflows_of_one_name_are_refused() -> None:
    with pytest.raises(TopologyError, match="Workflow 'plan_visit' is listed twice; remove one or rename it"):
        topology(GOOD, replace(GOOD, within=5))


def test_a_message_of_a_consumer_that_dies_says_whose_it_is() -> None:
    others = tuple(each for each in SAMPLE.integrations if not each.is_planning)
    changed = replace(VISITS, workflows=(of(PART, replace(VAN, dies="receive_webhook")),))
    with pytest.raises(TopologyError, match="ReceiveWebhook, a message of 'receive_webhook', has no field 'ticket_id'"):
        Topology(package=SAMPLE.package, integrations=(*others, changed))


def test_compensations_that_make_each_other_fail_are_a_cycle() -> None:
    class OtherUndone(VisitEvent, frozen=True, kw_only=True):
        cause: str

    class Other(VisitEvent, frozen=True, kw_only=True):
        pass

    first = of(replace(PART, failed=(PartMissing, OtherUndone)), VAN)
    second = Workflow(
        "second_visit",
        key="ticket_id",
        steps=(Step(done=TicketOpened, failed=(VisitUndone,), harmless=True),),
        within=60,
        completes=named("SecondReady"),
        overdue=named("SecondOverdue"),
        reversed=OtherUndone,
    )
    second = replace(second, steps=(replace(second.steps[0], done=Other),))
    with pytest.raises(TopologyError) as refused:
        topology(first, second, publishes=(Other,))
    assert str(refused.value) == (
        "Workflow 'plan_visit': its compensation makes 'second_visit' fail, and that of 'plan_visit' fail again; let a "
        "step fail by what is no compensation."
    )


def test_the_handler_of_workflows_is_nobody_elses() -> None:
    consumer = Consumer(function="work", handler=FOLLOW_WORKFLOW)
    with pytest.raises(TopologyError, match="Consumer 'work': follow_workflow follows workflows; write a Workflow"):
        Topology(integrations=(Integration("i", queues=(Queue(name="work"),), consumers=(consumer,)),))


def test_the_undo_of_a_step_is_filled_from_its_own_fact() -> None:
    assert GOOD.rule().sources("VanReturnAsked") == ("VanReserved",)
    assert (VanReturnAsked, VanReturned) == (VAN.undo, VAN.undone)


def test_what_a_workflow_says_in_its_item_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(GOOD.rule(), monkeypatch)
    world.fact(PartReserved(ticket_id="t1", part="pump"), "e1")
    world.fact(PartMissing(ticket_id="t1", reason="none"), "e2")
    world.fact(MessageDied(consumer="reserve_van", keys={"ticket_id": "t1"}, cause="no"), "e3")
    assert {*world.item("t1")} - {GOOD.key} == {*ITEM}


def retiring(topology: Topology, name: str) -> Topology:
    integrations = (replace(each, retired=each.name == name or each.retired) for each in topology.integrations)
    return replace(topology, integrations=tuple(integrations))


def test_an_integration_with_a_workflow_and_those_who_undo_for_it_is_retired() -> None:
    retired = retiring(FOLLOWED, "visits")
    assert retired.workflows
    assert not retired.subscriptions


def test_who_undoes_is_retired_after_the_workflow_that_asks_for_it() -> None:
    bare = replace(VISITS, workflows=())
    takes = tuple(each for each in bare.subscriptions if each.queue != "plan_visit")
    consumers = tuple(each for each in bare.consumers if each.function != "plan_visit")
    bare = replace(
        bare,
        subscriptions=takes,
        consumers=consumers,
        queues=tuple(each for each in bare.queues if each.name != "plan_visit"),
        tables=tuple(each for each in bare.tables if each.name != "plan_visit"),
    )
    both = Topology(package=FOLLOWED.package, integrations=(bare, Integration("planners", workflows=(GOOD,))))
    with pytest.raises(TopologyError) as refused:
        retiring(both, "visits")
    assert str(refused.value) == (
        "Workflow 'plan_visit': PartReturnAsked, the undo of PartReserved, is taken by 'visits' alone, which is "
        "retired; retire the workflow's integration first, or let another queue take it."
    )
    assert retiring(retiring(both, "planners"), "visits").workflows == (GOOD,)
