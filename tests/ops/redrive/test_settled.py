"""A run whose leftovers a new redrive settled: it ended with that, or goes on with what was there when it began."""

from __future__ import annotations

import time

import pytest

from ops.dead_letters.selection import Selection
from ops.dead_letters.start import Start
from ops.queue import find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.redrive.test_interruption import RUN, long_ago


def left(stage: Stage, request: Request, sent: list[str]) -> None:
    """A run that began now and died after it had sent those, long ago."""
    dead = find_dead(stage, "open_ticket")
    journal = Journal(journals.path(stage, RUN), dead, request)
    journal.begun = Start.of(stage, dead).begun
    journal.sent(sent)
    journal.close()
    long_ago(journal)


def test_a_run_ends_with_a_new_redrive_that_takes_all_it_left(aws: Endpoint, stage: Stage) -> None:
    ids = dead_tickets(aws, 20)
    left(stage, Request("open_ticket", limit=15, edit='{"secret": "x"}', force=True), ids[:10])
    report = redrive(stage, Request("open_ticket"), yes=True)
    assert (report.tally.moved, len(queue(aws, "open_ticket-dlq"))) == (10, 0)
    assert answer("resume") == []
    old = Journal.read(journals.path(stage, RUN))
    assert (old.ended, old.request.edit) == (f"with {report.run}", None)
    assert ops("resume", RUN).exit_code == 2


@pytest.mark.parametrize(
    "chosen",
    [
        Request("open_ticket", limit=3),
        Request("open_ticket", selection=Selection(filter="body.n > `15`")),
        Request("open_ticket", edit='{"ticket_id": null}'),
    ],
    ids=["by a limit", "by a filter", "as its consumer would refuse them"],
)
def test_a_run_goes_on_after_a_new_redrive_that_leaves_some(aws: Endpoint, stage: Stage, chosen: Request) -> None:
    ids = dead_tickets(aws, 20)
    left(stage, Request("open_ticket"), ids[:10])
    report = redrive(stage, chosen, yes=True)
    rest = 10 - report.tally.moved
    assert rest > 0
    assert [(each.run, each.pending) for each in journals.unfinished(stage)] == [(RUN, set())]
    assert answer("resume", RUN)["tally"]["moved"] == rest


def test_a_run_that_goes_on_leaves_what_came_after_its_start(aws: Endpoint, stage: Stage) -> None:
    ids = dead_tickets(aws, 20)
    left(stage, Request("open_ticket", limit=15), ids[:10])
    assert redrive(stage, Request("open_ticket", limit=10), yes=True).tally.moved == 10
    time.sleep(2.1)  # SQS tells its time in whole seconds
    dead_tickets(aws, 9)
    assert answer("resume", RUN)["tally"]["moved"] == 0
    assert len(queue(aws, "open_ticket-dlq")) == 9
