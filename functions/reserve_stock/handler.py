"""OrderAccepted: every line is held, the reservation is stored, and StockReserved or StockShort follows."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted
from functions.reserve_stock.logic import outcome, quantities
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.hold import Counters, Unknown
from functions.runtime.table import Table

STOCK = Counters(Table("stock"), "sku", "available", records=Table("reservations"), name_key="order_id")


def handle(order: OrderAccepted, message: Message) -> Iterable[Event]:
    """Reserve every line or none. Raises `Reject` for an article that the stock table does not know."""
    try:
        taken = STOCK.take(message.scoped(order.order_id), quantities(order.lines), first=message.attempt == 1)
    except Unknown as unknown:
        skus = ", ".join(unknown.keys)
        raise Reject(f"Sku {skus} is not in the stock table; add it to the stock table, then redrive.") from unknown
    events = [outcome(order.order_id, taken.short)]
    return Duplicate(events) if taken.again else events


handler = consumer(handle, accepts=OrderAccepted)
