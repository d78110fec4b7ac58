"""Effects behind `once()` that were had while their records could not be completed, until somebody knows of them."""

from __future__ import annotations

from functions.contracts.pause import Unfinished

unfinished: list[Unfinished] = []
"""Those of this process."""
