"""How much of each article an order takes, and what came of reserving it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from functions.contracts.orders import Line
from functions.contracts.stock import StockReserved, StockShort


def quantities(lines: Iterable[Line]) -> Mapping[str, int]:
    """The quantity of each sku, in the order of the lines; a sku on several lines counts once, with their sum."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line.sku] += line.quantity
    return total


def outcome(order_id: str, short: Iterable[str]) -> StockReserved | StockShort:
    """The fact that follows when the articles `short` were short."""
    missing = tuple(short)
    return StockShort(order_id=order_id, short=missing) if missing else StockReserved(order_id=order_id)
