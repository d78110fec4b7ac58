"""StockReleaseAsked: what was set aside for the order is available again, once."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.shipping import StockReleaseAsked
from functions.contracts.stock import StockReleased
from functions.release_stock.logic import returned
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, Table, Update, transact

STOCK, RESERVATIONS = Table("stock"), Table("reservations")


def handle(asked: StockReleaseAsked, message: Message) -> Iterable[Event]:
    """Give back every line in one transaction with the note that says so, or find that nothing is left to give back.

    Raises `Reject` for an article that is gone from the stock table.
    """
    told = StockReleased(order_id=asked.order_id)
    key = {"order_id": message.scoped(asked.order_id)}
    quantities = returned(RESERVATIONS.get(key))
    if not quantities:
        return Duplicate([told])
    note = Update(
        table=RESERVATIONS,
        key=key,
        change="SET released = :by",
        condition="attribute_not_exists(released)",
        values={":by": message.cause},
    )
    back = [
        Update(
            table=STOCK,
            key={"sku": sku},
            change="SET available = available + :quantity",
            condition="attribute_exists(sku)",
            values={":quantity": quantity},
        )
        for sku, quantity in quantities.items()
    ]
    try:
        transact([note, *back])
    except Cancelled as cancelled:
        if 0 in cancelled.failed:
            return Duplicate([told])
        gone = ", ".join(sku for place, sku in enumerate(quantities, start=1) if place in cancelled.failed)
        raise Reject(f"Sku {gone} is not in the stock table; add it to the stock table, then redrive.") from cancelled
    return [told]


handler = consumer(handle, accepts=StockReleaseAsked)
