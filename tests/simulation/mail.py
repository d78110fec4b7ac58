"""SES: mails that were sent, and whether their sender heard so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.aws import ses
from tests.aws.errors import ServiceError
from tests.simulation.clock import Clock
from tests.simulation.evidence import Mail
from tests.simulation.wire import Call


class Mails:
    """Every mail that was sent, in order."""

    def __init__(self, clock: Clock, allowed: Callable[[str, str, str], bool]) -> None:
        self.sent: list[Mail] = []
        self._last: dict[str, Mail] = {}
        self._clock = clock
        self._allowed = allowed

    def answer(self, call: Call) -> dict[str, Any]:
        """What SES answers. Raises `ServiceError`."""
        sender = call.body["FromEmailAddress"]
        if not self._allowed(call.worker.function, "ses:SendEmail", sender):
            raise ServiceError(403, "AccessDeniedException", f"{call.worker.function} may not send as {sender}")
        ses.check(call.operation, call.body)
        subject = call.body["Content"]["Simple"]["Subject"]["Data"]
        self._last[call.worker.name] = Mail(self._clock.now, call.worker.name, subject)
        self.sent.append(self._last[call.worker.name])
        return {"MessageId": f"mail-{len(self.sent)}"}

    def unheard(self, call: Call) -> None:
        """The answer to `call` did not reach its worker."""
        self._last[call.worker.name].answered = False
