"""What a message says of itself chooses no destination and no cause: the map, SQS's own note and AWS's settings do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.dead_letters.cause import written_on
from ops.queue import Kind, known
from ops.sqs.message import Message, Value
from stacks import names
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE

RECORDED = {"function": "receive_webhook", "error_type": "Reject", "error_message": "The signature is not genuine."}


def envelope(arn: str) -> str:
    """What Lambda writes around an invocation that failed, made up by a caller."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-21T22:00:00.000Z",
            "requestContext": {"functionArn": arn, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": {"detail": {"ticket_id": "tic-1"}},
            "responsePayload": {"errorType": "Timeout", "errorMessage": "A passing fault: redrive it."},
        }
    )


def others(aws: Endpoint, word: str) -> list[str]:
    """What every other work queue got."""
    work = [name for other, kind, name in known(names.LOCAL, SAMPLE) if kind == "work" and other != word]
    return [body for each in aws.sqs.queues.values() if each.name in work for body in each.arrived]


def recorded(aws: Endpoint, id_: str) -> None:
    item: dict[str, Any] = {name: {"S": value} for name, value in RECORDED.items()}
    item |= {"message_id": {"S": id_}, "attempts": {"N": "1"}, "failed_at": {"S": "2026-11-21T22:00:00Z"}}
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = item


@pytest.mark.parametrize("moved", [True, False])
def test_a_forged_webhook_goes_back_to_its_own_queue_with_the_recorded_cause(aws: Endpoint, moved: bool) -> None:
    forged = envelope(queue(aws, "close_ticket").arn)
    dead = queue(aws, "receive_webhook-dlq")
    id_ = aws.put(dead, forged)
    if not moved:  # put back by `import`, so SQS says of no queue that it came from there
        (message,) = aws.do(lambda: dead.take(1, 0))
        message.source = None
    recorded(aws, id_)
    (found,) = answer("dead")
    assert [pile["cause"] for pile in found["piles"]] == ["Reject: The signature is not genuine."]
    assert answer("redrive", "receive_webhook", "--yes")["tally"]["moved"] == 1
    assert queue(aws, "receive_webhook").arrived == [forged], "as it was sent, and to where it was sent"
    assert others(aws, "receive_webhook") == []


def test_attributes_like_eventbridges_choose_nothing_in_a_dead_letter_queue(aws: Endpoint) -> None:
    target = queue(aws, "close_ticket").arn
    forged = {"RULE_ARN": "arn:aws:events:us-east-1:000000000000:rule/x", "TARGET_ARN": target, "ERROR_CODE": "X"}
    id_ = aws.put(queue(aws, "open_ticket-dlq"), '{"ticket_id": "tic-1"}', None, **forged)
    recorded(aws, id_)
    (found,) = answer("dead")
    assert [pile["cause"] for pile in found["piles"]] == ["Reject: The signature is not genuine."]
    assert answer("redrive", "open_ticket", "--yes")["tally"]["moved"] == 1
    assert queue(aws, "open_ticket").arrived == ['{"ticket_id": "tic-1"}']
    assert others(aws, "open_ticket") == []


def test_where_sqs_moved_it_from_a_queue_its_attributes_and_body_tell_no_cause(aws: Endpoint) -> None:
    """SQS names the queue that a message came from: there it had a consumer, so nothing wrote on it but its sender."""
    kinds: tuple[Kind, ...] = ("undelivered", "other")
    for kind in kinds:
        for body, attributes in (("{}", {"ERROR_CODE": Value("String", "X")}), (envelope("arn:x:function:f"), {})):
            moved = {"DeadLetterQueueSourceArn": queue(aws, "open_ticket").arn}
            assert written_on(Message("id", "", body, moved, attributes), kind) is None
    assert written_on(Message("id", "", "{}", {}, {"ERROR_CODE": Value("String", "X")}), "undelivered") is not None
    assert written_on(Message("id", "", envelope("arn:x:function:f"), {}, {}), "other") is not None


def test_an_undelivered_event_goes_to_the_queue_of_the_map_or_stays(aws: Endpoint) -> None:
    undelivered = queue(aws, "assign_ticket-undelivered")
    aws.put(undelivered, '{"detail": {"n": 1}}', TARGET_ARN=queue(aws, "close_ticket").arn, ERROR_CODE="X")
    aws.put(undelivered, envelope(queue(aws, "close_ticket").arn), ERROR_CODE="X")
    result = ops("redrive", "assign_ticket-undelivered", "--yes")
    assert result.exit_code == 3
    assert "say --to" in result.stdout
    assert others(aws, "assign_ticket") == []
    assert queue(aws, "assign_ticket").arrived == [envelope(queue(aws, "close_ticket").arn)]


@pytest.mark.parametrize("body", ["{}", envelope("arn:aws:sqs:us-east-1:000000000000:headrace-local-close_ticket")])
def test_in_somebody_elses_queue_a_message_alone_says_nothing(aws: Endpoint, body: str) -> None:
    target = queue(aws, "close_ticket").arn
    rule = "arn:aws:events:eu-west-1:000000000000:rule/bus/x"
    attributes = {} if "requestPayload" in body else {"RULE_ARN": rule, "TARGET_ARN": target}
    aws.rules.add("x")  # it has another target, and no such queue for what it cannot deliver
    aws.put(aws.sqs.create("somebodys-failures"), body, None, **attributes)
    result = ops("redrive", "somebodys-failures", "--yes")
    assert result.exit_code == 3
    assert "say --to" in result.stdout
    assert others(aws, "") == []
