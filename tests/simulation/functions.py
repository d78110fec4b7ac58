"""Lambda's API: functions that are invoked, and event source mappings that are switched slowly and shown late.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

from tests.aws.errors import ServiceError
from tests.simulation.clock import Clock
from tests.simulation.deployed import ACCOUNT
from tests.simulation.evidence import Switched
from tests.simulation.poller import Answered, Poller
from tests.simulation.wire import Call, Unanswered

SLOW = (5, 60)
"""Seconds that enabling or disabling takes, shortest and longest."""
BEHIND = (0, 5)
"""Seconds by which a list of mappings lags behind, shortest and longest."""
OVERDUE = (0, 60)
"""Seconds after which a switch that was not answered comes through."""
GLANCE = 0.1
"""Seconds between two looks of a caller whether its function has answered."""
ENABLED, DISABLED = "Enabled", "Disabled"
REGION = "eu-central-1"


class EventSource:
    """A mapping and its poller, which goes on, or is still off, until the switch has come through."""

    def __init__(self, word: str, queue: str, poller: Poller, clock: Clock, random: Random) -> None:
        self.word = word
        self.queue = queue
        self.state = ENABLED
        self._states = [(0.0, ENABLED)]
        self.switched: list[Switched] = []
        self._poller = poller
        self._clock = clock
        self._random = random

    def switch(self, who: str, *, on: bool) -> None:
        """Begin to enable or disable it. Raises `ServiceError` while it is being switched."""
        if self.state not in (ENABLED, DISABLED):
            raise ServiceError(400, "ResourceInUseException", f"The mapping of {self.word} is {self.state}")
        before, wanted = self.state == ENABLED, ENABLED if on else DISABLED
        self.switched.append(Switched(self._clock.now, self.word, who, on=on, was=before))
        if self.state == wanted:
            return

        def come_through() -> None:
            self._become(wanted)
            self._poller.enabled = on
            self._poller.wake()

        self._become("Enabling" if on else "Disabling")
        self._clock.after(self._random.uniform(*SLOW), come_through)

    def switch_later(self, who: str, *, on: bool) -> None:
        """Begin to switch it some time later; what Lambda says then is heard by nobody."""

        def begin() -> None:
            with suppress(ServiceError):
                self.switch(who, on=on)

        self._clock.after(self._random.uniform(*OVERDUE), begin)

    def shown(self) -> str:
        """The state that a list has, of some seconds ago."""
        then = self._clock.now - self._random.uniform(*BEHIND)
        return [state for at, state in self._states if at <= max(then, 0)][-1]

    def _become(self, state: str) -> None:
        self.state = state
        self._states.append((self._clock.now, state))


class Functions:
    """What functions may do with others: `invoke` runs the function of a physical name and hears its answer."""

    def __init__(
        self,
        sources: Mapping[str, EventSource],
        invoke: Callable[[str, Any, Answered], None],
        *,
        clock: Clock,
        allowed: Callable[[str, str, str], bool],
    ) -> None:
        self._sources = sources
        self._invoke = invoke
        self._clock = clock
        self._allowed = allowed

    def answer(self, call: Call) -> dict[str, Any]:
        """What Lambda answers. Raises `ServiceError`, `Unanswered`, and `LookupError` for what is not modelled."""
        match call.operation:
            case "ListEventSourceMappings":
                self._check(call, "lambda:ListEventSourceMappings", "*")
                name = call.body["FunctionName"]
                found = [self._sources[name]] if name in self._sources else []
                return {"EventSourceMappings": [self._described(name, one.shown()) for one in found]}
            case "UpdateEventSourceMapping":
                name = call.body["UUID"]  # it is called after its function
                self._check(call, "lambda:UpdateEventSourceMapping", name)
                one, who, on = self._sources[name], call.worker.function, call.body["Enabled"]
                if call.overdue:
                    one.switch_later(who, on=on)
                else:
                    one.switch(who, on=on)
                return self._described(name, one.state)
            case "Invoke":
                self._check(call, "lambda:InvokeFunction", call.body["FunctionName"])
                return self._run(call)
        raise LookupError(f"the simulation has no {call.operation}; add it to functions.py")

    def unheard(self, call: Call) -> None:
        """Nobody asks."""

    def _run(self, call: Call) -> dict[str, Any]:
        answers: list[str | None] = []
        end = self._clock.now + call.patience
        # From the scheduler: a worker cannot run another.
        self._clock.after(0, lambda: self._invoke(call.body["FunctionName"], call.body["Payload"], answers.append))
        while not answers:
            if self._clock.now >= end:
                raise Unanswered
            call.worker.sleep(GLANCE)
        if answers[0] is None:
            return {"FunctionError": "Unhandled", "Payload": '{"errorMessage": "it ended without an answer"}'}
        return {"Payload": answers[0]}

    def _described(self, name: str, state: str) -> dict[str, Any]:
        return {
            "UUID": name,
            "State": state,
            "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._sources[name].queue}",
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        }

    def _check(self, call: Call, action: str, resource: str) -> None:
        if not self._allowed(call.worker.function, action, resource):
            raise ServiceError(403, "AccessDeniedException", f"{call.worker.function} may not {action} on {resource}")
