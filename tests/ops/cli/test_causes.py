"""Why a message is dead, on every screen that says it: first and last failure, the log's word, what cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config

import ops.stage as stages
from stacks import names
from tests.ops.cli.typed import answer, dead_tickets, explain, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights

AWAY = "DynamoDB answered 503"
FIRST = f"at receive 1: service away: {AWAY}"
LAST = "at receive 6: NotAttempted: The batch's time ran out before its turn."
FAILURES = names.resource(names.LOCAL, names.FAILURES)


def explain_in_full(aws: Endpoint, message_id: str) -> None:
    """A message that was rejected, after the table had been away and before time ran out."""
    explain(aws, message_id)
    told: dict[str, Any] = {
        "first_error_type": {"S": "Unavailable"},
        "first_error_message": {"S": AWAY},
        "first_attempts": {"N": "1"},
        "first_failed_at": {"S": "2026-11-21T10:00:00.000+00:00"},
        "last_error_type": {"S": "NotAttempted"},
        "last_error_message": {"S": "The batch's time ran out before its turn."},
        "last_attempts": {"N": "6"},
        "last_failed_at": {"S": "2026-11-21T11:00:00.000+00:00"},
    }
    aws.tables[FAILURES][message_id] |= told


def log_says(aws: Endpoint, *message_ids: str) -> None:
    aws.insights = Insights(statuses=["Complete"])
    aws.insights.lines = [
        handled("open_ticket", id_, 100, outcome="rejected", attempt=5, error_type="Reject", error="unknown agent a-9")
        for id_ in message_ids
    ]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_peek_shows_the_first_and_the_last_failure_beside_the_cause(aws: Endpoint) -> None:
    whole, short = dead_tickets(aws, 2)
    explain_in_full(aws, whole)
    explain(aws, short)
    shown = lines(ops("peek", "open_ticket").stdout)
    assert shown.count("cause: Reject: unknown agent a-9") == 2
    assert [line for line in shown if line.startswith(("first", "last"))] == [f"first, {FIRST}", f"last, {LAST}"]


def test_where_the_first_and_the_last_failure_are_the_cause_they_are_not_told_again(aws: Endpoint) -> None:
    (id_,) = dead_tickets(aws, 1)
    explain(aws, id_)
    item = aws.tables[FAILURES][id_]
    for which, receive in (("first", "1"), ("last", "5")):
        item |= {f"{which}_error_type": item["error_type"], f"{which}_error_message": item["error_message"]}
        item[f"{which}_attempts"] = {"N": receive}
    assert "at receive" not in ops("peek", "open_ticket").stdout


def test_dead_counts_by_the_cause_and_tells_scripts_how_else_they_failed(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 3)
    for id_ in ids[:2]:
        explain_in_full(aws, id_)
    explain(aws, ids[2])
    (dead,) = answer("dead")
    (pile,) = dead["piles"]
    assert (pile["cause"], pile["count"]) == ("Reject: unknown agent a-9", 3)
    assert pile["first"] == {f"service away: {AWAY}": 2}
    assert pile["last"] == {"NotAttempted: The batch's time ran out before its turn.": 2}


def test_the_preview_of_a_redrive_counts_first_and_last_failures_below_the_cause(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 3)
    explain_in_full(aws, ids[0])
    explain(aws, ids[1])
    shown = lines(ops("redrive", "open_ticket").stdout)
    assert shown[shown.index("2  Reject: unknown agent a-9") + 1 :][:2] == [
        f"1 of them first: service away: {AWAY}",
        "1 of them last: NotAttempted: The batch's time ran out before its turn.",
    ]
    tally = answer("redrive", "open_ticket", "--cause", "a-9")["tally"]
    assert tally["first"] == {"Reject: unknown agent a-9": {f"service away: {AWAY}": 1}}


def test_trace_shows_first_and_last_failure_of_a_message_whose_lines_are_gone(aws: Endpoint) -> None:
    dead = queue(aws, "open_ticket-dlq")
    explain_in_full(aws, id_ := aws.put(dead, "{}", correlation_id="corr-1"))
    aws.insights = Insights(statuses=["Complete"])
    shown = ops("trace", id_).stdout
    assert "is in open_ticket-dlq: Reject: unknown agent a-9" in shown
    assert shown.index(f"first, {FIRST}") < shown.index(f"last, {LAST}")
    (stray,) = answer("trace", id_)["strays"]
    assert (stray["first"], stray["last"]) == (f"first, {FIRST}", f"last, {LAST}")


def test_a_service_that_was_away_is_found_by_the_name_of_its_error_too(aws: Endpoint) -> None:
    (id_,) = dead_tickets(aws, 1)
    explain(aws, id_)
    aws.tables[FAILURES][id_]["error_type"] = {"S": "Unavailable"}
    assert answer("dead")[0]["piles"][0]["cause"] == "service away: unknown agent a-9"
    for words in ("Service away", "unavailable"):
        assert len(answer("peek", "open_ticket", "--cause", words)) == 1


def test_what_is_not_recorded_is_told_by_the_log_once_and_marked(aws: Endpoint) -> None:
    recorded, logged, silent = dead_tickets(aws, 3)
    explain(aws, recorded)
    log_says(aws, recorded, logged)
    (dead,) = answer("dead")
    assert {pile["cause"]: pile["samples"] for pile in dead["piles"]} == {
        "Reject: unknown agent a-9": [recorded],
        "unexplained; the log says Reject: unknown agent a-9": [logged],
        "unexplained": [silent],
    }
    assert aws.insights is not None
    (asked,) = aws.insights.asked
    assert recorded not in asked["queryString"]
    result = ops("dead")
    assert result.stdout.count("to --cause that message is unexplained") == 1
    peeked = ops("peek", "open_ticket")
    assert "cause: unexplained; the log says Reject: unknown agent a-9" in peeked.stdout
    assert "to --cause that message is unexplained" in peeked.stderr
    assert [each["cause"] and each["cause"].get("logged") for each in answer("peek", "open_ticket")] == [
        None,
        True,
        None,
    ]


def test_where_every_cause_is_recorded_the_log_is_not_asked(aws: Endpoint) -> None:
    for id_ in dead_tickets(aws, 2):
        explain(aws, id_)
    log_says(aws)
    assert "log" not in ops("dead").output
    assert "log" not in ops("peek", "open_ticket").output
    assert aws.insights is not None
    assert aws.insights.asked == []


def test_a_cause_that_only_the_log_knows_is_unexplained_to_a_selection(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 2)
    log_says(aws, *ids)
    assert answer("redrive", "open_ticket", "--cause", "unexplained")["tally"]["matched"] == 2
    assert answer("redrive", "open_ticket", "--cause", "a-9")["tally"]["matched"] == 0
    assert len(answer("peek", "open_ticket", "--cause", "unexplained")) == 2


def test_without_table_and_log_the_dead_letters_are_shown_all_the_same(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 2)
    aws.tables = {}
    log_says(aws, *ids)
    assert aws.insights is not None
    (dead,) = answer("dead")
    assert dead["piles"][0]["cause"] == "unexplained; the log says Reject: unknown agent a-9"
    assert dead["remark"].startswith("The recorded causes could not be read, so the log was asked: BatchGetItem was")
    aws.insights.refusal = "AccessDeniedException"
    (dead,) = answer("dead")
    assert (dead["piles"][0]["cause"], dead["piles"][0]["count"]) == ("unexplained", 2)
    assert dead["remark"].startswith("Neither the recorded causes could be read nor the log: BatchGetItem was refused")
    assert len(answer("peek", "open_ticket")) == 2


def test_a_remark_that_several_queues_have_is_said_once(aws: Endpoint) -> None:
    dead_tickets(aws, 1)
    aws.put(queue(aws, "assign_ticket-dlq"), "{}")
    aws.tables = {}
    assert ops("dead").stdout.count("Neither the recorded causes could be read nor the log") == 1


@pytest.mark.parametrize("service", ["DynamoDB_20120810", "Logs_20140328"])
def test_a_service_that_never_answers_does_not_hide_the_dead_letters(
    aws: Endpoint, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stages.CONFIG.read_timeout * stages.CONFIG.retries["total_max_attempts"]
    assert asked <= 40, "seconds that a person waits"
    short = stages.CONFIG.merge(Config(read_timeout=1.0, retries={"total_max_attempts": 1}))
    monkeypatch.setattr(stages, "CONFIG", short)
    dead_tickets(aws, 2)
    aws.hanging.add(service.lower())
    assert answer("dead")[0]["piles"][0]["count"] == 2
    assert len(answer("peek", "open_ticket")) == 2


@pytest.mark.parametrize("command", ["peek", "redrive", "drop"])
@pytest.mark.parametrize("chosen", [("--cause", "unexplained"), ("--filter", "cause.error_type == 'Reject'")])
def test_what_is_chosen_by_causes_that_cannot_be_read_is_refused(
    aws: Endpoint, command: str, chosen: tuple[str, str]
) -> None:
    dead_tickets(aws, 3)
    aws.tables.pop(FAILURES)
    result = ops(command, "open_ticket", *chosen, *(() if command == "peek" else ("--yes",)))
    assert result.exit_code == 1
    assert "cannot be said without the causes: BatchGetItem was refused" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert answer("queues")[1]["waiting"] == 3


def test_what_is_chosen_otherwise_needs_no_causes(aws: Endpoint) -> None:
    (id_,) = dead_tickets(aws, 1)
    aws.tables.pop(FAILURES)
    assert len(answer("peek", "open_ticket", "--filter", f'contains(`["cause", "{id_}"]`, message_id)')) == 1
