"""A FIFO queue remembers for five minutes what it took: who goes on later says what may be there twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence

import pytest

from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.sqs.sweep import Sweep
from ops.stage import Stage
from tests.aws.bare import FakeQueue
from tests.ops.cli.typed import ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import Killed
from tests.ops.redrive.test_interruption import long_ago


@pytest.fixture
def dead(aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    """A dead-letter queue of which a process sent the first, and died before it could write that down."""
    found = queue(aws, "change_ticket-dlq")
    for number in range(12):
        aws.put(found, json.dumps({"n": number}), group="g")

    def killed(self: Journal, ids: Sequence[str]) -> None:
        raise Killed

    async def gone(self: Sweep, ids: Sequence[str]) -> None:
        raise Killed

    with monkeypatch.context() as death:
        death.setattr(Journal, "sent", killed)
        death.setattr(Sweep, "delete", gone)
        with pytest.raises(Killed):
            redrive(stage, Request("change_ticket"), yes=True)
    (journal,) = journals.unfinished(stage)
    journal.path.with_suffix(".pulse").write_text("1234")  # a killed process cannot take it back
    aws.do(found.show_all)
    return found


def forgets(aws: Endpoint) -> FakeQueue:
    """The work queue, five minutes later."""
    work = queue(aws, "change_ticket")
    work._remembered.clear()
    return work


@pytest.mark.parametrize("by", ["resume", "redrive"])
def test_after_five_minutes_what_was_on_its_way_is_told_as_maybe_twice(
    aws: Endpoint, stage: Stage, dead: FakeQueue, by: str
) -> None:
    work = forgets(aws)
    (journal,) = journals.unfinished(stage)
    long_ago(journal)
    result = ops(*(("resume", journal.run) if by == "resume" else ("redrive", "change_ticket", "--yes")), "--json")
    report = json.loads(result.stdout)
    twice = len(work.arrived) - len(set(work.arrived))
    assert (result.exit_code, twice) == (0, 1), result.output
    assert twice <= report["maybe_twice"] <= report["tally"]["moved"] == 12


def test_within_five_minutes_nothing_is_there_twice_and_nothing_is_told(
    aws: Endpoint, stage: Stage, dead: FakeQueue
) -> None:
    (journal,) = journals.unfinished(stage)
    for file in stage.files.glob(f"{journal.run}.*"):
        os.utime(file, (time.time() - 200, time.time() - 200))
    result = ops("resume", journal.run, "--json")
    report, work = json.loads(result.stdout), queue(aws, "change_ticket")
    assert (result.exit_code, report["maybe_twice"], len(work.arrived)) == (0, 0, 12), result.output
