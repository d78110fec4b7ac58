"""Whatever SQS answers, or does not answer, has its documented answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.effects import eventually
from local.gateway.server import Gateway
from tests.local.gateway.client import Client
from tests.local.gateway.examples import GITHUB, TICKET, TICKETS
from tests.local.gateway.receiver import Failure, Receiver


@pytest.mark.parametrize(
    ("failure", "status", "again"),
    [
        (Failure(400, "RequestThrottled"), 503, True),
        (Failure(403, "RequestThrottled"), 503, True),
        (Failure(400, "ThrottlingException"), 503, True),
        (Failure(400, "KMS.ThrottlingException"), 503, True),
        (Failure(403, "OverLimit"), 503, True),
        (Failure(503, "ServiceUnavailable"), 503, True),
        (Failure(500, "InternalError"), 503, True),
        (Failure(403, "AccessDenied"), 500, False),
        (Failure(403, "InvalidClientTokenId"), 500, False),
        (Failure(403, "SignatureDoesNotMatch"), 500, False),
        (Failure(400, "AWS.SimpleQueueService.NonExistentQueue"), 500, False),
        (Failure(400, "KMS.AccessDeniedException"), 500, False),
        (Failure(400, "KMS.DisabledException"), 500, False),
        (Failure(400, "KmsInvalidState"), 500, False),
        (Failure(400, "InvalidParameterValue", "The request include parameter that is not valid."), 500, False),
        (Failure(400, "Something&quot;new&quot;", "a &quot;quoted&quot; \\ reason"), 500, False),
        (Failure(302, "Moved"), 500, False),
        (Failure(400, "InvalidMessageContents"), 400, False),
        (Failure(400, "InvalidAction"), 400, False),
        (Failure(400, "UnknownOperationException"), 400, False),
        (Failure(400, "MissingParameter"), 413, False),
        (Failure(400, "MissingRequiredParameterException"), 413, False),
        (Failure(400, "InvalidParameterValue", "Reason: Message must be shorter than 1048576 bytes."), 413, False),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_every_failure_of_sqs_has_its_answer(
    client: Client, receiver: Receiver, failure: Failure, status: int, again: bool
) -> None:
    receiver.failure = failure
    answer = client.post(TICKETS, TICKET, {"X-Correlation-Id": "c-1"})
    assert answer.status == status
    assert set(answer.json) == {"message", "correlation_id"}
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"] == "c-1"
    assert ("retry-after" in answer.headers) == again
    if status == 500:
        assert "on our side" in answer.message


def test_a_character_that_sqs_refuses_is_a_400_that_says_so(client: Client, receiver: Receiver) -> None:
    answer = client.post("/v1/webhooks/github", '{"note":"\uffff"}', GITHUB)
    assert (answer.status, receiver.taken) == (400, [])
    assert "U+FFFF" in answer.message


def test_no_answer_in_time_is_a_504_that_does_not_claim_to_know(
    assembly: Path, receiver: Receiver, tmp_path: Path
) -> None:
    template = next(assembly.glob("*.template.json"))
    hasty = tmp_path / "cdk.out" / template.name
    hasty.parent.mkdir()
    hasty.write_text(re.sub(r'("TimeoutInMillis": ?)10000', r"\g<1>100", template.read_text()))
    receiver.delay = 0.5
    with Gateway(assembly=hasty.parent, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        answer = client.post(TICKETS, TICKET)
    assert answer.status == 504
    assert "may be queued or not" in answer.message
    assert receiver.taken == []
    assert eventually(lambda: receiver.taken), "this time it is queued after all"


def test_an_unreachable_sqs_is_a_504(assembly: Path) -> None:
    with (
        Gateway(assembly=assembly, endpoint_url="http://127.0.0.1:9") as gateway,
        Client(gateway.url) as client,
    ):
        answer = client.post(TICKETS, TICKET)
    assert answer.status == 504
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"]
