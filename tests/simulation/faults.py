"""What goes wrong, drawn from a seed: at single calls, for a while, and for single messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from tests.aws.errors import ServiceError
from tests.simulation.clock import Clock
from tests.simulation.wire import Call, Fate

THROTTLED = {
    "dynamodb": (400, "ThrottlingException"),
    "sqs": (403, "RequestThrottled"),
    "events": (400, "ThrottlingException"),
    "mail": (429, "TooManyRequestsException"),
    "secrets": (400, "ThrottlingException"),
    "lambda": (429, "TooManyRequestsException"),
    "scheduler": (429, "ThrottlingException"),
}
BROKEN = {
    "dynamodb": (500, "InternalServerError"),
    "sqs": (500, "InternalFailure"),
    "events": (500, "InternalException"),
    "mail": (500, "InternalServiceErrorException"),
    "secrets": (500, "InternalServiceError"),
    "lambda": (500, "ServiceException"),
    "scheduler": (500, "InternalServerException"),
}
LATEST = 30.0
"""Seconds after which the last request arrives that its caller gave up."""
MODES = ("throttle", "5xx", "refused", "unreachable", "hang", "credentials")


@dataclass(frozen=True)
class Outage:
    """`service` does not do anything from `start` on for `seconds`; `mode` is how a caller sees that."""

    service: str
    start: float
    seconds: float
    mode: str

    def covers(self, service: str, now: float) -> bool:
        """Whether `service` is away at `now`."""
        return self.service == service and self.start <= now < self.start + self.seconds


@dataclass(frozen=True)
class Curse:
    """Every call that speaks of `subject` fares so from `start` to `until`; no `services` or `operation` means each."""

    subject: str
    kind: str
    until: float = float("inf")
    services: tuple[str, ...] = ()
    operation: str = ""
    start: float = 0.0

    def covers(self, call: Call, now: float) -> bool:
        """Whether the call is meant."""
        return (
            self.start <= now < self.until
            and (not self.services or call.service in self.services)
            and (not self.operation or call.operation == self.operation)
            and self.subject in call.text
        )


@dataclass(frozen=True)
class Plan:
    """The faults of one scenario.

    `rates` are the chances of each kind of fault at a call, `only` narrows them to services or operations, `kills` is
    how many workers may be killed so. `duplicates` is the chance that a standard queue hands out a message twice,
    `shuffled` says that it reorders. `lag` is the seconds of a call, shortest and longest, `slow` those of calls that
    speak of something, `skew` how far a worker's clock may be off. `jams` is the chance that an alarm inside a call
    leaves a lock of the connection pool closed. `twice` is the chance that a schedule fires twice, `tardy` the seconds
    that it may come too late.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    kills: int = 0
    outages: tuple[Outage, ...] = ()
    curses: tuple[Curse, ...] = ()
    duplicates: float = 0.0
    shuffled: bool = True
    lag: tuple[float, float] = (0.004, 0.03)
    slow: Mapping[str, float] = field(default_factory=dict)
    skew: float = 0.0
    jams: float = 0.0
    twice: float = 0.1
    tardy: float = 0.0


class Faults:
    """Draws the fate of every call."""

    def __init__(self, plan: Plan, random: Random, clock: Clock) -> None:
        self.plan = plan
        self.random = random
        self._clock = clock
        self._kills = plan.kills
        self.met: Counter[str] = Counter()

    def away(self, service: str) -> bool:
        """Whether the service is in an outage."""
        return any(outage.covers(service, self._clock.now) for outage in self.plan.outages)

    def back(self, service: str) -> float:
        """When the outage of the service is over; now if there is none."""
        now = self._clock.now
        return max([now, *(o.start + o.seconds for o in self.plan.outages if o.covers(service, now))])

    def stopped(self, seconds: float) -> bool:
        """Whether a service has been away for so long by now."""
        now = self._clock.now
        return any(o.start + seconds <= now < o.start + o.seconds for o in self.plan.outages)

    def fate(self, call: Call) -> tuple[Call, Fate]:
        """What becomes of `call`, and the call as the service is to take it."""
        kind = self._kind(call)
        if kind != "fine":
            self.met[kind] += 1
        fate = Fate(
            kind=kind,
            lag=self._lag(call),
            error=_error(call.service, kind),
            jammed=self.random.random() < self.plan.jams,
            delay=self.random.uniform(0, LATEST) if kind == "late" else 0.0,
        )
        return replace(call, partial=kind == "partial", overdue=kind == "lost, hanging"), fate

    def _lag(self, call: Call) -> float:
        slow = [seconds for subject, seconds in self.plan.slow.items() if subject in call.text]
        return max([self.random.uniform(*self.plan.lag), *slow])

    def _kind(self, call: Call) -> str:
        now = self._clock.now
        for outage in self.plan.outages:
            if outage.covers(call.service, now):
                return outage.mode
        for curse in self.plan.curses:
            if curse.covers(call, now):
                return curse.kind
        if self.plan.only and not {call.service, call.operation} & set(self.plan.only):
            return "fine"
        chance = self.random.random()
        for kind, rate in self.plan.rates.items():
            chance -= rate
            if chance < 0:
                if kind.startswith("kill"):
                    if not self._kills:
                        return "fine"
                    self._kills -= 1
                return kind
        return "fine"


def _error(service: str, kind: str) -> ServiceError | None:
    match kind:
        case "throttle":
            return ServiceError(*THROTTLED[service], "Rate exceeded")
        case "5xx":
            return ServiceError(*BROKEN[service], "We are sorry")
        case "refusal":
            return ServiceError(400, "ValidationException", "The message is not what this service takes")
        case "credentials":
            return ServiceError(403 if service == "sqs" else 400, "ExpiredTokenException", "The token is expired")
        case _:
            return None
