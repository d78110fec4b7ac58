"""Webhooks at the edge: who is let through, and what goes along."""

from __future__ import annotations

import pytest

from tests.local.gateway.client import Client
from tests.local.gateway.examples import GITHUB
from tests.local.gateway.receiver import Receiver


@pytest.mark.parametrize(
    ("sender", "headers", "signature", "topic"),
    [
        ("github", {**GITHUB, "X-GitHub-Event": "push"}, f"github sha256={'0' * 64}", "push"),
        ("stripe", {"stripe-signature": f"t=17,v1={'a' * 64}"}, f"stripe t=17,v1={'a' * 64}", None),
        ("shopify", {"X-Shopify-Hmac-Sha256": "A" * 43 + "="}, "shopify " + "A" * 43 + "=", None),
        ("partner", {"X-Signature": f"t=17,v1={'a' * 64}"}, f"hmac t=17,v1={'a' * 64}", None),
    ],
)
def test_a_webhook_travels_with_its_signature_and_sender(
    client: Client, receiver: Receiver, sender: str, headers: dict[str, str], signature: str, topic: str | None
) -> None:
    assert client.post(f"/v1/webhooks/{sender}", '{"id": 1}\n', headers).status == 202
    (sent,) = receiver.taken
    assert sent.body == b'{"id": 1}\n'
    assert (sent.attributes["sender"], sent.attributes["signature"]) == (sender, signature)
    assert sent.attributes.get("topic") == topic


@pytest.mark.parametrize(
    ("sender", "headers", "status"),
    [
        ("github", {}, 400),
        ("github", {"X-Hub-Signature-256": "sha256=abc"}, 400),
        ("github", {"X-Hub-Signature": f"sha1={'0' * 40}"}, 400),
        ("stripe", GITHUB, 400),
        ("nobody", GITHUB, 404),
        ("github%20", GITHUB, 404),
    ],
)
def test_a_webhook_without_a_signature_of_its_scheme_is_refused(
    client: Client, receiver: Receiver, sender: str, headers: dict[str, str], status: int
) -> None:
    answer = client.post(f"/v1/webhooks/{sender}", '{"a":1}', headers)
    assert (answer.status, receiver.taken) == (status, [])


@pytest.mark.parametrize("topic", ["two words", "a" * 65, "a,b", "caf\u00e9"])
def test_a_topic_that_cannot_travel_is_refused_and_not_left_out(client: Client, receiver: Receiver, topic: str) -> None:
    answer = client.post("/v1/webhooks/github", '{"a":1}', {**GITHUB, "X-GitHub-Event": topic})
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith("X-GitHub-Event must be 1 to 64 ")


def test_an_empty_webhook_is_refused(client: Client, receiver: Receiver) -> None:
    assert client.post("/v1/webhooks/github", "", GITHUB).status == 400
    assert receiver.calls == 0
