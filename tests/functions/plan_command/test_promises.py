"""Whatever fails and whoever dies: nothing planned is lost, early or done twice, and the last ask of a key counts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.aws.scheduler import Schedules
from tests.functions.plan_command.world import FAULTS, START, Ask, Fault, World

FAULTY = st.lists(st.sampled_from(FAULTS), max_size=25)
SECOND = 1.0
LATE = 2 * 60.0
"""Seconds that a planned message may be late where nothing fails: Scheduler's minute, and one for its queue."""
LONG = st.floats(min_value=4000, max_value=90_000, allow_nan=False)


def said(one: World) -> list[tuple[str, str]]:
    """The keys, with correlation ids, of which it was logged that a cancellation came too late."""
    lines = [line for line in one.logged if isinstance(line, dict) and line.get("message") == "cancelled too late"]
    return [(line["key"], line["correlation_id"]) for line in lines]


def world(seed: int, faults: list[Fault], asks: list[Ask], waits: list[float]) -> World:
    """All asks are made one second after the other, and read in whatever order `waits` makes of it."""
    one = World(seed, list(faults))
    for place, ask in enumerate(asks):
        one.ask(ask, wait=waits[place % len(waits)] if waits else 0)
        one.now += 1
    return one


@given(
    seed=st.integers(0, 999),
    faults=FAULTY,
    afters=st.lists(
        st.one_of(st.floats(0, 2000), LONG, st.sampled_from([0.0, 59, 60, 61, 89, 90, 119, 900, 901])),
        min_size=1,
        max_size=6,
    ),
)
def test_what_has_no_key_happens_once_and_never_early(seed: int, faults: list[Fault], afters: list[float]) -> None:
    one = world(seed, faults, [Ask(name=f"a{place}", after=after) for place, after in enumerate(afters)], [])
    one.run()
    assert sorted(one.done) == sorted(one.asked)
    for name, times in one.done.items():
        assert len(times) == 1
        assert times[0] >= one.asked[name] - 0.01
    assert not one.schedules


@given(seed=st.integers(0, 999), afters=st.lists(st.floats(0, 100_000), min_size=1, max_size=6))
def test_without_faults_it_is_exact_to_the_minute_and_up_to_15_minutes_to_the_second(
    seed: int, afters: list[float]
) -> None:
    one = world(seed, [], [Ask(name=f"a{place}", after=after) for place, after in enumerate(afters)], [])
    one.run()
    for place, after in enumerate(afters):
        (at,) = one.done[f"a{place}"]
        late = at - one.asked[f"a{place}"]
        assert -0.01 <= late < (2 * SECOND if after <= 890 else LATE)


@given(
    seed=st.integers(0, 999),
    faults=FAULTY,
    kinds=st.lists(st.tuples(st.sampled_from(["plain", "replace", "cancel"]), LONG), min_size=1, max_size=6),
    waits=st.lists(st.floats(0, 300), max_size=6),
)
@settings(max_examples=150)
def test_of_one_key_the_last_ask_counts_in_whatever_order_they_come(
    seed: int, faults: list[Fault], kinds: list[tuple[str, float]], waits: list[float]
) -> None:
    asks = [
        Ask(name=f"a{place}", after=after, key="k", replace=kind == "replace", cancel=kind == "cancel")
        for place, (kind, after) in enumerate(kinds)
    ]
    one = world(seed, faults, asks, waits)
    one.run()
    done = one.done
    assert all(len(times) == 1 for times in done.values())
    assert all(times[0] >= one.asked[name] - 0.01 for name, times in done.items())
    match kinds[-1][0]:
        case "cancel":
            assert done == {}
        case "replace":
            assert list(done) == [asks[-1].name]
        case _:  # it found its key planned, or planned it
            assert len(done) == 1
    assert not one.schedules


@given(seed=st.integers(0, 999), faults=FAULTY, window=st.sampled_from([5.0, 30, 59, 90, 600, 4000]))
def test_a_debounce_runs_the_last_of_a_window_once(seed: int, faults: list[Fault], window: float) -> None:
    one = World(seed)
    for place in range(5):
        one.ask(Ask(name=f"a{place}", after=window, key="k", replace=True))
        one.run(2)
    one.faults = list(faults)
    one.run()
    assert {name: len(times) for name, times in one.done.items()} == {"a4": 1}
    assert one.done["a4"][0] >= one.asked["a4"] - 0.01


def test_after_it_ran_a_new_ask_plans_anew_and_the_same_does_not() -> None:
    one = World()
    one.ask(Ask(name="first", after=1000, key="k"))
    one.run()
    one.ask(Ask(name="first", after=1000, key="k"))
    one.run()
    assert len(one.done["first"]) == 1
    one.ask(Ask(name="second", after=1000, key="k"))
    one.run()
    assert len(one.done["second"]) == 1


def test_what_was_cancelled_stays_cancelled_for_who_asked_before() -> None:
    one = World()
    one.ask(Ask(name="slow", after=5000, key="k"), wait=100)
    one.now += 1
    one.ask(Ask(name="cancel", key="k", cancel=True))
    one.run()
    assert one.done == {}
    one.ask(Ask(name="new", after=5000, key="k"))
    one.run()
    assert list(one.done) == ["new"]


