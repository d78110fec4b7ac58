"""When AWS's own move is ended, how much of its queue is looked at meanwhile, and for how long afterwards."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ops.depth import Depth
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find_dead
from ops.redrive import native_run, sample
from ops.redrive.native_run import _Course
from ops.redrive.request import Request
from ops.sqs.message import Entry, Message
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks

NO_LEASE: Any = SimpleNamespace(ends=False)
"""A lease that nobody takes away."""


def more(aws: Endpoint, many: int, times: int = 1_000) -> Callable[[], None]:
    """Puts so many new messages into the dead-letter queue, so often."""
    left = [times]

    def put() -> None:
        left[0] -= 1
        for number in range(many if left[0] >= 0 else 0):
            dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")
            dead.put(Entry("1", f'{{"more": "{left[0]} {number}"}}'), source=work.arn)

    return put


@pytest.mark.parametrize(
    ("step", "many", "times", "moved", "stopped"),
    [(16, 40, 1_000, 32, "start"), (11, 40, 1_000, 33, "start"), (16, 12, 1, 32, None)],
    ids=["just as many", "more than that", "just as many and nothing is left"],
)
def test_a_move_ends_once_as_many_were_moved_as_may_have_been_there(
    aws: Endpoint, step: int, many: int, times: int, moved: int, stopped: str | None
) -> None:
    dead_tickets(aws, 20)
    aws.moves = MoveTasks(aws.sqs, step, more(aws, many, times))
    report = json.loads(ops("redrive", "open_ticket", "--native", "--yes", "--json").stdout)
    assert (report["tally"]["moved"], report["stopped"]) == (moved, stopped)
    assert report["left"] == (len(queue(aws, "open_ticket-dlq")) if stopped else 0)
    assert (report["tally"]["seen"], report["tally"]["matched"]) == (20, 20)
    assert report["tally"]["to"] == {"where they came from": moved}


def test_a_move_to_another_queue_is_told_by_its_word(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    aws.moves = MoveTasks(aws.sqs)
    report = answer("redrive", "open_ticket", "--native", "--to", "close_ticket", "--yes")
    assert (report["tally"]["to"], len(queue(aws, "close_ticket"))) == ({"close_ticket": 3}, 3)


class Counted:
    """What SQS counts of each queue, by its name, or why it does not say."""

    def __init__(self) -> None:
        self.counts: dict[str, Depth | OpsError] = {}
        self.asked: list[str] = []

    def __call__(self, stage: Stage, queue: Queue) -> Depth:
        self.asked.append(queue.name)
        found = self.counts.get(queue.name, depth())
        if isinstance(found, OpsError):
            raise found
        return found


def depth(waiting: int = 0, in_flight: int = 0, delayed: int = 0) -> Depth:
    return Depth("q", "dead", "q", waiting, in_flight, delayed, None)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(native_run, "depth", found)
    return found


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many messages were to be received, by how many workers; each look finds the same that there were."""
    asked: list[tuple[int, int]] = []

    def receive(stage: Stage, dead: Queue, most: int, workers: int) -> list[Message]:
        asked.append((most, workers))
        return [Message(f"m-{number}", "r", f"body {number}") for number in range(4)]

    monkeypatch.setattr(sample, "receive", receive)
    return asked


def course(stage: Stage, lease: Any = NO_LEASE, to: Queue | None = None, **asked: Any) -> _Course:
    return _Course(stage, find_dead(stage, "open_ticket"), to, Request("open_ticket", **asked), lease)


@pytest.mark.parametrize(
    ("left", "ends"),
    [
        (depth(1), True),
        (depth(0, 1), True),
        (depth(0, 0, 1), True),
        (depth(), False),
        (OpsError("nobody says"), True),
    ],
)
def test_it_is_ended_where_anything_is_left_or_nobody_can_say(
    aws: Endpoint, stage: Stage, counted: Counted, received: Any, left: Depth | OpsError, ends: bool
) -> None:
    found = course(stage)
    counted.counts[found._dead.name] = left
    assert found.start.most == 10
    assert not found.stop(9)
    assert (counted.asked, found.stopped) == ([], None)
    assert (found.stop(10), found.stopped) == (ends, "start" if ends else None)


def test_it_is_ended_where_the_lease_is_lost_or_somebody_says_so(aws: Endpoint, stage: Stage, received: Any) -> None:
    assert (course(stage, SimpleNamespace(ends=True)).stop(0), course(stage).stop(0)) == (True, False)
    found = course(stage)
    found.interrupt()
    assert (found.stop(0), found.stopped) == (True, "interrupted")
    following = course(stage, follow=True)
    assert not following.stop(1_000)


