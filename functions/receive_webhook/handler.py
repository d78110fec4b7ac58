"""ReceiveWebhook: the delivery is verified when it gets here, so it becomes an event as it is."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.webhooks import ReceiveWebhook
from functions.receive_webhook.logic import fact
from functions.runtime.consumer import Message, consumer
from functions.runtime.webhook import verified


def handle(delivery: ReceiveWebhook, message: Message) -> Iterable[Event]:
    """Say what was received. A delivery that comes again is the same event again."""
    return [fact(delivery)]


handler = consumer(handle, accepts=ReceiveWebhook, services=("secretsmanager",), read=verified)