def test_a_cancellation_that_comes_too_late_says_so_and_one_in_time_does_not() -> None:
    one = World()
    one.ask(Ask(name="a", after=5000, key="k"))
    one.run(100)
    one.ask(Ask(name="in time", key="k", cancel=True))
    one.run()
    assert said(one) == []
    one.ask(Ask(name="b", after=100, key="k"))
    one.run()
    one.ask(Ask(name="late", key="k", cancel=True))
    one.run()
    assert list(one.done) == ["b"]
    assert said(one) == [("work/k", "c-late")]


def test_a_plan_makes_the_calls_that_its_price_counts_and_no_others() -> None:
    """`ops cost` and `ops scale` count these: tests/ops/cost/test_costing.py."""
    one = World()
    one.scheduler = Schedules(lambda: one.now, one.random, twice=0)
    for number in range(10):
        one.ask(Ask(name=f"a{number}", after=5000, key=f"k{number}"))
    one.run()
    assert len(one.done) == 10
    # The consumer asks for ten at once; an item and a schedule each, and as each arrives, the write that says so.
    assert one.calls == {"send_message_batch": 1, "update_item": 20, "create_schedule": 10}
    one.calls.clear()
    one.ask(Ask(name="short", after=600))
    one.run()
    assert one.calls == {"send_message_batch": 1, "send_message": 1}, "without a key SQS alone delays it"


def asked_in_turn(*asks: Ask) -> list[str]:
    """Whatever came of asks, each made ten seconds after the one before."""
    one = World()
    one.scheduler = Schedules(lambda: one.now, one.random, twice=0)
    for ask in asks:
        one.ask(ask)
        one.run(10)
    one.run()
    return [name for name, _ in one.seen]


def test_a_repeat_of_a_cancellation_takes_nothing_back_that_was_planned_since() -> None:
    cancel = Ask(name="cancel", key="k", cancel=True)
    first, anew = (Ask(name=name, after=5000, key="k") for name in ("first", "anew"))
    assert asked_in_turn(first, cancel, anew, cancel) == ["anew"]
    assert asked_in_turn(first, cancel, cancel) == []
    assert asked_in_turn(first, cancel, anew, replace(cancel, name="another")) == []


def test_a_repeat_of_what_was_replaced_takes_no_place_again() -> None:
    first, second = (Ask(name=name, after=5000, key="k", replace=True) for name in ("first", "second"))
    assert asked_in_turn(first, second, first) == ["second"]


def test_a_repeat_of_what_ran_before_another_does_not_run_again() -> None:
    first, second = (Ask(name=name, after=3, key="k") for name in ("first", "second"))
    assert asked_in_turn(first, second, first) == ["first", "second"]


def test_a_tenant_cannot_touch_what_another_has_planned() -> None:
    one = World()
    one.ask(Ask(name="blue", after=5000, key="k"), tenant="blue")
    one.now += 1
    one.ask(Ask(name="red", key="k", cancel=True), tenant="red")
    one.run()
    assert list(one.done) == ["blue"]


def test_the_planned_message_keeps_correlation_tenant_and_trace() -> None:
    one = World()
    one.ask(Ask(name="a", after=5000), tenant="blue")
    one.run()
    ((_, message), *_) = one.seen
    assert message.correlation_id == "c-a"
    assert message.tenant == "blue"
    assert message.trace == "Root=1-5"


def test_a_schedule_that_was_left_over_does_nothing() -> None:
    one = World()
    one.ask(Ask(name="a", after=5000, key="k"))
    one.run(100)
    ((name, run),) = one.schedules.items()
    one.ask(Ask(name="b", after=9000, key="k", replace=True))
    one.run(100)
    assert name not in one.schedules
    one.schedules[name] = run
    one.run()
    assert list(one.done) == ["b"]


def test_a_message_of_the_api_waits_as_it_is_and_under_its_key() -> None:
    one = World()
    body = '{ "name": "<aws.scheduler.execution-id> \\u00e9 é" }'
    one.deliver(
        body, idempotency_key="k-1", received_at=str(int(START * 1000)), deliver_at="+5000", route="POST /v1/do"
    )
    one.run(60)
    assert one.done == {}
    assert len(one.schedules) == 1
    with one.as_aws():
        sent = next(iter(one.schedules.values())).target["Input"]
    assert "<aws." not in sent
    one.run()
    ((name, message),) = {each[1].key: each for each in one.seen}.values()
    assert name == "<aws.scheduler.execution-id> \u00e9 é"
    assert message.idempotency_key == "k-1"
    ((at,),) = one.done.values()
    assert START + 5000 <= at < START + 5000 + LATE


def test_the_key_of_a_request_cancels_it() -> None:
    one = World()
    one.deliver('{"name": "a"}', idempotency_key="k-1", received_at=str(int(START * 1000)), deliver_at="+5000")
    one.run(60)
    one.ask(Ask(name="cancel", key="k-1", cancel=True))
    one.run()
    assert one.done == {}


def test_a_request_whose_key_is_another_requests_reaches_its_consumer_all_the_same() -> None:
    one = World()
    for body in ('{"name": "a"}', '{"name": "b"}', '{"name": "a"}'):
        one.deliver(body, idempotency_key="k-1", received_at=str(int(one.now * 1000)), deliver_at="+5000")
        one.run(10)
    one.run()
    assert {name for name, _ in one.seen} == {"a", "b"}
