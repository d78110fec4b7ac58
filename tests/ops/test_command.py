"""What a person types, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks.fake_sqs import FakeQueue
from ops.command import app
from ops.queue import known
from stacks import names
from tests.ops.endpoint import Endpoint

UNKNOWN_SKU = {"error_type": {"S": "Reject"}, "error_message": {"S": "unknown sku tea-9"}, "attempts": {"N": "3"}}


def ops(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], env={"COLUMNS": "200", "HEADRACE_STAGE": "local"})


def answer(*arguments: str) -> Any:
    """The JSON that a command answers, which must succeed."""
    result = ops(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def queue(aws: Endpoint, word: str) -> FakeQueue:
    """The queue that people call by that word."""
    name = {known_word: physical for known_word, _, physical in known("local")}[word]
    return aws.sqs.create(name)


def dead_orders(aws: Endpoint, count: int) -> list[str]:
    dead = queue(aws, "accept_order-dlq")
    return [aws.put(dead, json.dumps({"order_id": f"o-{number}", "n": number})) for number in range(count)]


def explain(aws: Endpoint, message_id: str) -> None:
    aws.tables[names.resource("local", "failures")][message_id] = {"message_id": {"S": message_id}, **UNKNOWN_SKU}


def test_queues_shows_every_queue_of_the_topology_with_what_waits(aws: Endpoint) -> None:
    dead_orders(aws, 3)
    rows = answer("queues")
    assert [row["queue"] for row in rows] == [word for word, _, _ in known("local")]
    assert {row["queue"]: row["waiting"] for row in rows if row["waiting"]} == {"accept_order-dlq": 3}
    assert "accept_order-dlq" in ops("queues").stdout


def test_dead_groups_messages_by_cause_and_leaves_them_where_they_are(aws: Endpoint) -> None:
    ids = dead_orders(aws, 3)
    explain(aws, ids[0])
    aws.put(
        queue(aws, "reserve_stock-undelivered"),
        "{}",
        RULE_ARN="arn:aws:events:us-east-1:000000000000:rule/bus/reserve",
        TARGET_ARN=queue(aws, "reserve_stock").arn,
        ERROR_CODE="NO_PERMISSIONS",
    )
    orders, stock = answer("dead")
    assert (orders["queue"], orders["waiting"]) == ("accept_order-dlq", 3)
    assert {pile["cause"]: pile["count"] for pile in orders["piles"]} == {
        "unexplained": 2,
        "Reject: unknown sku tea-9": 1,
    }
    assert [pile["cause"] for pile in stock["piles"]] == ["NO_PERMISSIONS (reserve)"]
    assert answer("queues")[1]["waiting"] == 3
    assert "unknown sku tea-9" in ops("dead").stdout


def test_dead_says_so_where_there_is_nothing(aws: Endpoint) -> None:
    assert ops("dead").stdout.strip() == "No dead letters."


def test_peek_shows_a_message_with_its_cause_and_hides_its_secrets(aws: Endpoint) -> None:
    dead = queue(aws, "accept_order-dlq")
    id_ = aws.put(dead, '{"customer_email": "ada@example.com", "note": "[red]mind[/red]"}', authorization="Bearer x")
    explain(aws, id_)
    shown = ops("peek", "accept_order").stdout
    assert "Reject: unknown sku tea-9" in shown
    assert "[red]mind[/red]" in shown
    assert "ada@example.com" not in shown
    assert "Bearer x" not in shown
    assert "ada@example.com" in ops("peek", "accept_order", "--show-secrets").stdout
    (message,) = answer("peek", "accept_order", "--filter", "contains(body.note, 'mind')")
    assert message["message_id"] == id_
    assert answer("peek", "accept_order", "--filter", "body.note == 'other'") == []


def test_redrive_without_yes_counts_by_destination_and_cause_and_changes_nothing(aws: Endpoint) -> None:
    explain(aws, dead_orders(aws, 5)[2])
    report = answer("redrive", "accept_order")
    assert (report["acted"], report["matched"], report["moved"]) == (False, 5, 0)
    assert report["to"] == {"headrace-local-accept_order": 5}
    assert report["causes"] == {"unexplained": 4, "Reject: unknown sku tea-9": 1}
    assert len(queue(aws, "accept_order")) == 0
    assert answer("queues")[1]["waiting"] == 5


def test_redrive_with_yes_moves_them_and_leaves_a_record(aws: Endpoint, home: Path) -> None:
    dead_orders(aws, 25)
    report = answer("redrive", "accept_order", "--yes")
    assert (report["moved"], report["problem"]) == (25, None)
    assert len(queue(aws, "accept_order")) == 25
    (record,) = aws.tables[names.resource("local", "redrives")].values()
    assert record["queue"]["S"] == "accept_order-dlq"
    assert json.loads(record["result"]["S"])["moved"] == 25
    lines = (home / "ops" / "local" / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line).get("result", {}).get("moved") for line in lines] == [None, 25]
    assert ops("resume").stdout.strip() == "Every redrive ended."


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        (["--filter", "body.n >= `7`"], 3),
        (["--limit", "4"], 4),
        (["--older-than", "1h"], 0),
        (["--cause", "SKU"], 1),
        (["--cause", "unexplained", "--limit", "20"], 9),
        (["--rate", "200"], 10),
        (["--rate", "max", "--no-native"], 10),
    ],
)
def test_redrive_moves_just_what_is_meant(aws: Endpoint, options: list[str], moved: int) -> None:
    explain(aws, dead_orders(aws, 10)[0])
    assert answer("redrive", "accept_order", "--yes", *options)["moved"] == moved
    assert len(queue(aws, "accept_order")) == moved
    assert answer("queues")[1]["waiting"] == 10 - moved


def test_redrive_by_ids_moves_just_those(aws: Endpoint) -> None:
    ids = dead_orders(aws, 10)
    assert answer("redrive", "accept_order", "--ids", f"{ids[3]}, {ids[5]}", "--yes")["moved"] == 2


def test_redrive_with_an_edit_shows_the_difference_and_keeps_the_originals(aws: Endpoint) -> None:
    dead_orders(aws, 2)
    edit = '{"currency": "EUR", "n": null}'
    dry = answer("redrive", "accept_order", "--edit", edit)
    assert '+  "currency": "EUR"' in dry["differences"][0]
    done = answer("redrive", "accept_order", "--edit", edit, "--yes")
    assert {json.loads(body)["currency"] for body in queue(aws, "accept_order").arrived} == {"EUR"}
    originals = [json.loads(line) for line in Path(done["originals"]).read_text().splitlines()]
    assert {json.loads(line["body"])["n"] for line in originals} == {0, 1}


def test_an_edit_of_a_message_that_is_no_json_leaves_it_and_says_so(aws: Endpoint) -> None:
    aws.put(queue(aws, "accept_order-dlq"), "no json")
    result = ops("redrive", "accept_order", "--edit", "{}", "--yes")
    assert result.exit_code == 3
    assert "cannot be edited" in result.stdout
    assert answer("queues")[1]["waiting"] == 1


def test_a_fifo_group_stays_behind_what_is_not_meant_unless_order_is_given_up(aws: Endpoint) -> None:
    dead = queue(aws, "apply_payment-dlq")
    for number in range(6):
        aws.put(dead, json.dumps({"n": number}), group=f"order-{number % 2}")
    chosen = ["redrive", "apply_payment", "--filter", "body.n != `2`", "--yes"]
    result = ops(*chosen, "--json")
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert (report["moved"], report["behind"]) == (4, 1)
    assert answer(*chosen, "--out-of-order")["moved"] == 1
    assert [json.loads(body)["n"] for body in queue(aws, "apply_payment").arrived if json.loads(body)["n"] % 2] == [
        1,
        3,
        5,
    ]


def test_an_undelivered_event_goes_to_its_target_without_what_eventbridge_wrote_on_it(aws: Endpoint) -> None:
    told = {"RULE_ARN": "", "TARGET_ARN": queue(aws, "reserve_stock").arn, "ERROR_CODE": "X", "RETRY_ATTEMPTS": "3"}
    aws.put(queue(aws, "reserve_stock-undelivered"), '{"detail": {}}', tenant="acme", **told)
    assert answer("redrive", "reserve_stock-undelivered", "--yes")["moved"] == 1
    (message,) = aws.do(lambda: queue(aws, "reserve_stock").take(1, 30))
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
    assert answer("redrive", "somebodys-failures", "--to", "accept_order", "--yes")["moved"] == 1
    assert [json.loads(body) for body in queue(aws, "accept_order").arrived] == [{"n": 1}]


def test_a_message_that_nobody_can_place_is_kept_and_the_exit_code_says_so(aws: Endpoint) -> None:
    aws.put(aws.sqs.create("somebodys-dlq"), "lost")
    result = ops("redrive", "somebodys-dlq", "--yes")
    assert result.exit_code == 3
    assert "say --to" in result.stdout


def test_drop_deletes_only_what_is_in_the_file(aws: Endpoint, tmp_path: Path) -> None:
    dead_orders(aws, 5)
    assert answer("drop", "accept_order")["matched"] == 5
    assert answer("queues")[1]["waiting"] == 5
    file = tmp_path / "dropped.jsonl"
    dropped = answer("drop", "accept_order", "--filter", "body.n < `2`", "--file", str(file), "--yes")
    assert (dropped["matched"], dropped["deleted"]) == (2, 2)
    assert {json.loads(json.loads(line)["body"])["n"] for line in file.read_text().splitlines()} == {0, 1}
    assert answer("queues")[1]["waiting"] == 3


def test_what_was_exported_can_be_imported(aws: Endpoint, tmp_path: Path) -> None:
    dead = queue(aws, "apply_payment-dlq")
    for number in range(12):
        aws.put(dead, f"grüße {number}", group=f"order-{number % 3}", tenant="acme")
    file = str(tmp_path / "letters.jsonl")
    assert answer("drop", "apply_payment", "--file", file, "--yes")["deleted"] == 12
    assert len(dead) == 0
    assert ops("import", "apply_payment-dlq", file).stdout.startswith("Would put 12")
    assert answer("import", "apply_payment-dlq", file, "--yes")["sent"] == 12
    bodies = dead.bodies()
    assert sorted(bodies) == sorted(f"grüße {number}" for number in range(12))
    assert [body for body in bodies if int(body.split()[1]) % 3 == 0] == ["grüße 0", "grüße 3", "grüße 6", "grüße 9"]
    (message, *_) = aws.do(lambda: dead.take(10, 30))
    assert message.attributes["tenant"].text == "acme"


def test_an_export_copies_and_never_overwrites(aws: Endpoint, tmp_path: Path) -> None:
    dead_orders(aws, 12)
    file = str(tmp_path / "letters.jsonl")
    assert answer("export", "accept_order", file, "--filter", "body.n > `1`")["matched"] == 10
    assert answer("queues")[1]["waiting"] == 12
    again = ops("export", "accept_order", file)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


def test_an_export_says_what_a_fifo_queue_does_not_show(aws: Endpoint, tmp_path: Path) -> None:
    for number in range(15):
        aws.put(queue(aws, "apply_payment-dlq"), str(number), group="order-1")
    result = ops("export", "apply_payment", str(tmp_path / "letters.jsonl"))
    assert result.exit_code == 3
    assert "5 messages are not" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["redrive", "acept_order"], 2, "Did you mean accept_order?"),
        (["redrive", "https://sqs.us-east-1.amazonaws.com/1/nothing"], 2, "There is no queue 'nothing'"),
        (["redrive", "accept_order", "--filter", "body.["], 2, "is no JMESPath"),
        (["redrive", "accept_order", "--older-than", "soon"], 2, "is no span of time"),
        (["redrive", "accept_order", "--edit", "[]", "--yes"], 2, "must be a JSON object"),
        (["redrive", "accept_order", "--edit", "{"], 2, "is no JSON"),
        (["redrive", "accept_order", "--rate", "fast"], 2, "--rate is 'fast'"),
        (["redrive", "accept_order", "--to", "apply_payment"], 2, "choose a queue of the same type"),
        (["redrive", "accept_order", "--native", "--limit", "3"], 2, "takes no filter, limit or edit"),
        (["resume", "nothing"], 2, "There is no unfinished redrive 'nothing'"),
        (["import", "accept_order-dlq", "nothing.jsonl"], 2, "cannot be read"),
        (["status", "accept_order"], 1, "was refused"),
        (["peek", "accept_order", "--work"], 2, "after 3 of them SQS moves a message of accept_order"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    aws: Endpoint, arguments: list[str], code: int, sentence: str
) -> None:
    result = ops(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_without_a_local_stack_the_sentence_says_how_to_start_one(home: Path) -> None:
    result = ops("queues")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Nothing runs on this machine: start it with `python -m local up`."


def test_an_endpoint_that_does_not_answer_is_one_sentence(home: Path) -> None:
    state = {"aws_endpoint_url": "http://127.0.0.1:1", "region": "us-east-1"}
    (home / "state.json").write_text(json.dumps(state))
    result = ops("redrive", "accept_order")
    assert result.exit_code == 1
    assert result.stderr.strip() == "AWS does not answer at http://127.0.0.1:1/: is it running, and the network up?"


@pytest.mark.parametrize(
    ("region", "sentence"),
    [
        ("eu-west-1", "There are no AWS credentials: sign in, or set AWS_PROFILE, and try again."),
        ("", "There is no AWS region: set AWS_REGION, or one in the profile, and try again."),
    ],
)
def test_what_aws_needs_to_know_is_asked_for_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, region: str, sentence: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_CONFIG_FILE": str(home / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    result = ops("queues", "--stage", "dev")
    assert result.exit_code == 1
    assert result.stderr.strip() == sentence


def test_every_command_has_an_example() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert "Example: python -m ops" in (command.callback.__doc__ or ""), command.callback.__name__
