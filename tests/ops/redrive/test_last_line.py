"""A run whose last line cannot be written has not ended: it says so, keeps what it kept, and can go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.dead_letters import imported
from ops.errors import OpsError
from ops.queue import find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import no_room_for

SECRET = '{"secret": "x"}'


@pytest.mark.parametrize("edit", [True, False], ids=["edited", "plain"])
def test_a_redrive_that_cannot_end_names_the_file_with_its_edit_and_goes_on(
    aws: Endpoint, stage: Stage, edit: bool
) -> None:
    dead_tickets(aws, 5)
    with no_room_for(b'"ended"'):
        how = ("--edit", SECRET, "--force") if edit else ()
        result = ops("redrive", "open_ticket", *how, "--yes", "--json")
    report, (journal,) = json.loads(result.stdout), journals.unfinished(stage)
    assert (result.exit_code, f"`resume {report['run']}` goes on" in result.stderr) == (5, True), result.output
    assert report["edit_in"] == (str(journal.path) if edit else None)
    assert (b"secret" in journal.path.read_bytes()) == edit
    assert journal.path.with_suffix(".pulse").exists()
    answer("resume", journal.run)
    assert (journals.unfinished(stage), b"secret" in journal.path.read_bytes()) == ([], False)
    assert len(queue(aws, "open_ticket").arrived) == 5


def test_what_could_not_end_keeps_its_edit_whatever_it_writes_next(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request("open_ticket", edit=SECRET)
    journal = Journal(journals.path(stage, "run"), find_dead(stage, "open_ticket"), request)
    journal.begin()
    with no_room_for(b'"ended"'), pytest.raises(OpsError):
        journal.end("done")
    monkeypatch.setattr(journals, "LONG", 0)
    journal.sent(["m1"])
    again = Journal.read(journal.path)
    assert (again.request, again.ended, again.pending) == (request, None, {"m1"})


def test_an_import_that_cannot_end_goes_on_and_sends_nothing_again(aws: Endpoint, stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    dead_tickets(aws, 5)
    answer("export", "open_ticket", str(file))
    with no_room_for(b'"ended"'):
        assert ops("import", "open_ticket-dlq", str(file), "--yes").exit_code == 1
    (journal,) = imported.unfinished(stage)
    assert journal.path.with_suffix(".pulse").exists()
    assert answer("resume", journal.run)["before"] == 5
    assert len(queue(aws, "open_ticket-dlq")) == 10
