"""A send that got no answer counts as confirmed, so the dead letter is deleted."""

from collections.abc import Sequence

from ops.sqs.client import Sqs
from ops.sqs.message import Entry
from ops.sqs.transport import Unanswered

send = Sqs.send


async def believe(self: Sqs, url: str, entries: Sequence[Entry]) -> dict[str, str | None]:
    attempts, self.attempts = self.attempts, 1
    try:
        return await send(self, url, entries)
    except Unanswered:
        return {entry.id: None for entry in entries}
    finally:
        self.attempts = attempts


Sqs.send = believe  # type: ignore[method-assign]
