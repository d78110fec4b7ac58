"""What the example's map says of its routes and consumers is what README and the demo promise of them."""

from __future__ import annotations

from stacks.topology import TOPOLOGY


def test_orders_and_payments_know_tenants_and_webhooks_their_senders() -> None:
    routes = {route.queue: route for route in TOPOLOGY.routes}
    orders, payments, webhooks = routes["accept_order"], routes["apply_payment"], routes["receive_webhook"]
    assert (orders.path, orders.delay, orders.tenant, orders.trusts) == ("/v1/orders", True, "X-Tenant-Id", ("iam",))
    assert (payments.path, payments.group) == ("/v1/orders/{order_id}/payments", "order_id")
    assert (payments.tenant, payments.trusts, payments.delay) == ("X-Tenant-Id", ("iam",), False)
    assert (webhooks.path, webhooks.rate, webhooks.burst) == ("/v1/webhooks/{source}", 20, 40)
    assert webhooks.senders == {"github": "github", "partner": "hmac", "shopify": "shopify", "stripe": "stripe"}


def test_who_is_fragile_or_hot_has_few_workers_and_who_keeps_order_parks() -> None:
    few = {each.function: each.concurrency for each in TOPOLOGY.consumers if each.concurrency is not None}
    assert few == {"confirm_order": 5, "reserve_stock": 20}
    assert {queue.name: queue.on_poison for queue in TOPOLOGY.queues if queue.fifo} == {"apply_payment": "park"}
    heard = {(each.event.__name__, each.queue) for each in TOPOLOGY.subscriptions}
    assert heard == {
        *(("OrderAccepted", queue) for queue in ("confirm_order", "reserve_stock")),
        *((fact, "plan_reminder") for fact in ("OrderAccepted", "PaymentAuthorized")),
        *((fact, "ship_order") for fact in ("StockReserved", "StockShort", "StockReleased", "MessageDied")),
        *((fact, "ship_order") for fact in ("PaymentCaptured", "PaymentRefunded")),
        ("StockReleaseAsked", "release_stock"),
        ("PaymentReturnAsked", "return_payment"),
    }


def test_a_reminder_is_planned_and_a_mailbox_gets_one_email_a_second() -> None:
    plans = {(each.function, plan.command.__name__, plan.queue) for each in TOPOLOGY.consumers for plan in each.plans}
    assert plans == {
        ("plan_reminder", "RemindToPay", "remind_to_pay"),
        ("ship_order", "WorkflowDue", "ship_order"),
    }
    limits = {each.function: [limit.words for limit in each.limits] for each in TOPOLOGY.consumers if each.limits}
    assert limits == {"confirm_order": ["mailbox: 1 a second, per customer_email"]}


def test_each_consumer_may_touch_its_own_tables_and_by_what_it_does_there() -> None:
    assert {(each.function, access.table): access.actions for each in TOPOLOGY.consumers for access in each.access} == {
        ("accept_order", "orders"): ("PutItem",),
        ("accept_order", "keys"): ("PutItem",),
        ("apply_payment", "payments"): ("GetItem", "UpdateItem"),
        ("reserve_stock", "stock"): ("GetItem", "UpdateItem"),
        ("reserve_stock", "reservations"): ("GetItem", "PutItem"),
        ("plan_reminder", "paid_orders"): ("GetItem", "UpdateItem"),
        ("remind_to_pay", "paid_orders"): ("GetItem",),
        ("release_stock", "stock"): ("UpdateItem",),
        ("release_stock", "reservations"): ("GetItem", "UpdateItem"),
        ("return_payment", "payments"): ("UpdateItem",),
        ("ship_order", "ship_order"): ("GetItem", "PutItem"),
        ("plan_command", "planned"): ("UpdateItem",),
    }
