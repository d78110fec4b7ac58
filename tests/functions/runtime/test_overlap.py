"""Runs of a schedule that must not overlap: one at a time, whoever dies, and none for ever."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.contracts.run import Run
from functions.runtime import overlap
from functions.runtime.consumer import consumer
from functions.runtime.errors import Reject, Retry
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import Table
from local.rehearsal import Rehearsal
from stacks import names
from stacks.entry import Topology
from tests.examples import examples
from tests.functions.events import batch, record
from tests.functions.fakes import refusal
from tests.functions.runtime.overlapping import Runs as RunsTable
from tests.functions.runtime.overlapping import World
from tests.sample.contracts import RateTickets
from tests.sample.scheduled import SCHEDULED

NAME = "rate_at_six"
RATE = RateTickets(language="DE")
MINUTE = 60
BASE = 1_800_000_000
"""When the clock of these tests begins: some round time in 2027."""


@pytest.fixture
def topology() -> Topology:
    return SCHEDULED


class Clock:
    def __init__(self) -> None:
        self.now = float(BASE)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("functions.runtime.overlap.time.time", clock.time)
    return clock


def run_of(minute: int, *, skips: bool = True) -> Run:
    return Run(NAME, f"{datetime.fromtimestamp(BASE + minute * MINUTE, UTC):%Y-%m-%dT%H:%M:%SZ}", skips)


def sent(minute: int, *, attempt: int = 1, skips: bool = True, **more: str) -> dict[str, Any]:
    one = run_of(minute, skips=skips)
    at = BASE + minute * MINUTE
    return record(RATE, message_id=f"m{minute}", attempt=attempt, sent=at, **one.attributes(), **more)


class Worker:
    """A consumer of runs: each does what the test says, and is on record."""

    def __init__(self, clock: Clock) -> None:
        self.did: list[str] = []
        self.does: dict[str, Callable[[], Any]] = {}
        self.clock = clock
        self.handler = consumer(self._handle, accepts=RateTickets)

    def _handle(self, _command: RateTickets, message: Any) -> None:
        self.did.append(message.key.partition("@")[2][11:16])
        self.does.get(message.key, lambda: None)()

    def take(self, *records: dict[str, Any]) -> list[str]:
        """The ids of those that come back."""
        answer = self.handler(batch(*records))
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def on(self, minute: int, does: Callable[[], Any]) -> None:
        self.does[run_of(minute).key] = does


@pytest.fixture
def worker(aws: Rehearsal, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.delenv("QUEUE_URL", raising=False)
    return Worker(clock)


def fails() -> None:
    raise RuntimeError("not today")


def rejects() -> None:
    raise Reject("never")


def item(aws: Rehearsal) -> dict[str, Any]:
    (found,) = aws.items(names.SCHEDULE_RUNS)
    return found


def at(minute: int) -> str:
    return run_of(minute).time[11:16]


def test_one_run_after_the_other_is_done(worker: Worker, clock: Clock) -> None:
    for minute in (1, 2, 3):
        clock.now = BASE + minute * MINUTE + 1
        assert worker.take(sent(minute)) == []
    assert worker.did == [at(1), at(2), at(3)]


def test_while_a_run_waits_for_its_next_attempt_the_next_one_is_skipped_and_says_so(
    worker: Worker, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.now = BASE + MINUTE
    worker.on(1, fails)
    assert worker.take(sent(1)) == ["m1"]
    clock.now = BASE + 2 * MINUTE
    assert worker.take(sent(2)) == [], "it counts as done"
    assert worker.did == [at(1)]
    said = capsys.readouterr().out
    assert '"message":"skipped"' in said
    assert "the run before it is not over" in said
    worker.does.clear()
    clock.now += 1
    assert worker.take(sent(1, attempt=2)) == []
    assert worker.did == [at(1), at(1)]


def test_a_run_that_was_over_only_after_the_next_ones_time_takes_its_turn(worker: Worker, clock: Clock) -> None:
    worker.on(1, lambda: setattr(clock, "now", BASE + 2 * MINUTE + 30))
    clock.now = BASE + MINUTE
    worker.take(sent(1))
    worker.take(sent(2))
    assert worker.did == [at(1)]
    clock.now = BASE + 3 * MINUTE
    worker.take(sent(3))
    assert worker.did == [at(1), at(3)]


def test_of_runs_that_waited_together_one_is_done_in_whatever_order_they_come(worker: Worker, clock: Clock) -> None:
    clock.now = BASE + 60 * MINUTE
    worker.take(sent(7))
    worker.take(sent(3), sent(9), sent(8))
    worker.take(sent(1))
    assert worker.did == [at(7)]


def test_two_runs_of_one_batch_do_not_overlap(worker: Worker, clock: Clock) -> None:
    clock.now = BASE + 2 * MINUTE
    assert worker.take(sent(1), sent(2)) == []
    assert len(worker.did) == 1


def test_a_second_delivery_of_a_run_that_is_over_is_skipped_and_of_one_at_work_goes_on(
    worker: Worker, clock: Clock
) -> None:
    clock.now = BASE + MINUTE
    worker.on(1, lambda: worker.take(sent(1)) if len(worker.did) == 1 else None)
    worker.take(sent(1))
    assert worker.did == [at(1), at(1)], "both are the same effect, which its key guards"
    worker.take(sent(1))
    assert worker.did == [at(1), at(1)]


def test_a_worker_that_is_killed_holds_the_schedule_until_its_message_would_have_had_its_attempts(
    worker: Worker, clock: Clock, aws: Rehearsal
) -> None:
    clock.now = BASE + MINUTE
    assert overlap.begin(Record.read(sent(1)), Settings.read(), 30.0) is None
    lease = int(item(aws)["lease_ends"]) / 1000 - clock.now
    assert 5 * 180 < lease < 3600, "five attempts of a function of half a minute"
    clock.now += lease - 1
    minute = round((clock.now - BASE) / MINUTE)
    assert overlap.begin(Record.read(sent(minute)), Settings.read(), 30.0) == "the run before it is not over"
    clock.now += 2
    assert overlap.begin(Record.read(sent(minute + 1)), Settings.read(), 30.0) is None
    assert overlap.begin(Record.read(sent(1, attempt=2)), Settings.read(), 30.0) == "a later run has begun"


def test_a_worker_that_is_killed_in_the_last_attempt_holds_it_no_longer_than_that(clock: Clock, aws: Rehearsal) -> None:
    clock.now = BASE + MINUTE
    overlap.begin(Record.read(sent(1, attempt=5)), Settings.read(), 30.0)
    assert int(item(aws)["lease_ends"]) / 1000 - clock.now == 30 + overlap.MARGIN


@pytest.mark.parametrize(("does", "attempts"), [(fails, range(1, 6)), (rejects, range(1, 2))])
def test_a_run_that_dies_lets_the_next_one_begin(
    worker: Worker, clock: Clock, does: Callable[[], None], attempts: range
) -> None:
    clock.now = BASE + MINUTE
    worker.on(1, does)
    for attempt in attempts:
        assert worker.take(sent(1, attempt=attempt)) == ["m1"]
    clock.now = BASE + 2 * MINUTE
    assert worker.take(sent(2)) == []
    assert worker.did[-1] == at(2)


def test_a_redriven_run_waits_for_the_one_at_work_and_is_done_although_later_ones_were(
    worker: Worker, clock: Clock
) -> None:
    clock.now = BASE + MINUTE
    worker.on(1, rejects)
    worker.take(sent(1))
    worker.does.clear()
    clock.now = BASE + 2 * MINUTE
    waits: list[list[str]] = []
    worker.on(2, lambda: waits.append(worker.take(sent(1, redriven="1 20261126-060000-aa"))))
    worker.take(sent(2))
    assert waits == [["m1"]]
    assert worker.take(sent(1, attempt=2, redriven="1 20261126-060000-aa")) == []
    assert worker.did == [at(1), at(2), at(1)]
    clock.now = BASE + 3 * MINUTE
    worker.take(sent(3))
    assert worker.did[-1] == at(3)


def of_queue(minute: int, attempt: int, **more: Any) -> Record:
    return Record.read(sent(minute, attempt=attempt, **more))


def look_again(attempt: int, told: Settings) -> float | None:
    """Seconds that a redriven run waits for another; None once it begins."""
    try:
        assert overlap.begin(of_queue(1, attempt, redriven="1 20261126-060000-aa"), told, 30.0) is None
    except Retry as waiting:
        return waiting.delay
    return None


@pytest.mark.parametrize("receives", [3, 5, 20])
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_redriven_run_outlasts_whoever_is_at_work_even_one_that_died(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, receives: int, attempts: int
) -> None:
    told = Settings(receives=receives, retention=4 * 24 * 60 * MINUTE)
    monkeypatch.setattr(overlap, "RUNS", RunsTable())
    for attempt in range(1, attempts + 1):
        assert overlap.begin(of_queue(2, attempt), told, 30.0) is None
        clock.now += 45
    waits: list[float] = []
    while (wait := look_again(len(waits) + 1, told)) is not None:
        waits.append(wait)
        clock.now += wait
        assert len(waits) < receives, "it died of waiting"
    assert receives == 3 or waits[:2] == [overlap.AGAIN, overlap.LATER], "the one at work may be over soon"
    assert len(waits) <= receives - 2 or receives == 3, "and there are attempts left for itself"


def test_the_dead_run_that_was_last_is_done_again_however_it_comes_back(worker: Worker, clock: Clock) -> None:
    clock.now = BASE + MINUTE
    worker.on(1, rejects)
    worker.take(sent(1))
    worker.does.clear()
    clock.now = BASE + 600 * MINUTE
    assert worker.take(sent(1)) == [], "as the SQS console brings it back, which leaves no stamp"
    assert worker.did == [at(1), at(1)]


def test_a_run_by_hand_and_one_of_another_kind_of_schedule_ask_nobody(worker: Worker, aws: Rehearsal) -> None:
    assert worker.take(sent(1, skips=False)) == []
    assert worker.did == [at(1)]
    assert not aws.items(names.SCHEDULE_RUNS)


def test_one_that_is_done_comes_back_if_it_cannot_be_said_that_it_is_over(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now = BASE + MINUTE
    real, broken = Table.update, [True]

    def update(self: Table, key: Any, change: str, **more: Any) -> Any:
        if "over_at = :now" in change and broken:
            raise refusal("InternalServerError", status=500)
        return real(self, key, change, **more)

    monkeypatch.setattr(Table, "update", update)
    assert worker.take(sent(1)) == ["m1"]
    broken.clear()
    assert worker.take(sent(1, attempt=2)) == []
    clock.now = BASE + 2 * MINUTE
    worker.take(sent(2))
    assert worker.did == [at(1), at(1), at(2)]


def test_a_table_that_is_away_lets_no_run_begin(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise refusal("InternalServerError", status=500)

    monkeypatch.setattr(Table, "update", away)
    assert worker.take(sent(1)) == ["m1"]
    assert worker.did == []


def test_a_run_costs_one_write_at_its_beginning_and_one_at_its_end(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    real = Table.update

    def update(self: Table, key: Any, change: str, **more: Any) -> Any:
        writes.append(self.name)
        return real(self, key, change, **more)

    monkeypatch.setattr(Table, "update", update)
    clock.now = BASE + MINUTE
    worker.take(sent(1))
    assert writes == ["schedule_runs", "schedule_runs"]


def test_who_gets_no_such_run_does_not_load_the_module(worker: Worker) -> None:
    sys.modules.pop("functions.runtime.overlap")
    worker.take(record(RATE, idempotency_key="k"), sent(1, skips=False))
    assert "functions.runtime.overlap" not in sys.modules
    sys.modules["functions.runtime.overlap"] = overlap


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "begin", "end", "fail", "kill", "wait"]), st.integers(0, 5)), max_size=60
)


@settings(max_examples=examples(200))
@given(STEPS)
def test_whatever_happens_two_runs_are_never_at_work_at_once_and_the_schedule_goes_on(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for what, which in steps:
        getattr(world, what)(which)
        assert len({each.minute for each in world.working}) <= 1
    world.settle()
    assert world.next_run_begins()


def test_a_refusal_that_is_no_condition_is_raised(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise refusal("AccessDeniedException")

    monkeypatch.setattr(Table, "update", refused)
    with pytest.raises(ClientError, match="AccessDenied"):
        overlap.begin(Record.read(sent(1)), Settings.read(), 30.0)
