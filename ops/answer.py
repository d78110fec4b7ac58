"""What an answer of AWS must say for the work to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.errors import OpsError


def part(answer: Mapping[str, Any], *names: str) -> Any:
    """That part of the answer, by the names on the way to it. Raises `OpsError` where it is not there."""
    found: Any = answer
    for name in names:
        if not isinstance(found, Mapping) or name not in found:
            raise OpsError(f"An answer came without {'.'.join(names)}, which AWS always says: try again.")
        found = found[name]
    return found
