"""Webhooks: how third parties sign what they send, the delivery as it arrives, and the fact that it was verified."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Raw, Struct

from functions.contracts.contract import Command, Event


class Scheme(Struct, frozen=True):
    """How a third party signs: the signature's header, the form it has, and the header that names the topic, if any.

    `timed` signatures are over `<seconds>.<body>` and say the seconds; the others are over the body alone. `encoding`
    is how the HMAC-SHA256 is written. The topic's header is not covered by any signature.
    """

    header: str
    pattern: str
    encoding: str
    timed: bool = False
    topic: str | None = None


SCHEMES = {
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    "github": Scheme("X-Hub-Signature-256", "sha256=[0-9a-f]{64}", "hex", topic="X-GitHub-Event"),
    # https://docs.stripe.com/webhooks#verify-manually
    "stripe": Scheme("Stripe-Signature", "t=[0-9]{1,12}(,v[0-9]=[0-9a-f]{64}){1,6}", "hex", timed=True),
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    "shopify": Scheme("X-Shopify-Hmac-Sha256", "[A-Za-z0-9+/]{43}=", "base64", topic="X-Shopify-Topic"),
    # Everyone else: as Stripe does it, under a neutral name.
    "hmac": Scheme("X-Signature", "t=[0-9]{1,12}(,v[0-9]=[0-9a-f]{64}){1,6}", "hex", timed=True, topic="X-Event"),
}
"""The schemes that a route may name for a sender."""


class ReceiveWebhook(Command, frozen=True, kw_only=True):
    """A delivery from a third party. The whole body is theirs, a JSON object, and stays as it came.

    `sender` is the path's last part. `topic` is what the sender says it is about, unsigned.
    """

    # EventBridge takes entries of 1,000,000 bytes here, and what surrounds the body in one has 2,002 at the most.
    largest_body: ClassVar[int | None] = 997_998

    sender: str
    payload: Raw
    topic: str | None = None


class WebhookReceived(Event, frozen=True, kw_only=True):
    """A third party told us something, and its signature was right."""

    source: ClassVar[str] = "webhooks"
    business_key: ClassVar[str | None] = None

    sender: str
    payload: Raw
    topic: str | None = None
