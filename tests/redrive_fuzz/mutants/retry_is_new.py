"""A send that is tried again is new to SQS: it has another deduplication id."""

import uuid
from typing import Any

from ops.sqs.client import Sqs
from ops.sqs.transport import Unanswered

call = Sqs._call


async def anew(self: Sqs, action: str, request: Any, *given: Any, **options: Any) -> Any:
    if action != "SendMessageBatch":
        return await call(self, action, request, *given, **options)
    for _ in range(self.attempts):
        try:
            return await call(self, action, request, *given, repeat=False)
        except Unanswered:
            for entry in request["Entries"]:
                if entry.message_deduplication_id:
                    entry.message_deduplication_id = uuid.uuid4().hex
    raise Unanswered("nobody answers")


Sqs._call = anew  # type: ignore[method-assign]
