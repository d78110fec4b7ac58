"""The limit lets one more pass."""

from typing import Any

from ops.redrive.mover import Mover

init = Mover.__init__


def more(self: Mover, *given: Any, limit: int | None = None, **options: Any) -> None:
    init(self, *given, limit=None if limit is None else limit + 1, **options)


Mover.__init__ = more  # type: ignore[method-assign]
