"""A journal is read again once it is this process's: another may have written to it until then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ops.errors import UsageError
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive, resume
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.redrive.test_interruption import RUN, interrupted, long_ago

Meanwhile = Callable[[Callable[[Journal], None]], None]


@pytest.fixture
def meanwhile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Lets another process do something with the journal just before it is taken, and end."""
    hold = Journal.hold

    def install(act: Callable[[Journal], None]) -> None:
        left = [act]

        def late(self: Journal) -> None:
            if self.run == RUN and left:
                other = Journal.read(self.path)
                hold(other)
                left.pop()(other)
                other.close()
                long_ago(other)
            hold(self)

        monkeypatch.setattr(Journal, "hold", late)

    return install


@pytest.mark.parametrize("by", ["resume", "redrive"])
def test_what_another_process_sent_until_the_journal_was_free_is_not_sent_again(
    aws: Endpoint, stage: Stage, meanwhile: Meanwhile, by: str
) -> None:
    ids = dead_tickets(aws, 30)
    interrupted(stage, queue(aws, "open_ticket-dlq"), Request("open_ticket"), ids[:10])
    meanwhile(lambda other: other.sent(ids[10:20]))
    report = resume(stage, RUN) if by == "resume" else redrive(stage, Request("open_ticket"), yes=True)
    assert (report.tally.moved, report.undeleted, len(queue(aws, "open_ticket-dlq"))) == (10, 0, 0)


def test_a_run_that_another_process_ended_until_the_journal_was_free_is_not_resumed(
    aws: Endpoint, stage: Stage, meanwhile: Meanwhile
) -> None:
    ids = dead_tickets(aws, 10)
    interrupted(stage, queue(aws, "open_ticket-dlq"), Request("open_ticket"), ids[:5])
    meanwhile(lambda other: other.end("done"))
    with pytest.raises(UsageError, match=f"no unfinished redrive '{RUN}'"):
        resume(stage, RUN)
    assert journals.unfinished(stage) == []
    assert len(queue(aws, "open_ticket-dlq")) == 10
