"""`queues`, `dead`, `peek`: what is seen, and that it stays where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.queue import known
from stacks import names
from tests.ops.cli.typed import answer, dead_tickets, explain, ops, queue
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE


def test_queues_shows_every_queue_of_the_topology_with_what_waits(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    rows = answer("queues")
    assert [row["queue"] for row in rows] == [word for word, _, _ in known(names.LOCAL, SAMPLE)]
    assert {row["queue"]: row["waiting"] for row in rows if row["waiting"]} == {"open_ticket-dlq": 3}
    assert "open_ticket-dlq" in ops("queues").stdout


def test_queues_says_which_consumers_take_nothing(aws: Endpoint) -> None:
    assert {row["consumer"] for row in answer("queues")} == {None}
    assert "runbook" not in ops("queues").stdout
    states = {"open_ticket": "Disabled", "change_ticket": "Enabled", "mail_ticket": "Disabling"}
    for word, state in states.items():
        aws.mappings[queue(aws, word).arn] = state
    assert {row["queue"]: row["consumer"] for row in answer("queues") if row["consumer"]} == states
    shown = ops("queues").stdout
    assert "open_ticket disabled" in shown
    assert "mail_ticket disabling" in shown
    assert "change_ticket enabled" not in shown
    assert "docs/runbook.md" in shown


def test_queues_shows_what_waits_to_whom_lambda_tells_nothing(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoint, "_mappings", lambda *_: (403, b'{"__type": "AccessDeniedException"}'))
    assert len(answer("queues")) == len(list(known(names.LOCAL, SAMPLE)))


def test_dead_groups_messages_by_cause_and_leaves_them_where_they_are(aws: Endpoint) -> None:
    ids = dead_tickets(aws, 3)
    explain(aws, ids[0])
    aws.put(
        queue(aws, "assign_ticket-undelivered"),
        "{}",
        RULE_ARN="arn:aws:events:us-east-1:000000000000:rule/bus/assign",
        TARGET_ARN=queue(aws, "assign_ticket").arn,
        ERROR_CODE="NO_PERMISSIONS",
    )
    opened, assigned = answer("dead")
    assert (opened["queue"], opened["waiting"]) == ("open_ticket-dlq", 3)
    assert {pile["cause"]: pile["count"] for pile in opened["piles"]} == {
        "unexplained": 2,
        "Reject: unknown agent a-9": 1,
    }
    assert [pile["cause"] for pile in assigned["piles"]] == ["NO_PERMISSIONS (assign)"]
    assert answer("queues")[1]["waiting"] == 3
    assert "unknown agent a-9" in ops("dead").stdout


def test_dead_says_so_where_there_is_nothing(aws: Endpoint) -> None:
    assert ops("dead").stdout.strip() == "No dead letters."


def test_peek_shows_a_message_with_its_cause_and_hides_its_secrets(aws: Endpoint) -> None:
    dead = queue(aws, "open_ticket-dlq")
    id_ = aws.put(dead, '{"email": "ada@example.com", "note": "[red]mind[/red]"}', authorization="Bearer x")
    explain(aws, id_)
    shown = ops("peek", "open_ticket").stdout
    assert "Reject: unknown agent a-9" in shown
    assert "[red]mind[/red]" in shown
    assert "ada@example.com" not in shown
    assert "Bearer x" not in shown
    assert "ada@example.com" in ops("peek", "open_ticket", "--show-secrets").stdout
    (message,) = answer("peek", "open_ticket", "--filter", "contains(body.note, 'mind')")
    assert message["message_id"] == id_
    assert answer("peek", "open_ticket", "--filter", "body.note == 'other'") == []


RETIRED = replace(
    SAMPLE, integrations=tuple(replace(each, retired=each.name == "agents") for each in SAMPLE.integrations)
)


def test_queues_and_dead_tell_whose_a_queue_is_and_that_it_is_retired(aws: Endpoint) -> None:
    dead_tickets(aws, 1)
    aws.put(queue(aws, "assign_ticket-dlq"), "{}")
    assert {row["queue"]: row["integration"] for row in answer("queues")}["assign_ticket-dlq"] == "agents"
    assert [each["integration"] for each in answer("dead")] == ["tickets", "agents"]
    for command in ("queues", "dead"):
        lines = [line.strip() for line in ops(command, topology=RETIRED).stdout.splitlines()]
        mine, theirs = lines.index("tickets"), lines.index("agents retired")
        assert lines[theirs + 1].startswith("assign_ticket")
        assert any(line.startswith("open_ticket-dlq") for line in lines[mine:theirs])


def test_somebody_elses_queue_is_no_integrations(aws: Endpoint) -> None:
    aws.put(aws.sqs.create("somebodys-dlq"), "{}")
    (found,) = answer("dead", "--queue", "somebodys-dlq")
    assert found["integration"] is None
    assert ops("dead", "--queue", "somebodys-dlq").stdout.startswith("somebodys-dlq: 1 waiting")


def test_peek_shows_where_the_error_came_from(aws: Endpoint) -> None:
    (id_,) = dead_tickets(aws, 1)
    explain(aws, id_)
    frames = ["functions/runtime/consumer.py:61 handle", "functions/open_ticket/handler.py:27 handle"]
    recorded = aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_]
    recorded["stack"] = {"L": [{"S": frame} for frame in frames]}
    shown = [line.strip() for line in ops("peek", "open_ticket").stdout.splitlines()]
    assert shown[shown.index(frames[0]) + 1] == frames[1], "the innermost call is last"
    assert answer("peek", "open_ticket")[0]["cause"]["stack"] == frames
