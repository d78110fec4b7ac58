"""What is reported of AWS's own move, however it ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.dead_letters.start import Counts
from ops.depth import Depth
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find_dead
from ops.redrive import native, native_run, refusal
from ops.redrive.native import Lost, Move, Task, Unsuitable
from ops.redrive.native_run import _count, _follow
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks


class Ended:
    """A move that ends as it is told to."""

    def __init__(self, how: Any, *, over: bool = True, cancel: OpsError | None = None) -> None:
        self._how = how
        self._cancel = cancel
        self.over = over
        self.cancelled = 0

    def follow(self, *_: Any) -> Task:
        if isinstance(self._how, BaseException):
            raise self._how
        return Task(
            status=self._how, moved=1, to_move=2, started_at="", failure="odd" if self._how == "FAILED" else None
        )

    def cancel(self) -> None:
        self.cancelled += 1
        if self._cancel is not None:
            raise self._cancel


class Course:
    """A course that remembers whether it lingered."""

    def __init__(self, stopped: str | None) -> None:
        self.stopped = stopped
        self.problem: str | None = None
        self.lingered = 0
        self.stop = self.pause = None

    def linger(self) -> None:
        self.lingered += 1


GOES_ON = "It goes on by itself: see it with `status`, end it with `cancel`."


@pytest.mark.parametrize(
    ("how", "stopped", "told", "lingers"),
    [
        (Ended("COMPLETED"), None, (None, None), True),
        (Ended("CANCELLED"), "start", ("start", None), True),
        (Ended("CANCELLED"), None, ("interrupted", None), False),
        (Ended("CANCELLED"), "came back", ("came back", None), False),
        (Ended("FAILED"), None, ("failed", "AWS's move failed: odd."), False),
        (Ended("FAILED"), "start", ("failed", "AWS's move failed: odd."), False),
        (Ended(Lost("nobody knows")), None, ("failed", "nobody knows"), False),
        (Ended(KeyboardInterrupt(), over=False), None, ("interrupted", None), False),
        (
            Ended(KeyboardInterrupt(), over=False, cancel=OpsError("No.")),
            None,
            ("failed", f"AWS's move could not be cancelled: No. {GOES_ON}"),
            False,
        ),
    ],
)
def test_how_a_move_ended_is_told(how: Ended, stopped: str | None, told: tuple[Any, Any], lingers: bool) -> None:
    report, course = Report("run", "q", acted=True), Course(stopped)
    report.stopped, report.failure = "failed", "not yet known" if told[0] == "interrupted" and not how.over else None
    _follow(how, course, report, lambda *_: None)  # type: ignore[arg-type]
    assert (report.stopped, report.failure) == told
    assert (course.lingered, course.problem) == (int(lingers), None)
    assert how.cancelled == int(not how.over)


def test_ctrl_c_after_the_end_takes_nothing_from_it() -> None:
    report, course, how = Report("run", "q", acted=True), Course(None), Ended("COMPLETED")

    def interrupted() -> None:
        raise KeyboardInterrupt

    course.linger = interrupted  # type: ignore[method-assign]
    _follow(how, course, report, lambda *_: None)  # type: ignore[arg-type]
    assert (report.stopped, how.cancelled) == (None, 0)
    assert course.problem == "What came straight back was not looked for to the end: Ctrl-C."


@pytest.mark.parametrize(
    ("stopped", "before", "left", "in_flight"),
    [
        ("start", Counts(9, 4, 0), 6, 0),
        (None, Counts(9, 4, 0), 0, 4),
        (None, Counts(9, 40, 0), 0, 6),
        (None, None, 0, 0),
        ("interrupted", Counts(9, 4, 0), 0, 0),
    ],
)
def test_what_is_left_is_counted_as_what_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stopped: str | None, before: Counts | None, left: int, in_flight: int
) -> None:
    monkeypatch.setattr(native_run, "depth", lambda *_: Depth("q", "dead", "q", 1, 2, 3, None))
    report = Report("run", "q", acted=True, stopped=stopped, before=before)
    _count(stage, find_dead(stage, "open_ticket"), report)
    assert (report.after, report.dead_again) == (Counts(1, 2, 3), 1)
    assert (report.left, report.in_flight, report.problem) == (left, in_flight, None)


@pytest.mark.parametrize("asked", [True, None])
def test_where_aws_does_not_move_we_do_unless_aws_was_asked_for(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, asked: bool | None
) -> None:
    dead_tickets(aws, 3)
    monkeypatch.setattr(Stage, "on_aws", True)

    def unsuitable(*_: Any, **__: Any) -> Move:
        raise Unsuitable("AWS does not.")

    monkeypatch.setattr(native, "start", unsuitable)
    if asked:
        with pytest.raises(Unsuitable, match=r"^AWS does not\.$"):
            redrive(stage, Request("open_ticket", natively=True), yes=True)
        assert len(queue(aws, "open_ticket-dlq")) == 3
        return
    report = redrive(stage, Request("open_ticket"), yes=True)
    assert (report.native, report.tally.moved) == (False, 3)


def test_what_a_native_move_did_is_recorded(aws: Endpoint, stage: Stage) -> None:
    dead_tickets(aws, 3)
    aws.moves = MoveTasks(aws.sqs)
    report = redrive(stage, Request("open_ticket", natively=True, force=True), yes=True)
    assert (report.acted, report.native, report.forced, report.queue) == (True, True, True, "open_ticket-dlq")
    assert (report.before, report.sampled, report.tally.came_back) == (Counts(3, 0, 0), 3, 0)
    assert report.seconds == round(report.seconds, 3) > 0
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert (record["id"], record["result"]) == (report.run, {"moved": 3, "stopped": None})
    assert record["action"] == "native redrive"


HERE = "https://sqs.eu-west-1.amazonaws.com/1/"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            Request("d", natively=True, rate=501),
            "moves 1 to 500 messages a second, in whole numbers, not 501: say such",
        ),
        (Request("d", natively=True, limit=1), "takes no filter, limit, edit or group, and goes to no other region"),
    ],
)
def test_what_awss_own_redrive_does_not_take_is_said_in_a_sentence(cloud: Stage, request_: Request, said: str) -> None:
    with pytest.raises(UsageError, match=f"^AWS's own redrive {said}"):
        refusal.refuse(cloud, Queue("d", "other", "d", f"{HERE}d"), None, request_)
