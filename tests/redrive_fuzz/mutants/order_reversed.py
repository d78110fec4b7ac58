"""What is received together is sent the last first."""

from typing import Any

from ops.redrive.mover import Mover

lots = Mover._lots


def reverse(self: Mover, work: list[Any]) -> Any:
    return lots(self, work[::-1])


Mover._lots = reverse  # type: ignore[method-assign]
