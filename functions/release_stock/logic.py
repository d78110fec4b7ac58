"""How much of each article goes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def returned(reservation: Mapping[str, Any] | None) -> dict[str, int]:
    """What the reservation still holds; nothing of one that was short, was given back, or never was."""
    if reservation is None or reservation.get("short") or "released" in reservation:
        return {}
    return {sku: int(quantity) for sku, quantity in reservation.get("quantities", {}).items()}
