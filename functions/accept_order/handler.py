"""PlaceOrder: the claim of its idempotency key, one conditional write of the order, then OrderAccepted."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.accept_order.logic import accept
from functions.contracts.contract import Event
from functions.contracts.orders import PlaceOrder
from functions.runtime.claim import claim
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table

ORDERS = Table("orders")


def handle(order: PlaceOrder, message: Message) -> Iterable[Event]:
    """Store the order unless it is there. Raises `Reject` if another order has its id or its idempotency key."""
    accepted = accept(order)
    claim(order, message)
    item = to_builtins(accepted) | {
        "order_id": message.scoped(order.order_id),
        "digest": order.digest(),
        "correlation_id": message.correlation_id,
    }
    try:
        ORDERS.put(item, condition="attribute_not_exists(order_id)")
    except ConditionFailed as failed:
        if failed.item is None or failed.item["digest"] != order.digest():
            raise Reject(f"Order {order.order_id} was already placed with another body; use a new order id.") from None
        return Duplicate([accepted])
    return [accepted]


handler = consumer(handle, accepts=PlaceOrder)
