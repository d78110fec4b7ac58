"""The filter means every message."""

from msgspec.structs import replace

from ops.dead_letters.cause import Cause
from ops.dead_letters.selection import Selection
from ops.sqs.message import Message

means = Selection.means


def every(self: Selection, message: Message, cause: Cause | None) -> bool | None:
    return means(replace(self, filter=None), message, cause)


Selection.means = every  # type: ignore[method-assign]
