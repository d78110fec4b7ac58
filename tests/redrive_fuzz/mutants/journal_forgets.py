"""The journal does not write down what was sent."""

from collections.abc import Iterable

from ops.redrive.journal import Journal


def forget(self: Journal, ids: Iterable[str]) -> None:
    pass


Journal.sent = forget  # type: ignore[method-assign]
