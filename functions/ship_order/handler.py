"""StockReserved and PaymentCaptured: whichever comes second ships the order."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.payments import PaymentCaptured
from functions.contracts.shipping import OrderShipped
from functions.contracts.stock import StockReserved
from functions.runtime.consumer import Message, consumer
from functions.runtime.table import Table
from functions.ship_order.logic import FACTS, completes

SHIPMENTS = Table("shipments")


def handle(event: StockReserved | PaymentCaptured, message: Message) -> Iterable[Event]:
    """Note the fact, first report first, in one write that also tells whether it was the missing one."""
    fact, shipped = type(event).__name__, OrderShipped(order_id=event.order_id)
    shipment = SHIPMENTS.update(
        {"order_id": message.scoped(event.order_id)},
        "SET #fact = if_not_exists(#fact, :cause), #first = if_not_exists(#first, :cause)",
        names={"#fact": fact, "#first": "first"},
        values={":cause": message.cause},
    )
    seen = {name: shipment[name] for name in FACTS if name in shipment}
    if completes(fact, message.cause, seen, shipment["first"]):
        return [shipped]
    return ()


handler = consumer(handle, accepts=(StockReserved, PaymentCaptured))
