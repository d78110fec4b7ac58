"""What a run sent and did not delete is known to the next, by whatever name and in whatever place each was begun."""

from __future__ import annotations

import shlex

import pytest

from ops.errors import UsageError
from ops.queue import Queue, find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive, resume
from ops.redrive.unfinished import resume_command
from ops.sqs import sweep as sweeps
from ops.stage import Access, Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks
from tests.ops.redrive.test_interruption import RUN, long_ago


@pytest.fixture
def account(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The account and region in which the stage's queues are reached by their addresses."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    return Stage.elsewhere("000000000000", Access(stage.region, None, stage.endpoint), stage.home)


def left(place: Stage, name: str, sent: list[str]) -> Journal:
    """The journal of a redrive that was begun there by that name, and died long ago with those not deleted."""
    journal = Journal(journals.path(place, RUN), find_dead(place, name), Request(name))
    journal.sent(sent)
    journal.close()
    long_ago(journal)
    return journal


def test_what_a_run_by_address_sent_is_not_sent_again_by_the_stages_word(
    aws: Endpoint, stage: Stage, account: Stage
) -> None:
    ids = dead_tickets(aws, 30)
    dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")
    left(account, dead.url, ids[:20])
    assert answer("redrive", "open_ticket")["tally"]["matched"] == 10
    assert answer("redrive", "open_ticket", "--yes")["tally"]["moved"] == 10
    assert (len(dead), len(work.arrived)) == (0, 10)


def test_what_a_run_by_the_stages_word_sent_is_not_sent_again_by_address(
    aws: Endpoint, stage: Stage, account: Stage
) -> None:
    ids = dead_tickets(aws, 30)
    dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")
    left(stage, "open_ticket", ids[:20])
    report = redrive(account, Request(dead.url, to=work.url), yes=True)
    assert (report.tally.moved, len(dead), len(work.arrived)) == (10, 0, 10)


def test_what_a_process_hides_that_died_elsewhere_is_waited_for(
    aws: Endpoint, stage: Stage, account: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "VISIBILITY", 8)
    for name in ("EVERY", "SPARE"):
        monkeypatch.setattr(f"ops.redrive.run.{name}", 0)
    dead_tickets(aws, 30)
    dead = queue(aws, "open_ticket-dlq")
    journal = Journal(journals.path(account, RUN), find_dead(account, dead.url), Request(dead.url))
    journal.hold()
    journal.begin()
    journal.close()
    aws.do(lambda: dead.take(10, 4))
    report = redrive(stage, Request("open_ticket"), yes=True)
    assert (report.tally.moved, report.in_flight, len(dead)) == (30, 0, 0)


def test_what_a_run_of_another_queue_sent_is_none_of_this_ones(aws: Endpoint, stage: Stage, account: Stage) -> None:
    dead_tickets(aws, 3)
    dead = queue(aws, "open_ticket-dlq")
    journal = Journal(
        journals.path(account, RUN),
        Queue("x", "other", dead.name, dead.url.replace("http://sqs", "http://sqs.another")),
        Request("x"),
    )
    journal.sent(["m1"])
    journal.close()
    assert answer("redrive", "open_ticket", "--yes")["tally"]["moved"] == 3
    (kept,) = journals.unfinished(account)
    assert kept.pending == {"m1"}


def test_status_knows_a_queue_by_each_of_its_names_on_aws() -> None:
    names = {
        Queue("a-dlq", "dead", "a-dlq", f"https://{host}/123456789012/a-dlq").address
        for host in (
            "sqs.eu-west-1.amazonaws.com",
            "eu-west-1.queue.amazonaws.com",
            "vpce-1a-2b.sqs.eu-west-1.vpce.amazonaws.com",
        )
    }
    elsewhere = Queue("a-dlq", "dead", "a-dlq", "https://sqs.eu-west-2.amazonaws.com/123456789012/a-dlq")
    assert len(names) == 1
    assert elsewhere.address not in names


@pytest.mark.parametrize("begun", ["stage", "account"])
def test_aws_moves_nothing_that_a_run_of_ours_sent_and_did_not_delete(
    aws: Endpoint, stage: Stage, account: Stage, begun: str
) -> None:
    aws.moves = MoveTasks(aws.sqs)
    ids = dead_tickets(aws, 30)
    place = stage if begun == "stage" else account
    left(place, queue(aws, "open_ticket-dlq").url, ids[:20])
    for more in ([], ["--yes"]):
        refused = ops("redrive", "open_ticket", "--native", *more)
        assert (refused.exit_code, f"`resume {RUN} --" in refused.stderr) == (2, True), refused.output
    assert (len(aws.moves.tasks), len(queue(aws, "open_ticket-dlq"))) == (0, 30)
    assert resume(place, RUN).tally.moved == 10
    assert ops("redrive", "open_ticket", "--native", "--yes").exit_code == 0


def test_aws_moves_nothing_that_a_run_of_ours_sent_that_died_since_it_was_asked(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.moves = MoveTasks(aws.sqs)
    ids = dead_tickets(aws, 30)
    monkeypatch.setattr("ops.redrive.run.refuse", lambda *_: left(stage, "open_ticket", ids[:20]))
    with pytest.raises(UsageError, match=f"`resume {RUN} --stage local` first"):
        redrive(stage, Request("open_ticket", natively=True), yes=True)
    assert len(queue(aws, "open_ticket-dlq")) == 30


def test_the_command_that_goes_on_works_where_an_emulators_urls_have_another_host(
    aws: Endpoint, stage: Stage, account: Stage
) -> None:
    dead = queue(aws, "open_ticket-dlq")
    left(account, dead.url, dead_tickets(aws, 3)[:2])
    (listed,) = answer("resume")
    assert (
        listed["command"] == f"resume {RUN} --endpoint-url {(stage.endpoint or '').replace('127.0.0.1', 'localhost')}"
    )
    assert answer(*shlex.split(listed["command"]))["tally"]["moved"] == 1
    assert answer("resume") == []


@pytest.mark.parametrize(
    ("place", "url", "endpoint"),
    [
        ("@localhost-4566", "http://127.0.0.1:4566/123456789012/a", "http://127.0.0.1:4566"),
        ("@localhost-4566", "http://sqs.eu-west-1.localhost.localstack.cloud:4566/1/a", "http://localhost:4566"),
        ("@my-emulator-9324", "http://localhost:9324/queue/a", "http://my-emulator:9324"),
        ("@emulator.example-443", "http://queues/1/a", "https://emulator.example:443"),
    ],
)
def test_the_endpoint_is_told_by_which_the_place_is_found_again(place: str, url: str, endpoint: str) -> None:
    told = resume_command(f"123456789012-eu-west-1{place}", RUN, Queue("a", "other", "a", url))
    assert told == f"resume {RUN} --endpoint-url {endpoint}"
