"""What ran, runs and did not end, as it is listed: the newest first, each with what goes on with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops.dead_letters import imported
from ops.lease import held
from ops.queue import Queue, find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.runs import MOST, Run, runs
from ops.redrive.unfinished import Unfinished, damaged, resume_command, unfinished
from ops.redrive.unfinished import journals as all_journals
from ops.stage import Stage


@pytest.fixture
def dead(stage: Stage) -> Queue:
    return find_dead(stage, "open_ticket")


def wrote(stage: Stage, queue: Queue, run: str, sent: int, deleted: int, ended: str | None = None) -> Journal:
    """The journal of a run that sent so many and deleted so many of them."""
    journal = Journal(journals.path(stage, run), queue, Request("open_ticket"))
    journal.sent([str(number) for number in range(sent)])
    journal.deleted([str(number) for number in range(deleted)])
    if ended is not None:
        journal.end(ended)
    journal.close()
    return journal


def test_the_latest_ten_runs_are_told_the_newest_first(stage: Stage, dead: Queue) -> None:
    for number in range(12):
        wrote(stage, dead, f"run-{number:02}", 1, 1, "done")
    wrote(stage, find_dead(stage, "close_ticket"), "run-99", 1, 1, "done")
    found, problem = runs(stage, dead)
    assert ([each.run for each in found], problem, MOST) == ([f"run-{n:02}" for n in range(11, 1, -1)], None, 10)
    with held(stage, dead, "drop", "run-98"):
        found, _ = runs(stage, dead)
    assert [each.run for each in found] == ["run-98", *(f"run-{n:02}" for n in range(11, 2, -1))]


def test_each_run_is_told_with_what_is_known_of_it(stage: Stage, dead: Queue) -> None:
    wrote(stage, dead, "run-1", 3, 3, "limit")
    wrote(stage, dead, "run-2", 5, 3)
    wrote(stage, dead, "run-3", 7, 6)
    with held(stage, dead, "redrive", "run-3"):
        (now, interrupted, ended), _ = runs(stage, dead)
    assert ended == Run(run="run-1", action="redrive", state="ended", moved=3, undeleted=0, how="limit")
    assert interrupted == Run(
        run="run-2",
        action="redrive",
        state="interrupted",
        moved=5,
        undeleted=2,
        command="resume run-2 --stage local",
    )
    assert (now.run, now.action, now.state, now.moved, now.undeleted) == ("run-3", "redrive", "running", 7, 1)
    assert (now.process, now.command, now.how) == (os.getpid(), None, None)
    assert all((now.since, now.who, now.host))


def test_a_run_of_which_no_journal_is_here_has_no_counts(stage: Stage, other: Stage, dead: Queue) -> None:
    with held(other, dead, "drop", "run-4"):
        ((there,), _) = runs(stage, dead)
    assert (there.state, there.moved, there.undeleted) == ("running elsewhere", None, None)


def test_what_did_not_end_is_listed_redrives_first_and_what_is_damaged_is_passed_over(
    stage: Stage, dead: Queue, tmp_path: Path
) -> None:
    wrote(stage, dead, "run-2", 5, 3)
    wrote(stage, dead, "run-1", 1, 1)
    wrote(stage, dead, "run-0", 1, 1, "done")
    broken = journals.path(stage, "run-3")
    broken.write_text("{")
    torn = stage.files / "torn.import"
    torn.write_text("{")
    file = tmp_path / "letters.jsonl"
    file.write_text("")
    listed = unfinished(stage.home)
    assert (
        listed
        == unfinished(stage.home, "local")
        == [
            Unfinished(
                redrive=run,
                queue="open_ticket-dlq",
                moved=moved,
                undeleted=undeleted,
                file=None,
                place="local",
                command=f"resume {run} --stage local",
            )
            for run, moved, undeleted in (("run-1", 1, 0), ("run-2", 5, 2))
        ]
    )
    assert unfinished(stage.home, "another") == []
    assert damaged(stage.home) == damaged(stage.home, "local") == ([broken], [torn])
    assert damaged(stage.home, "another") == ([], [])
    assert [(folder, each.run) for folder, each in all_journals(stage.home)] == [
        (stage.files, run) for run in ("run-0", "run-1", "run-2")
    ]
    assert imported.unfinished(stage) == []


@pytest.mark.parametrize(
    ("place", "url", "command"),
    [
        ("prod", "https://sqs.eu-west-1.amazonaws.com/1/a", "resume r --stage prod"),
        ("123456789012-eu-west-1", "https://sqs.eu-west-1.amazonaws.com/1/a", "resume r"),
        ("123456789012-eu-west-1@a-80", "http://queues:80/1/a", "resume r --endpoint-url http://a:80"),
        ("123456789012-eu-west-1@a-443", "http://queues/1/a", "resume r --endpoint-url https://a:443"),
        ("123456789012-eu-west-1@a-b-99", "https://queues/1/a", "resume r --endpoint-url https://a-b:99"),
    ],
)
def test_the_command_that_goes_on_says_where_it_was_begun(place: str, url: str, command: str) -> None:
    assert resume_command(place, "r", Queue("a", "other", "a", url)) == command
