"""What was sent is what the handler gets, byte for byte, or it was refused and nothing was queued.

`make fuzz` runs the same tests with more examples.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.contracts.webhooks import ReceiveWebhook
from functions.runtime.record import Record
from stacks.edge.mapping_template import LARGEST_BODY
from tests.local.gateway.bodies import CHANGES, TICKETS, VALUES, anything, in_any_way
from tests.local.gateway.client import Answer, Client
from tests.local.gateway.examples import GITHUB, KEY
from tests.local.gateway.receiver import REFUSED, Receiver, Sent

EXAMPLES = int(os.environ.get("HEADRACE_EXAMPLES", "75"))

pytestmark = [pytest.mark.usefixtures("receiver"), pytest.mark.long]


def often(share: float) -> settings:
    """That share of all examples; one gateway serves them all."""
    return settings(
        max_examples=max(1, round(EXAMPLES * share)),
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def delivered(sent: Sent) -> bytes:
    """The body as the handler's record has it."""
    raw = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": sent.parameters["MessageBody"],
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{sent.queue}",
    }
    return Record.read(raw).body.encode()


def holds(answer: Answer, body: str, receiver: Receiver, most: int = LARGEST_BODY) -> None:
    """The promise: a 202 and the same bytes, or the documented refusal and nothing."""
    raw = body.encode()
    if len(raw) > most:
        expected = 413
    elif REFUSED.search(body) or "\ufffd" in body:
        expected = 400
    else:
        expected = 202
    assert answer.status == expected, answer.text
    assert [delivered(sent) for sent in receiver.taken] == ([raw] if expected == 202 else [])
    receiver.taken.clear()


@often(0.25)
@given(body=in_any_way(TICKETS))
def test_every_standard_body_arrives_as_it_was_written(client: Client, receiver: Receiver, body: str) -> None:
    holds(client.post("/v1/tickets", body), body, receiver)


@often(0.15)
@given(
    body=in_any_way(CHANGES), key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=105)
)
def test_every_fifo_body_arrives_as_it_was_written_under_its_key(
    client: Client, receiver: Receiver, body: str, key: str
) -> None:
    answer = client.post("/v1/tickets/tic-1/changes", body, {"Idempotency-Key": key})
    assert {sent.attributes["idempotency_key"] for sent in receiver.taken} <= {key}
    holds(answer, body, receiver)


@often(0.35)
@given(body=anything())
def test_every_webhook_arrives_as_it_was_written(client: Client, receiver: Receiver, body: str) -> None:
    holds(client.post("/v1/webhooks/github", body, GITHUB), body, receiver, ReceiveWebhook.largest_body or 0)


@often(0.15)
@given(body=in_any_way(VALUES))
def test_json_that_fits_no_contract_is_refused(client: Client, receiver: Receiver, body: str) -> None:
    for path, headers in (("/v1/tickets", {}), ("/v1/tickets/o/changes", KEY)):
        assert client.post(path, body, headers).status == 400
    assert receiver.taken == []


@often(0.1)
@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_json_are_refused(client: Client, receiver: Receiver, body: bytes) -> None:
    for path, headers in (("/v1/tickets", {}), ("/v1/tickets/o/changes", KEY), ("/v1/webhooks/github", GITHUB)):
        assert client.post(path, body, headers).status == 400
    assert receiver.taken == []
