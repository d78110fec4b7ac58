"""Webhooks, end to end: a signed delivery is an event, a forged one a dead letter with its cause."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from local.aws import client
from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from stacks import names

BODY = '{"action": "opened",  "amount": 1.50, "note": "&Action=PurgeQueue + 100% é 😀"}'.encode()


def sign(stack: Session, secret: str) -> str:
    """Agree on the secret with the sender, as an operator does, and sign as GitHub does."""
    secrets = client("secretsmanager", stack.state.endpoint)
    secrets.put_secret_value(SecretId=names.resource(names.LOCAL, "github_webhook"), SecretString=secret)
    return "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()


def received(tap: Tap) -> list[dict[str, Any]]:
    return [envelope for envelope in tap.envelopes() if envelope["type"] == "WebhookReceived"]


def test_a_signed_delivery_is_an_event_and_a_forged_one_a_dead_letter(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    url, signature = f"{stack.state.api_url}/v1/webhooks/github", sign(stack, "agreed")
    dead = effects.depth("receive_webhook", dead=True)
    for given in (signature, signature, f"sha256={'0' * 64}"):
        status, answer, _ = post(
            url, BODY, x_hub_signature_256=given, x_github_event="issues", x_correlation_id="hook-1"
        )
        assert status == 202, answer
    assert eventually(lambda: received(tap)), "the event"
    assert eventually(lambda: effects.depth("receive_webhook", dead=True) == dead + 1), "the forged one"
    assert len({envelope["id"] for envelope in received(tap)}) == 1, "a delivery that comes again is the same event"
    envelope = received(tap)[0]
    assert envelope["correlation_id"] == "hook-1"
    assert envelope["data"] == {
        "sender": "github",
        "topic": "issues",
        "payload": {"action": "opened", "amount": 1.5, "note": "&Action=PurgeQueue + 100% é 😀"},
    }
