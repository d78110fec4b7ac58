"""`redrive`: what moves, where to, as what, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import names
from tests.ops.cli.typed import answer, dead_tickets, explain, ops, queue
from tests.ops.endpoint import Endpoint


def test_redrive_without_yes_counts_by_destination_and_cause_and_changes_nothing(aws: Endpoint) -> None:
    explain(aws, dead_tickets(aws, 5)[2])
    report = answer("redrive", "open_ticket")
    assert (report["acted"], report["tally"]["matched"], report["tally"]["moved"]) == (False, 5, 0)
    assert report["tally"]["to"] == {names.queue(names.LOCAL, "open_ticket"): 5}
    assert report["tally"]["causes"] == {"unexplained": 4, "Reject: unknown agent a-9": 1}
    assert len(queue(aws, "open_ticket")) == 0
    assert answer("queues")[1]["waiting"] == 5


def test_redrive_with_yes_moves_them_and_leaves_a_record(aws: Endpoint, home: Path) -> None:
    dead_tickets(aws, 25)
    report = answer("redrive", "open_ticket", "--yes")
    assert (report["tally"]["moved"], report["problem"]) == (25, None)
    assert len(queue(aws, "open_ticket")) == 25
    (record,) = aws.records
    assert record["queue"]["S"] == "open_ticket-dlq"
    assert json.loads(record["result"]["S"])["moved"] == 25
    lines = (home / "ops" / names.LOCAL / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line).get("result", {}).get("moved") for line in lines] == [None, 25]
    assert ops("resume").stdout.strip() == "Every redrive and import ended."


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        (["--filter", "body.n >= `7`"], 3),
        (["--limit", "4"], 4),
        (["--older-than", "1h"], 0),
        (["--cause", "AGENT"], 1),
        (["--cause", "unexplained", "--limit", "20"], 9),
        (["--rate", "200"], 10),
        (["--rate", "max", "--no-native"], 10),
    ],
)
def test_redrive_moves_just_what_is_meant(aws: Endpoint, options: list[str], moved: int) -> None:
    explain(aws, dead_tickets(aws, 10)[0])
    assert answer("redrive", "open_ticket", "--yes", *options)["tally"]["moved"] == moved
    assert len(queue(aws, "open_ticket")) == moved
    assert answer("queues")[1]["waiting"] == 10 - moved


def test_redrive_by_ids_moves_just_those(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 10)
    assert answer("redrive", "open_ticket", "--ids", f"{ids[3]}, {ids[5]}", "--yes")["tally"]["moved"] == 2


def test_redrive_with_an_edit_shows_the_difference_and_keeps_the_originals(aws: Endpoint) -> None:
    dead_tickets(aws, 2)
    edit = '{"currency": "EUR", "n": null}'
    dry = answer("redrive", "open_ticket", "--edit", edit, "--force")
    assert '+  "currency": "EUR"' in dry["differences"][0]
    done = answer("redrive", "open_ticket", "--edit", edit, "--yes", "--force")
    assert {json.loads(body)["currency"] for body in queue(aws, "open_ticket").arrived} == {"EUR"}
    originals = [json.loads(line) for line in Path(done["originals"]).read_text().splitlines()]
    assert {json.loads(line["body"])["n"] for line in originals} == {0, 1}


def test_an_edit_of_a_message_that_is_no_json_leaves_it_and_says_so(aws: Endpoint) -> None:
    aws.put(queue(aws, "open_ticket-dlq"), "no json")
    result = ops("redrive", "open_ticket", "--edit", "{}", "--yes")
    assert result.exit_code == 3
    assert "cannot be edited" in result.stdout
    assert answer("queues")[1]["waiting"] == 1


def test_what_is_not_meant_blocks_its_fifo_group_unless_order_is_given_up(aws: Endpoint) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for number in range(6):
        aws.put(dead, json.dumps({"n": number}), group=f"ticket-{number % 2}")
    chosen = ["redrive", "change_ticket", "--filter", "body.n != `2`", "--yes"]
    result = ops(*chosen, "--json")
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert (report["tally"]["moved"], report["tally"]["group_blocked"]) == (4, 1)
    assert answer(*chosen, "--out-of-order")["tally"]["moved"] == 1
    assert [json.loads(body)["n"] for body in queue(aws, "change_ticket").arrived if json.loads(body)["n"] % 2] == [
        1,
        3,
        5,
    ]


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_what_sqs_did_not_show_of_a_fifo_group_is_still_there_and_the_exit_code_says_so(
    aws: Endpoint, command: str
) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for number in range(15):
        aws.put(dead, json.dumps({"n": number}), group="ticket-0")
    beyond = ["--filter", "body.n >= `12`", "--yes"]
    result = ops(command, "change_ticket", *beyond, "--json")
    report, error = json.loads(result.stdout), json.loads(result.stderr)
    assert (result.exit_code, error["exit_code"], report["locked"], len(dead)) == (3, 3, 5, 15)


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize(("word", "told"), [("open_ticket", 3), ("change_ticket", 7)], ids=["standard", "fifo"])
def test_what_somebody_else_holds_is_told_and_not_taken_for_done(
    aws: Endpoint, command: str, word: str, told: int
) -> None:
    dead = queue(aws, f"{word}-dlq")
    for number in range(10):
        aws.put(dead, json.dumps({"n": number}), group="a" if number < 7 else "b")
    aws.do(lambda: dead.take(3, 600))  # on FIFO the first three of seven
    result = ops(command, word, "--yes", "--json")
    report, error = json.loads(result.stdout), json.loads(result.stderr)
    assert (result.exit_code, report["in_flight"], len(dead)) == (3, told, told)
    assert "in two minutes." in error["error"]
    assert ops(command, word, "--yes").exit_code == 3
    aws.do(dead.show_all)
    assert answer(command, word, "--yes")["in_flight"] == len(dead) == 0


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize("option", ["--limit", "--ids"])
def test_where_all_that_was_named_is_done_nothing_stayed(aws: Endpoint, command: str, option: str) -> None:
    dead = queue(aws, "change_ticket-dlq")
    ids = [aws.put(dead, json.dumps({"n": number}), group="a") for number in range(60)]
    aws.put(dead, "{}", group="b")
    said = "5" if option == "--limit" else ",".join(ids[:5])
    assert ops(command, "change_ticket", option, said, "--yes").exit_code == 0
    assert len(dead) == 56


def test_an_undelivered_event_goes_to_its_target_without_what_eventbridge_wrote_on_it(aws: Endpoint) -> None:
    rule = "arn:aws:events:eu-west-1:000000000000:rule/bus/close_ticket"
    told = {"RULE_ARN": rule, "TARGET_ARN": queue(aws, "assign_ticket").arn, "ERROR_CODE": "X", "RETRY_ATTEMPTS": "3"}
    aws.put(queue(aws, "assign_ticket-undelivered"), '{"detail": {}}', tenant="acme", **told)
    assert answer("redrive", "assign_ticket-undelivered", "--yes")["tally"]["moved"] == 1
    (message,) = aws.do(lambda: queue(aws, "assign_ticket").take(1, 30))
    assert message.body == '{"detail": {}}'
    assert set(message.attributes) == {"tenant", "redriven"}


def test_a_failed_invocation_is_unwrapped(aws: Endpoint) -> None:
    envelope = {
        "version": "1.0",
        "timestamp": "2026-11-21T22:00:00.000Z",
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"n": 1},
        "responsePayload": {"errorType": "KeyError", "errorMessage": "'x'"},
    }
    dead = aws.sqs.create("somebodys-failures")
    aws.put(dead, json.dumps(envelope))
    (found,) = answer("dead", "--queue", "somebodys-failures")
    assert found["piles"][0]["cause"] == "KeyError: 'x'"
    assert answer("redrive", "somebodys-failures", "--to", "open_ticket", "--yes")["tally"]["moved"] == 1
    assert [json.loads(body) for body in queue(aws, "open_ticket").arrived] == [{"n": 1}]


def test_when_the_only_message_comes_straight_back_the_exit_code_says_so(aws: Endpoint) -> None:
    dead_tickets(aws, 1)
    source = queue(aws, "open_ticket")
    source.receives = 0
    put = source.put

    def consumed_at_once(*given: Any, **more: Any) -> str:
        id_ = put(*given, **more)
        source.take(1, 0)
        return id_

    source.put = consumed_at_once  # type: ignore[method-assign]
    result = ops("redrive", "open_ticket", "--yes")
    assert (result.exit_code, "fix the cause first" in result.stderr) == (4, True), result.output
    assert len(queue(aws, "open_ticket-dlq")) == 1
    forced = answer("redrive", "open_ticket", "--yes", "--force")
    assert (forced["mostly_back"], forced["tally"]["came_back"]) == (True, 1)


def test_a_message_that_nobody_can_place_is_kept_and_the_exit_code_says_so(aws: Endpoint) -> None:
    aws.put(aws.sqs.create("somebodys-dlq"), "lost")
    result = ops("redrive", "somebodys-dlq", "--yes")
    assert result.exit_code == 3
    assert "say --to" in result.stdout


def test_messages_of_a_standard_queue_go_to_a_fifo_queue_in_the_group_that_is_said(aws: Endpoint) -> None:
    dead_tickets(aws, 12)
    done = answer("redrive", "open_ticket", "--to", "change_ticket", "--group", "late", "--yes")
    assert done["tally"]["moved"] == 12
    taken = aws.do(lambda: queue(aws, "change_ticket").take(10, 30))
    assert {message.group for message in taken} == {"late"}
    assert len({message.deduplication for message in taken}) == 10


def refused(aws: Endpoint, home: Path, code: int, *arguments: str) -> str:
    """What a command says that moves, deletes, hides and records nothing."""
    result = ops(*arguments, "--yes")
    assert (result.exit_code, result.stdout) == (code, "")
    assert not list(home.rglob("audit.jsonl"))
    assert not list(home.rglob("*.journal"))
    return result.stderr


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize(
    "chosen",
    [
        ["--cause", "unexplained"],
        ["--cause", "Reject", "--limit", "1"],
        ["--filter", "cause.error_type != 'Reject'"],
        ["--filter", "!contains(to_string(@), 'unknown agent')"],
    ],
)
def test_what_goes_by_causes_that_cannot_be_read_is_refused_before_it_begins(
    aws: Endpoint, home: Path, command: str, chosen: list[str]
) -> None:
    dead_tickets(aws, 3)
    del aws.tables[names.resource(names.LOCAL, names.FAILURES)]
    said = refused(aws, home, 1, command, "open_ticket", *chosen)
    assert "Which messages are meant by their cause cannot be said without the causes: BatchGetItem" in said
    assert len(queue(aws, "open_ticket-dlq")) == 3


def test_a_filter_that_asks_for_no_cause_needs_none(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    del aws.tables[names.resource(names.LOCAL, names.FAILURES)]
    assert answer("redrive", "open_ticket", "--filter", "body.n > `0` && !(body.cause)", "--yes")["tally"]["moved"] == 2


def test_a_record_that_is_none_does_not_make_its_message_unexplained_where_causes_choose(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 3)
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][ids[1]] = {"message_id": {"S": ids[1]}}
    taken = answer("drop", "open_ticket", "--cause", "unexplained", "--yes")
    assert (taken["deleted"], taken["unfit"]) == (2, 1)
    assert ids[1] in taken["problem"]
    assert len(queue(aws, "open_ticket-dlq")) == 1


@pytest.mark.parametrize("part", ["e", "explain", "unexplaine", "plain"])
def test_a_part_of_the_word_unexplained_means_nothing_that_has_no_cause(aws: Endpoint, part: str) -> None:
    dead_tickets(aws, 3)
    assert answer("drop", "open_ticket", "--cause", part, "--yes")["deleted"] == 0
    assert answer("drop", "open_ticket", "--cause", " Unexplained", "--yes")["deleted"] == 3


def test_nobody_knows_why_messages_of_a_foreign_queue_are_dead_so_unexplained_means_none(
    aws: Endpoint, home: Path
) -> None:
    dead = aws.sqs.create("somebodys-dlq")
    aws.sqs.create("somebodys", dead)
    aws.put(dead, "x")
    for command in ("redrive", "drop"):
        assert "recorded nowhere" in refused(aws, home, 2, command, dead.arn, "--cause", "unexplained")
    taken = answer("drop", dead.arn, "--filter", "!cause", "--yes")
    assert (taken["deleted"], taken["unfit"], len(dead)) == (0, 1, 1)
