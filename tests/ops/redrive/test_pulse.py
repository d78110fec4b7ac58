"""The sign that a run died, and since when, is as it was found until somebody works on it again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.dead_letters.start import Start
from ops.errors import OpsError
from ops.lease import held
from ops.queue import find, find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.rule import Script
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import no_room_for
from tests.ops.redrive.test_interruption import RUN

OLD = 1_000_000


def stopped(stage: Stage, ids: list[str], *, died: bool, request: Request | None = None) -> Journal:
    """A run that stopped a while ago with those sent and not deleted: it died, or it ended with all released."""
    journal = Journal(journals.path(stage, RUN), find_dead(stage, "open_ticket"), request or Request("open_ticket"))
    journal.hold()
    journal.sent(ids)
    journal.hides = died
    journal.close()
    for file in stage.files.glob(f"{RUN}.*"):
        os.utime(file, (OLD, OLD))
    return journal


def sign(journal: Journal) -> tuple[bool, float]:
    """Whether it looks like one that died, and for how long nobody had worked on it."""
    found = Journal.read(journal.path)
    found.hold()
    told = found.pulse.died, round(time.time() - (found.idle or 0))
    found.close(worked=False)
    return told


def busy(stage: Stage) -> None:
    with held(stage, find(stage, "open_ticket-dlq"), "redrive", "another"):
        assert ops("resume", RUN).exit_code == 2


def without_its_rule(stage: Stage) -> None:
    assert ops("resume", RUN).exit_code == 2


def nobody_answers(stage: Stage) -> None:
    def away(*_: object) -> Start:
        raise OpsError("SQS is away.")

    with pytest.MonkeyPatch.context() as outage:
        outage.setattr(Start, "of", away)
        assert ops("resume", RUN).exit_code == 5


def full_disk(stage: Stage) -> None:
    with no_room_for(str(os.getpid()).encode()):
        refused = ops("resume", RUN)
    assert (refused.exit_code, f"{RUN}.pulse cannot be written: No space left" in refused.stderr) == (1, True)


@pytest.mark.parametrize("died", [True, False], ids=["died", "clean"])
@pytest.mark.parametrize("refused", [busy, without_its_rule, nobody_answers, full_disk])
def test_a_resume_that_does_not_begin_leaves_the_sign_as_it_was(
    aws: Endpoint, stage: Stage, tmp_path: Path, refused: Callable[[Stage], None], died: bool
) -> None:
    ids = dead_tickets(aws, 3)
    script = Script(str(tmp_path / "gone.py"), "fix", "0") if refused is without_its_rule else None
    journal = stopped(stage, ids[:2], died=died, request=Request("open_ticket", python=script))
    assert sign(journal) == (died, OLD)
    refused(stage)
    assert sign(journal) == (died, OLD)
    assert len(queue(aws, "open_ticket-dlq")) == 3


def test_a_redrive_that_does_not_begin_leaves_the_sign_of_the_run_before_as_it_was(aws: Endpoint, stage: Stage) -> None:
    journal = stopped(stage, dead_tickets(aws, 3)[:2], died=True)
    with no_room_for(b'"request"'):
        assert ops("redrive", "open_ticket", "--yes").exit_code == 1
    assert sign(journal) == (True, OLD)
    assert [file.name for file in stage.files.glob("*.pulse")] == [f"{RUN}.pulse"]


def test_the_sign_names_the_process_that_has_it_now(aws: Endpoint, stage: Stage) -> None:
    journal = stopped(stage, ["m1"], died=True)
    journal.path.with_suffix(".pulse").write_text("99999")
    held_now = journals.of(stage, RUN)
    refused = ops("resume", RUN)
    held_now.close(worked=False)
    assert (refused.exit_code, f"{RUN} runs, in process {os.getpid()}:" in refused.stderr) == (2, True), refused.output
    assert journal.path.with_suffix(".pulse").read_text() == "99999"
