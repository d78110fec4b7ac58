"""OrderAccepted: one transaction takes the stock and stores the reservation, then StockReserved or StockShort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted
from functions.reserve_stock.logic import outcome, quantities
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, ConditionFailed, Item, Put, Table, Update, transact

STOCK = Table("stock")
RESERVATIONS = Table("reservations")


def handle(order: OrderAccepted, message: Message) -> Iterable[Event]:
    """Reserve every line or none. Raises `Reject` for an article that the stock table does not know."""
    wanted = quantities(order.lines)
    try:
        transact([_reservation(order.order_id, wanted, short=()), *(_take(sku, wanted[sku]) for sku in wanted)])
    except Cancelled as cancelled:
        return _explain(order.order_id, wanted, cancelled.failed)
    return [outcome(order.order_id, short=())]


def _explain(order_id: str, wanted: Mapping[str, int], failed: Mapping[int, Item | None]) -> Iterable[Event]:
    standing = failed.get(0)
    if standing is not None:
        return Duplicate([outcome(order_id, standing["short"])])
    refused = {sku: failed[position] for position, sku in enumerate(wanted, start=1) if position in failed}
    unknown = [sku for sku, item in refused.items() if item is None]
    if unknown:
        raise Reject(f"Sku {', '.join(unknown)} is not in the stock table; add it to the stock table, then redrive.")
    short = _reservation(order_id, wanted, short=tuple(refused))
    try:
        RESERVATIONS.put(short.item, condition=short.condition)
    except ConditionFailed as lost:
        return Duplicate([outcome(order_id, (lost.item or {})["short"])])
    return [outcome(order_id, short=refused)]


def _reservation(order_id: str, wanted: Mapping[str, int], short: tuple[str, ...]) -> Put:
    item = {"order_id": order_id, "quantities": dict(wanted), "short": short}
    return Put(table=RESERVATIONS, item=item, condition="attribute_not_exists(order_id)")


def _take(sku: str, quantity: int) -> Update:
    return Update(
        table=STOCK,
        key={"sku": sku},
        change="SET available = available - :quantity",
        condition="available >= :quantity",
        values={":quantity": quantity},
    )


handler = consumer(handle, accepts=OrderAccepted)
