"""What a verified delivery means to us."""

from __future__ import annotations

from functions.contracts.webhooks import ReceiveWebhook, WebhookReceived


def fact(delivery: ReceiveWebhook) -> WebhookReceived:
    """The fact that follows from `delivery`."""
    return WebhookReceived(sender=delivery.sender, payload=delivery.payload, topic=delivery.topic)
