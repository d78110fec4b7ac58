"""The map: every integration of this project, and all that each of them owns.

The stacks build it, the operator's command lists and redrives by it, the local run and the documents show it. To add an
integration, write its contract and its function, then add its entry here; `python -m scaffold` does it for you.
"""

from __future__ import annotations

from functions.contracts.orders import OrderAccepted, OrderStatus, PlaceOrder
from functions.contracts.payments import (
    ApplyPayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
)
from functions.contracts.reminders import RemindToPay
from functions.contracts.shipping import OrderOverdue, OrderShipped, OrderUndone, PaymentReturnAsked, StockReleaseAsked
from functions.contracts.stock import StockReleased, StockReserved, StockShort
from functions.contracts.webhooks import ReceiveWebhook, WebhookReceived
from stacks.entry import (
    DAY,
    Access,
    Consumer,
    Integration,
    Limit,
    Plan,
    Queue,
    Route,
    Status,
    Step,
    Subscription,
    Table,
    Topology,
    Workflow,
)

TOPOLOGY = Topology(
    integrations=(
        Integration(
            "orders",
            routes=(
                Route(
                    path="/v1/orders",
                    accepts=PlaceOrder,
                    queue="accept_order",
                    tenant="X-Tenant-Id",
                    trusts=("iam",),
                    delay=True,
                    tracked=True,
                ),
            ),
            queues=(Queue(name="accept_order"), Queue(name="confirm_order")),
            consumers=(
                Consumer(
                    function="accept_order",
                    access=(Access(table="orders", actions=("PutItem",)), Access(table="keys", actions=("PutItem",))),
                    publishes=(OrderAccepted,),
                ),
                Consumer(
                    function="confirm_order",
                    concurrency=5,
                    sends_email=True,
                    limits=(Limit("mailbox", rate=1, per="customer_email"),),
                ),
            ),
            subscriptions=(Subscription(event=OrderAccepted, queue="confirm_order"),),
            tables=(Table(name="orders", key="order_id"),),
            statuses=(Status(path="/v1/orders/{order_id}", of=PlaceOrder, table="orders", answers=OrderStatus),),
        ),
        Integration(
            "payments",
            routes=(
                Route(
                    path="/v1/orders/{order_id}/payments",
                    accepts=ApplyPayment,
                    queue="apply_payment",
                    group="order_id",
                    tenant="X-Tenant-Id",
                    trusts=("iam",),
                ),
            ),
            queues=(Queue(name="apply_payment", fifo=True, on_poison="park"), Queue(name="return_payment")),
            consumers=(
                Consumer(
                    function="apply_payment",
                    access=(Access(table="payments", actions=("GetItem", "UpdateItem")),),
                    publishes=(PaymentAuthorized, PaymentCaptured, PaymentRefunded, PaymentDeclined),
                ),
                Consumer(
                    function="return_payment",
                    access=(Access(table="payments", actions=("UpdateItem",)),),
                    publishes=(PaymentRefunded,),
                ),
            ),
            subscriptions=(Subscription(event=PaymentReturnAsked, queue="return_payment"),),
            tables=(Table(name="payments", key="order_id"),),
        ),
        Integration(
            "reminders",
            queues=(Queue(name="plan_reminder"), Queue(name="remind_to_pay")),
            consumers=(
                Consumer(
                    function="plan_reminder",
                    access=(Access(table="paid_orders", actions=("GetItem", "UpdateItem")),),
                    plans=(Plan(RemindToPay, queue="remind_to_pay"),),
                ),
                Consumer(
                    function="remind_to_pay",
                    sends_email=True,
                    access=(Access(table="paid_orders", actions=("GetItem",)),),
                ),
            ),
            subscriptions=(
                Subscription(event=OrderAccepted, queue="plan_reminder"),
                Subscription(event=PaymentAuthorized, queue="plan_reminder"),
            ),
            tables=(Table(name="paid_orders", key="order_id"),),
        ),
        Integration(
            "webhooks",
            routes=(
                Route(
                    path="/v1/webhooks/{source}",
                    accepts=ReceiveWebhook,
                    queue="receive_webhook",
                    senders={"github": "github", "partner": "hmac", "shopify": "shopify", "stripe": "stripe"},
                    rate=20,
                    burst=40,
                ),
            ),
            queues=(Queue(name="receive_webhook"),),
            consumers=(
                Consumer(
                    function="receive_webhook",
                    secrets=("github_webhook", "partner_webhook", "shopify_webhook", "stripe_webhook"),
                    publishes=(WebhookReceived,),
                ),
            ),
        ),
        Integration(
            "stock",
            queues=(Queue(name="reserve_stock"), Queue(name="release_stock")),
            consumers=(
                Consumer(
                    function="reserve_stock",
                    concurrency=20,
                    access=(
                        Access(table="stock", actions=("GetItem", "UpdateItem")),
                        Access(table="reservations", actions=("GetItem", "PutItem")),
                    ),
                    publishes=(StockReserved, StockShort),
                ),
                Consumer(
                    function="release_stock",
                    access=(
                        Access(table="stock", actions=("UpdateItem",)),
                        Access(table="reservations", actions=("GetItem", "UpdateItem")),
                    ),
                    publishes=(StockReleased,),
                ),
            ),
            subscriptions=(
                Subscription(event=OrderAccepted, queue="reserve_stock"),
                Subscription(event=StockReleaseAsked, queue="release_stock"),
            ),
            tables=(
                Table(
                    name="stock",
                    key="sku",
                    seed=({"sku": "tea-500g", "available": 1000}, {"sku": "cup-blue", "available": 1000}),
                ),
                Table(name="reservations", key="order_id"),
            ),
        ),
        Integration(
            "shipping",
            workflows=(
                Workflow(
                    "ship_order",
                    key="order_id",
                    steps=(
                        Step(
                            done=StockReserved,
                            failed=(StockShort,),
                            undo=StockReleaseAsked,
                            undone=StockReleased,
                        ),
                        Step(
                            done=PaymentCaptured,
                            dies="apply_payment",
                            undo=PaymentReturnAsked,
                            undone=PaymentRefunded,
                        ),
                    ),
                    within=30 * DAY,
                    completes=OrderShipped,
                    overdue=OrderOverdue,
                    reversed=OrderUndone,
                    on_overdue="undo",
                ),
            ),
        ),
    ),
)