def test_what_came_back_is_looked_for_every_twenty_seconds_unless_it_is_to_go_on(
    aws: Endpoint, stage: Stage, counted: Counted, received: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(native_run, "monotonic", lambda: now[0])
    found, forced = course(stage), course(stage, force=True)
    assert received == [(100, 4)] * 2
    counted.counts[found._dead.name] = depth(163)
    for moment, looks in ((1_019.9, 0), (1_020.0, 1), (1_039.9, 1), (1_040.0, 2)):
        now[0] = moment
        assert not found.stop(0)
        assert not forced.stop(0)
        assert len(received) == 2 + looks
    assert received[2:] == [(40, 1)] * 2, "a quarter of what waits, in tens"


@pytest.mark.parametrize(
    ("waiting", "looks"),
    [
        (depth(39), []),
        (depth(40), [(10, 1)]),
        (depth(79), [(10, 1)]),
        (depth(80), [(20, 1)]),
        (depth(4_000), [(1_000, 1)]),
        (depth(9_000), [(1_000, 1)]),
        (OpsError("nobody says"), []),
    ],
)
def test_while_it_moves_a_quarter_of_the_queue_is_looked_at_and_a_thousand_at_the_most(
    aws: Endpoint,
    stage: Stage,
    counted: Counted,
    received: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    waiting: Depth | OpsError,
    looks: list[tuple[int, int]],
) -> None:
    monkeypatch.setattr(native_run, "LOOK", 0.0)
    found = course(stage)
    counted.counts[found._dead.name] = waiting
    found.stop(0)
    assert received[1:] == looks


def test_a_sample_of_nothing_is_not_looked_for(
    aws: Endpoint, stage: Stage, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def receive(stage: Stage, dead: Queue, most: int, workers: int) -> list[Message]:
        asked.append(most)
        return []

    monkeypatch.setattr(sample, "receive", receive)
    monkeypatch.setattr(native_run, "LOOK", 0.0)
    found = course(stage)
    counted.counts[found._dead.name] = depth(400)
    found.stop(0)
    found.linger()
    assert (asked, found.problem) == ([100], None)


def test_what_cannot_be_received_is_told_and_no_fault(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def receive(*_: Any) -> list[Message]:
        raise OpsError("SQS is away.")

    monkeypatch.setattr(sample, "receive", receive)
    assert course(stage).problem == "Whether they came straight back cannot be seen: SQS is away."


WORK = Queue("close_ticket", "work", "close_ticket", "http://sqs/1/close_ticket")


@pytest.mark.parametrize(
    ("there", "looks"),
    [
        (depth(), 1),
        (depth(1), 3),
        (depth(0, 1), 3),
        (depth(0, 0, 1), 3),
        (OpsError("nobody says"), 3),
    ],
)
def test_afterwards_it_is_looked_at_as_long_as_anybody_has_something_of_it(
    aws: Endpoint,
    stage: Stage,
    counted: Counted,
    received: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    there: Depth | OpsError,
    looks: int,
) -> None:
    now = [0.0]

    def tick() -> float:
        now[0] += 1
        return now[0]

    monkeypatch.setattr(native_run, "LINGER", 3.0)
    monkeypatch.setattr(native_run, "STEP", 0.0)
    found = course(stage, to=WORK)
    monkeypatch.setattr(native_run, "monotonic", tick)
    counted.counts[WORK.name] = there
    found.linger()
    assert received[1:] == [(1_000, 4)] * looks
    assert set(counted.asked) == {WORK.name}


def test_whoever_ends_it_does_not_wait_for_what_comes_back(
    aws: Endpoint, stage: Stage, counted: Counted, received: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_run, "LINGER", 60.0)
    found = course(stage, to=WORK)
    counted.counts[WORK.name] = depth(1)
    found.interrupt()
    found.linger()
    assert received[1:] == [(1_000, 4)]


def test_without_a_destination_the_sources_are_looked_at(
    aws: Endpoint, stage: Stage, counted: Counted, received: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = course(stage)
    found.linger()
    assert counted.asked == ["headrace-local-open_ticket"]

    def nobody_says(*_: Any) -> list[str]:
        raise UsageError("no such queue")

    monkeypatch.setattr(native_run, "sources", nobody_says)
    found.linger()
    assert counted.asked == ["headrace-local-open_ticket"]


def test_a_pause_ends_with_the_interruption_and_is_one_after_it(
    aws: Endpoint, stage: Stage, received: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    found = course(stage)
    threading.Timer(0.05, found.interrupt).start()
    found.pause(60)
    assert slept == []
    found.pause(2)
    assert slept == [2]


def test_signals_are_the_persons_again_after_a_move() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    told: list[str] = []
    with native_run._signals(lambda: told.append("interrupted")):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (told, [signal.getsignal(number) for number in numbers]) == (["interrupted"], before)
