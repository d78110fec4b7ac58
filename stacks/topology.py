"""The map: every route, queue, consumer, subscription and table that exists.

The stacks build it, the operator's command lists and redrives by it, the local run and the documents show it. To add an
integration, write its contract and its function, then add its lines here.
"""

from __future__ import annotations

from functions.contracts.orders import OrderAccepted, PlaceOrder
from functions.contracts.payments import (
    ApplyPayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
)
from functions.contracts.shipping import OrderShipped
from functions.contracts.stock import StockReserved, StockShort
from functions.contracts.webhooks import ReceiveWebhook, WebhookReceived
from stacks.entry import Access, Consumer, Queue, Route, Subscription, Table, Topology

TOPOLOGY = Topology(
    routes=(
        Route(path="/v1/orders", accepts=PlaceOrder, queue="accept_order", tenant="X-Tenant-Id", delay=True),
        Route(
            path="/v1/orders/{order_id}/payments",
            accepts=ApplyPayment,
            queue="apply_payment",
            group="order_id",
            tenant="X-Tenant-Id",
        ),
        Route(
            path="/v1/webhooks/{source}",
            accepts=ReceiveWebhook,
            queue="receive_webhook",
            senders={"github": "github", "partner": "hmac", "shopify": "shopify", "stripe": "stripe"},
            rate=20,
            burst=40,
        ),
    ),
    queues=(
        Queue(name="accept_order"),
        Queue(name="apply_payment", fifo=True),
        Queue(name="receive_webhook"),
        Queue(name="reserve_stock"),
        Queue(name="confirm_order"),
        Queue(name="ship_order"),
    ),
    consumers=(
        Consumer(
            function="accept_order",
            access=(Access(table="orders", actions=("PutItem",)), Access(table="keys", actions=("PutItem",))),
            publishes=(OrderAccepted,),
        ),
        Consumer(
            function="apply_payment",
            access=(Access(table="payments", actions=("UpdateItem",)),),
            publishes=(PaymentAuthorized, PaymentCaptured, PaymentRefunded, PaymentDeclined),
        ),
        Consumer(
            function="receive_webhook",
            secrets=("github_webhook", "partner_webhook", "shopify_webhook", "stripe_webhook"),
            publishes=(WebhookReceived,),
        ),
        Consumer(
            function="reserve_stock",
            access=(
                Access(table="stock", actions=("UpdateItem",)),
                Access(table="reservations", actions=("PutItem",)),
            ),
            publishes=(StockReserved, StockShort),
        ),
        Consumer(function="confirm_order", concurrency=5, sends_email=True),
        Consumer(
            function="ship_order",
            access=(Access(table="shipments", actions=("UpdateItem",)),),
            publishes=(OrderShipped,),
        ),
    ),
    subscriptions=(
        Subscription(event=OrderAccepted, queue="reserve_stock"),
        Subscription(event=OrderAccepted, queue="confirm_order"),
        Subscription(event=StockReserved, queue="ship_order"),
        Subscription(event=PaymentCaptured, queue="ship_order"),
    ),
    tables=(
        Table(name="orders", key="order_id"),
        Table(name="keys", key="key", expires=True),
        Table(name="payments", key="order_id"),
        Table(name="stock", key="sku"),
        Table(name="reservations", key="order_id"),
        Table(name="shipments", key="order_id"),
    ),
)
