"""ReceiveWebhook: the platform's own function, as a project uses it."""

from functions.receive_webhook.handler import handler

__all__ = ["handler"]
