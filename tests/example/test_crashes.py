"""The example's functions, killed before and after each of their AWS calls, end where one good run would have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.accept_order.handler import handler as accept_order
from functions.apply_payment.handler import handler as apply_payment
from functions.contracts.payments import PaymentCaptured
from functions.contracts.shipping import PaymentReturnAsked, StockReleaseAsked
from functions.contracts.stock import StockReserved
from functions.follow_workflow.handler import handler as ship_order
from functions.release_stock.handler import handler as release_stock
from functions.reserve_stock.handler import handler as reserve_stock
from functions.return_payment.handler import handler as return_payment
from local.rehearsal import Rehearsal
from tests.example.messages import accepted, order, payment
from tests.functions.events import delivered, record
from tests.functions.runtime.crashes import Batch, alike, crash_everywhere


def pay(action: Any, key: str, order_id: str) -> dict[str, Any]:
    return record(payment(action, order_id=order_id), idempotency_key=key)


def facts(order_id: str) -> Batch:
    captured = PaymentCaptured(order_id=order_id, amount=900, currency="EUR")
    return [
        delivered(StockReserved(order_id=order_id), event_id=f"reserved-{order_id}"),
        delivered(captured, event_id=f"captured-{order_id}"),
    ]


def returned(order_id: str) -> PaymentReturnAsked:
    return PaymentReturnAsked(order_id=order_id, amount=900, currency="EUR", cause="why")


# Each function with batches for an order, the table that it writes, and the types that it tells.
Case = tuple[Any, Callable[[str], Batch], str, list[str]]
CASES: dict[str, Case] = {
    "accept_order": (accept_order, lambda o: [record(order(o))], "orders", ["OrderAccepted"]),
    "apply_payment": (
        apply_payment,
        lambda o: [pay("authorize", "k1", o), pay("capture", "k2", o), pay("refund", "k3", o)],
        "payments",
        ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"],
    ),
    "apply_payment, declined": (apply_payment, lambda o: [pay("refund", "k1", o)], "payments", ["PaymentDeclined"]),
    "reserve_stock": (
        reserve_stock,
        lambda o: [delivered(accepted(o, tea=2), event_id=f"accepted-{o}")],
        "reservations",
        ["StockReserved"],
    ),
    "reserve_stock, short": (
        reserve_stock,
        lambda o: [delivered(accepted(o, cup=2), event_id=f"accepted-{o}")],
        "reservations",
        ["StockShort"],
    ),
    "release_stock": (
        release_stock,
        lambda o: [delivered(StockReleaseAsked(order_id=o, cause="why"), event_id=f"release-{o}")],
        "reservations",
        ["StockReleased"],
    ),
    "return_payment": (
        return_payment,
        lambda o: [delivered(returned(o), event_id=f"return-{o}")],
        "payments",
        ["PaymentRefunded"],
    ),
    "ship_order": (ship_order, facts, "ship_order", ["OrderShipped"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_crash_at_any_call_changes_neither_the_effect_nor_the_events(aws: Rehearsal, case: Case) -> None:
    handler, records, table, types = case
    aws.put("stock", {"sku": "tea", "available": 100})
    aws.put("stock", {"sku": "cup", "available": 1})
    if types in (["StockReleased"], ["PaymentRefunded"]):
        for name in (f"n-{at}-{when}" for at in range(9) for when in ("before", "after")):
            aws.put("reservations", {"order_id": name, "quantities": {"tea": 2}, "short": [], "holds": {}})
            aws.put("payments", {"order_id": name, "state": "captured", "amount": 900, "currency": "EUR"})
    names = crash_everywhere(aws, handler, records, types)
    written = [item for item in aws.items(table) if item["order_id"] in names]
    assert len(written) == len(names)
    if table in ("payments", "reservations"):
        assert alike(written, "order_id", "holds", "released", "returned")
    left = {item["sku"]: int(item["available"]) for item in aws.items("stock")}
    taken = 2 * len(written) if types == ["StockReserved"] else 0
    given = 2 * len(written) if types == ["StockReleased"] else 0
    assert left == {"tea": 100 - taken + given, "cup": 1}
    if types == ["PaymentRefunded"]:
        assert {item["state"] for item in written} == {"refunded"}
