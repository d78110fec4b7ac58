"""`dead --watch`: a line a change where nobody sees a screen, an object a line with --json, and Ctrl-C ends well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.cli import dead_watch
from ops.cli.keys import Wait
from ops.dead_letters import peek
from ops.dead_letters.peek import Dead, DeadWatch
from ops.errors import OpsError
from ops.queue import Queue
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, explain, ops, queue
from tests.ops.endpoint import Endpoint


class Script:
    """Stands for the person: at each wait the next step happens, and then Ctrl-C."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)

    def __call__(self, key: str) -> Script:
        return self

    def __enter__(self) -> Wait:
        return self._wait

    def __exit__(self, *_: object) -> None:
        pass

    def _wait(self, seconds: float) -> bool:
        if not self._steps:
            raise KeyboardInterrupt
        self._steps.pop(0)()
        return False


def test_each_change_is_a_line_and_ctrl_c_ends_it_with_0(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(
        lambda: None,
        lambda: explain(aws, dead_tickets(aws, 1)[0]),
        lambda: None,
        lambda: aws.do(lambda: queue(aws, "open_ticket-dlq").take(1, 600)),
    )
    monkeypatch.setattr(dead_watch, "ended_by", script)
    result = ops("dead", "--watch")
    assert result.exit_code == 0
    first, more, less = result.stdout.splitlines()
    assert first.endswith("  no dead letters")
    assert more.endswith("  open_ticket-dlq: 1 waiting (+1): 1 Reject: unknown agent a-9")
    assert "open_ticket-dlq: 0 waiting (-1), 1 in flight" in less


def test_with_json_each_change_is_one_object_in_one_line(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_watch, "ended_by", Script(lambda: None, lambda: dead_tickets(aws, 2), lambda: None))
    result = ops("dead", "--watch", "--json")
    assert result.exit_code == 0
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["queues"] == []
    assert [(each["queue"], each["waiting"]) for each in second["queues"]] == [("open_ticket-dlq", 2)]
    assert second["at"] >= first["at"]


def test_what_goes_wrong_on_the_way_is_said_once_and_looked_past(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = DeadWatch.look

    def away(view: DeadWatch) -> None:
        raise OpsError("SQS is away.")

    monkeypatch.setattr(
        dead_watch,
        "ended_by",
        Script(
            lambda: monkeypatch.setattr(DeadWatch, "look", away),
            lambda: None,
            lambda: (monkeypatch.setattr(DeadWatch, "look", look), dead_tickets(aws, 1)),
        ),
    )
    result = ops("dead", "--watch")
    assert (result.exit_code, result.stderr) == (0, "SQS is away.\n")
    assert "open_ticket-dlq: 1 waiting" in result.stdout


def test_only_what_changed_is_looked_into_again(aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    dead = peek._dead

    def noted(stage: Stage, queue: Queue, *more: Any) -> Dead:
        looked.append(queue.word)
        return dead(stage, queue, *more)

    monkeypatch.setattr(peek, "_dead", noted)
    dead_tickets(aws, 1)
    view = DeadWatch(stage)
    view.look()
    looked.clear()
    view.look()
    assert looked == [], "each look is a receive"
    dead_tickets(aws, 1)
    assert [each.waiting for each in view.look()] == [2]
    assert looked == ["open_ticket-dlq"]
