"""When an order may leave."""

from __future__ import annotations

from collections.abc import Mapping

FACTS = ("StockReserved", "PaymentCaptured")


def completes(fact: str, cause: str, seen: Mapping[str, str], first: str) -> bool:
    """Whether the `fact` that `cause` reported is the one that was still missing.

    `seen` maps each fact to the first cause that reported it; `first` is the cause that came before all others. A
    repeated report of the completing fact completes again; any other repetition never does.
    """
    return all(name in seen for name in FACTS) and seen[fact] == cause and first != cause
