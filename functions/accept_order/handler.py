"""PlaceOrder: one conditional write of the order, and of its idempotency key if it has one, then OrderAccepted."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.accept_order.logic import accept
from functions.contracts.contract import Event
from functions.contracts.orders import PlaceOrder
from functions.runtime.claim import claim
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, Put, Table, transact

ORDERS = Table("orders")
# The positions of the writes.
STORE, CLAIM = 0, 1


def handle(order: PlaceOrder, message: Message) -> Iterable[Event]:
    """Store the order unless it is there. Raises `Reject` if another order has its id or its idempotency key."""
    accepted = accept(order)
    item = to_builtins(accepted) | {"digest": order.digest(), "correlation_id": message.correlation_id}
    store = Put(table=ORDERS, item=item, condition="attribute_not_exists(order_id)")
    try:
        transact([store, *claim(order, message)])
    except Cancelled as cancelled:
        if CLAIM in cancelled.failed:
            key = message.idempotency_key
            raise Reject(
                f"Idempotency key {key} came before with another body; send this one with a new key."
            ) from None
        standing = cancelled.failed[STORE]
        if standing is None or standing["digest"] != order.digest():
            raise Reject(f"Order {order.order_id} was already placed with another body; use a new order id.") from None
        return Duplicate([accepted])
    return [accepted]


handler = consumer(handle, accepts=PlaceOrder)
