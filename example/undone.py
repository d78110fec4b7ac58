"""An order whose payment dies after its stock was reserved: the stock goes back, and the order says why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.seed import put

if TYPE_CHECKING:
    from example.demo import Demo


def undone_order(demo: Demo) -> None:
    """Let a payment die, and see that nothing is left of the order but its cause."""
    effects, before = demo.effects, demo.available("cup-blue")
    demo.heading("An order whose payment fails for good after its stock was reserved")
    # As if the key had come before with another body: longer ago than SQS itself remembers it.
    used = {"digest": "of another body", "declined": None}
    put(demo.endpoint, "payments", {"order_id": "ord-7", "applied:ord-7-authorize": used})
    demo.start = time.monotonic()
    line = {"sku": "cup-blue", "quantity": 3, "unit_price": 900}
    body = {"order_id": "ord-7", "customer_email": "ada@example.com", "currency": "EUR", "lines": [line]}
    demo.send("/v1/orders", body)
    demo.hop("reserve_stock set three pieces aside", lambda: demo.available("cup-blue") == before - 3)
    instruction = {"action": "authorize", "amount": 2700, "currency": "EUR"}
    demo.send("/v1/orders/ord-7/payments", instruction, idempotency_key="ord-7-authorize")
    demo.hop(
        "apply_payment rejected it, and with its last attempt told ship_order, which asked for the stock",
        lambda: "StockReleaseAsked" in demo.tap.types("ord-7"),
    )
    demo.hop("release_stock gave the three pieces back", lambda: demo.available("cup-blue") == before)
    demo.hop("ship_order told that the order is undone", lambda: "OrderUndone" in demo.tap.types("ord-7"))
    workflow = effects.item("ship_order", "ord-7") or {}
    demo.console.print(f"  [dim]ship_order ord-7: {workflow.get('state')}, {workflow.get('cause')}[/dim]")
    demo.promise("an order whose payment died gave its stock back, once", demo.available("cup-blue") == before)
    told = demo.tap.types("ord-7")
    demo.promise("and ended undone, with its cause, and did not ship", _ended(told, workflow))
    demo.hop("the payment is in its dead-letter queue", lambda: effects.depth("apply_payment", dead=True) == 1)
    demo.operate("drop", "apply_payment", "--yes")


def _ended(told: list[str], workflow: dict[str, object]) -> bool:
    undone = told.count("OrderUndone") == 1 and "OrderShipped" not in told
    return undone and workflow.get("state") == "undone" and "apply_payment" in str(workflow.get("cause"))
