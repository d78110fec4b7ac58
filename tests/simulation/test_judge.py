"""The judge is judged: what breaks a promise on purpose must be caught, and counted as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.simulation.auditor import Verdict
from tests.simulation.faults import Curse, Outage, Plan
from tests.simulation.kinds import KINDS
from tests.simulation.runs import run, sandboxes
from tests.simulation.sandbox import Sandboxes
from tests.simulation.scenario import Scenario
from tests.simulation.traffic import changed, opened
from tests.simulation.world import World

pytestmark = pytest.mark.long

Modules = dict[str, ModuleType]
SEEDS = range(1, 3)


def verdicts(kind: str, alter: Callable[[str, Modules], None] | None = None) -> Iterator[dict[str, int]]:
    """The counts of some scenarios of the kind, one after the other."""
    within = Sandboxes("tests.sample", alter) if alter else sandboxes()
    return (run(KINDS[kind], seed, size=10, within=within)[1].counts() for seed in SEEDS)


def without_conditions(function: str, modules: Modules) -> None:
    table = modules["functions.runtime.table"]
    conditions = table._condition

    def condition(action: Any) -> dict[str, Any]:
        kept = ("ExpressionAttributeNames", "ExpressionAttributeValues")
        return {name: value for name, value in conditions(action).items() if name in kept}

    table._condition = condition  # type: ignore[attr-defined]


def without_failures(function: str, modules: Modules) -> None:
    _wrap(modules, lambda handler, event, context: (handler(event, context), {"batchItemFailures": []})[1])


def without_order(function: str, modules: Modules) -> None:
    def standard(handler: Any, event: Any, context: Any) -> Any:
        for record in event["Records"]:
            record["eventSourceARN"] = record["eventSourceARN"].removesuffix(".fifo")
        return handler(event, context)

    _wrap(modules, standard)


def without_causes(function: str, modules: Modules) -> None:
    modules["functions.runtime.failures"].client = lambda _: Nothing()  # type: ignore[attr-defined]


def with_random_ids(function: str, modules: Modules) -> None:
    modules["functions.runtime.publisher"].uuid5 = lambda *_: uuid4()  # type: ignore[attr-defined]


def without_events(function: str, modules: Modules) -> None:
    modules["functions.runtime.conclusion"].publish = lambda *_, **__: {}  # type: ignore[attr-defined]


def without_once(function: str, modules: Modules) -> None:
    for module in modules.values():
        if callable(getattr(module, "once", None)):
            vars(module)["once"] = lambda effect, **_: effect() or True


def without_deadline(function: str, modules: Modules) -> None:
    for name in ("conclusion", "consumer", "publisher"):
        vars(modules[f"functions.runtime.{name}"])["within"] = lambda _, body: body()
    vars(modules["functions.runtime.turns"])["SPARE"] = 0


def without_places(function: str, modules: Modules) -> None:
    vars(modules["functions.runtime.park"])["Parking"].verdict = lambda *_: None


def with_places_kept(function: str, modules: Modules) -> None:
    vars(modules["functions.runtime.park"])["Lane"].leave = lambda *_: None


def rejecting(function: str, modules: Modules) -> None:
    reject = modules["functions.runtime.errors"].Reject

    def no(*_: Any) -> None:
        raise reject("no")

    for name, module in modules.items():
        if name.endswith("close_ticket.handler"):
            module.handler.handle = no


def without_taking_back(function: str, modules: Modules) -> None:
    modules["functions.runtime.plans"].taken_back = lambda _: None  # type: ignore[attr-defined]


def too_early(function: str, modules: Modules) -> None:
    plans, planner = modules["functions.runtime.plans"], modules.get("functions.plan_command.handler")
    arrival = plans.arrival
    plans.arrival = lambda record, *rest: None if record.planned_for else arrival(record, *rest)  # type: ignore[attr-defined]
    if planner:
        whole_minute = planner.whole_minute
        planner.whole_minute = lambda at: (whole_minute(at)[0], 0)  # type: ignore[attr-defined]


def without_schedules(function: str, modules: Modules) -> None:
    if planner := modules.get("functions.plan_command.handler"):
        planner.create = lambda *_: None  # type: ignore[attr-defined]


def reformed(function: str, modules: Modules) -> None:
    plans = modules["functions.runtime.plans"]
    delayed = plans._delayed

    def another(*arguments: Any) -> Any:
        ask = delayed(*arguments)
        return replace(ask, text=json.dumps(json.loads(ask.text)))

    plans._delayed = another  # type: ignore[attr-defined]


def anonymous(function: str, modules: Modules) -> None:
    modules["functions.runtime.plans"].CORRELATION_ID = "somebody"  # type: ignore[attr-defined]


def with_random_asks(function: str, modules: Modules) -> None:
    plans = modules["functions.runtime.plans"]
    digest = plans.digest
    plans.digest = lambda *parts: digest(*parts, uuid4().hex)  # type: ignore[attr-defined]


def without_holds(function: str, modules: Modules) -> None:
    modules["functions.runtime.overlap"].begin = lambda *_: None  # type: ignore[attr-defined]


def with_holds_kept(function: str, modules: Modules) -> None:
    modules["functions.runtime.overlap"]._over = lambda *_, **__: None  # type: ignore[attr-defined]


MUTATIONS = {
    "a write without its condition": ("calm", without_conditions, "doubled"),
    "a consumer that acknowledges everything": ("cause", without_failures, "lost"),
    "a consumer that ignores the order of groups": ("halted", without_order, "reordered"),
    "a cause that is never written": ("cause", without_causes, "unexplained"),
    "an event with another id each time": ("calm", with_random_ids, "renamed"),
    "an effect of which nothing is told": ("calm", without_events, "untold"),
    "a mail that no record guards": ("calm", without_once, "doubled"),
    "a handler that refuses what is good": ("calm", rejecting, "died"),
    "a group that goes on without its dead head": ("parked heads", without_places, "reordered"),
    "a group that stays parked": ("parked rejects", with_places_kept, "still_dead"),
    "a redrive that helps nobody": ("undelivered", rejecting, "still_dead"),
    "a plan that is done though it was taken back": ("cancelled", without_taking_back, "unwanted"),
    "a plan of which an earlier ask is done, too": ("debounced", without_taking_back, "unwanted"),
    "a plan that is done as soon as it comes": ("planned", too_early, "early"),
    "a plan that nobody keeps": ("planned", without_schedules, "lost"),
    "a request that waits in another form": ("planned", reformed, "altered"),
    "a plan that forgets who asked": ("planned", anonymous, "altered"),
    "an ask that is another one each time": ("planned", with_random_asks, "doubled"),
    "a run that does not ask whether another is at work": ("skipping", without_holds, "overlapped"),
    "a run that never says that it is over": ("skipping calm", with_holds_kept, "lost"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_consumer_is_caught(name: str) -> None:
    kind, alter, count = MUTATIONS[name]
    assert any(counts[count] for counts in verdicts(kind, alter))


@pytest.mark.parametrize("kind", ["calm", "throttle"])
def test_a_whole_one_is_not(kind: str) -> None:
    for counts in verdicts(kind):
        assert {name: count for name, count in counts.items() if count} == {
            "accepted": counts["accepted"],
            "effects": counts["accepted"],
        }


def test_what_nobody_takes_is_stuck() -> None:
    def disable(world: World) -> None:
        world.pollers["mail_ticket"].enabled = False

    verdict = judged(Scenario([opened(1, "tic-1"), opened(2, "tic-2")], deeds=((0, disable),)))
    assert (verdict.stuck, verdict.lost) == (2, 0)


def test_a_message_that_expires_is_lost() -> None:
    def disable(world: World) -> None:
        def receive() -> None:
            world.queues["open_ticket"].receive(10)

        world.pollers["open_ticket"].enabled = False
        world.clock.at(6 * 86400, receive)

    verdict = judged(Scenario([opened(1, "tic-1")], deeds=((0, disable),), until=7 * 86400))
    assert (verdict.stuck, verdict.lost) == (0, 1)


def test_a_mail_of_which_its_sender_never_heard_may_be_sent_again() -> None:
    unheard = Curse("", "lost, closed", until=100, services=("mail",))
    scenario = Scenario([opened(1, "tic-1")], Plan(curses=(unheard,)))
    evidence = scenario.run("judge", sandboxes())
    assert len(evidence.mails) > 1
    assert (scenario.judged(evidence).doubled, scenario.judged(evidence).died) == (0, 0)


def test_a_group_that_stays_parked_while_nothing_of_it_is_dead_is_shut() -> None:
    place = {"group": {"S": "change_ticket/tic-1"}, f"s{1:020d}": {"S": "9999999999 who"}}
    scenario = Scenario([opened(1, "tic-1")], deeds=((0, lambda world: world.store("parked", place)),))
    assert judged(scenario).shut == 1
    assert judged(Scenario(scenario.sends)).shut == 0


def test_an_effect_that_comes_too_late_is_late() -> None:
    sends = [opened(1, "tic-1"), changed(100, "tic-1", 1)]
    assert judged(Scenario(sends, by=50)).late == 2  # the change, and the note of it in closings
    assert judged(Scenario(sends, by=200)).late == 0


def test_what_is_invoked_while_a_service_is_away_is_counted() -> None:
    sends = [opened(number * 10, f"tic-{number}") for number in range(20)]
    away = Plan(outages=(Outage("dynamodb", 0, 300, "refused"),))
    assert judged(Scenario(sends, away)).spent > 10
    assert judged(Scenario(sends)).spent == 0


def test_a_batch_that_runs_into_the_end_of_its_function_is_counted() -> None:
    hanging = Plan(curses=(Curse("", "hang", until=100, services=("mail",)),))
    scenario = Scenario([opened(1, f"tic-{number}") for number in range(10)], hanging, concurrency=1)
    evidence = scenario.run("judge", Sandboxes("tests.sample", without_deadline))
    assert scenario.judged(evidence).timed_out > 0
    assert judged(Scenario(scenario.sends)).timed_out == 0


class Nothing:
    """A client whose every call does nothing."""

    def __getattr__(self, _: str) -> Callable[..., dict[str, Any]]:
        return lambda **__: {}


def judged(scenario: Scenario) -> Verdict:
    return scenario.judged(scenario.run("judge", sandboxes()))


def _wrap(modules: Modules, around: Callable[[Any, Any, Any], Any]) -> None:
    for name, module in modules.items():
        if name.endswith(".handler"):
            handler = module.handler
            module.handler = lambda event, context, handler=handler: around(handler, event, context)  # type: ignore[attr-defined]


def without_limits(function: str, modules: Modules) -> None:
    modules["functions.runtime.limit"].Limits.run = lambda _, __, ___, ____, handle: handle()


@pytest.mark.parametrize("kind", ["limited", "one at once", "limited groups"])
def test_who_lets_everybody_through_crowds(kind: str) -> None:
    assert any(counts["crowded"] for counts in verdicts(kind, without_limits))
