"""The example functions, killed before and after each of their AWS calls, end where one good run would have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from functions.accept_order.handler import handler as accept_order
from functions.apply_payment.handler import handler as apply_payment
from functions.contracts.payments import PaymentCaptured
from functions.contracts.stock import StockReserved
from functions.reserve_stock.handler import handler as reserve_stock
from functions.runtime import clients
from functions.ship_order.handler import handler as ship_order
from tests.functions.conftest import Aws
from tests.functions.events import accepted, batch, delivered, failed, order, payment, record


class Killed(KeyboardInterrupt):
    """The worker is gone."""


class Mortal:
    """A client whose worker dies at the call that `dies` picks, before or after it took effect."""

    def __init__(self, client: Any, dies: Callable[[], str]) -> None:
        self._client = client
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if not callable(operation):
            return operation

        def call(**arguments: Any) -> Any:
            when = self._dies()
            if when == "before":
                raise Killed
            try:
                return operation(**arguments)
            finally:
                if when == "after":
                    raise Killed

        return call


@contextmanager
def mortal(at: int, when: str) -> Iterator[None]:
    """In the body the worker dies at the call of that number, counted from 0."""
    numbers = count()

    def dies() -> str:
        return when if next(numbers) == at else "never"

    good = {service: clients.client(service) for service in ("dynamodb", "events")}
    clients.made.update({service: Mortal(client, dies) for service, client in good.items()})
    try:
        yield
    finally:
        clients.made.update(good)


def pay(action: Any, key: str, order_id: str) -> dict[str, Any]:
    return record(payment(action), queue="q.fifo", group=order_id, idempotency_key=key)


def facts(order_id: str) -> list[dict[str, Any]]:
    captured = PaymentCaptured(order_id=order_id, amount=900, currency="EUR")
    return [
        delivered(StockReserved(order_id=order_id), event_id=f"reserved-{order_id}"),
        delivered(captured, event_id=f"captured-{order_id}"),
    ]


# Each function with batches for an order, the table that it writes, and the types that it tells.
Case = tuple[Any, Callable[[str], list[dict[str, Any]]], str, list[str]]
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
    "ship_order": (ship_order, facts, "shipments", ["OrderShipped"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_crash_at_any_call_changes_neither_the_effect_nor_the_events(aws: Aws, case: Case) -> None:
    handler, records, table, types = case
    aws.put("stock", {"sku": "tea", "available": 100})
    aws.put("stock", {"sku": "cup", "available": 1})
    crashes = 0
    for at in count():
        for when in ("before", "after"):
            order_id = f"ord-{at}-{when}"
            try:
                with mortal(at, when):
                    handler(batch(*records(order_id)))
            except Killed:
                crashes += 1
            assert failed(handler(batch(*records(order_id)))) == []
            told = {envelope["id"]: envelope["type"] for envelope in aws.published()}
            assert sorted(told.values()) == sorted(types)
        if crashes < 2 * (at + 1):
            break
    assert crashes >= 2 * 2, "there are a write and a publication to crash at"
    written = [item for item in aws.items(table) if item["order_id"].startswith("ord-")]
    assert len(written) == 2 * (at + 1)
    first, *others = [{n: v for n, v in item.items() if n != "order_id"} for item in written]
    if table in ("payments", "reservations"):
        assert all(other == first for other in others)
    left = {item["sku"]: int(item["available"]) for item in aws.items("stock")}
    taken = 2 * len(written) if types == ["StockReserved"] else 0
    assert left == {"tea": 100 - taken, "cup": 1}
