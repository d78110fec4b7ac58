"""One invocation of a function: its clock, its alarm, its end, and the call that it is in."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from tests.simulation.clock import EPOCH, Clock
from tests.simulation.fiber import Fiber

Handler = Callable[[int, Any], Any] | int | None


class Killed(KeyboardInterrupt):
    """The worker is gone: nothing of it runs any more, whatever it would catch."""


class Worker:
    """`body` run as `function` in virtual time; dead at `timeout` seconds after its start, as Lambda does it.

    `skew` is how many seconds its wall clock is wrong. `turn` hears whenever it begins to run, and that it stopped.
    """

    def __init__(
        self,
        name: str,
        function: str,
        body: Callable[[], None],
        *,
        clock: Clock,
        timeout: float,
        skew: float,
        turn: Callable[[Worker | None], None],
    ) -> None:
        self.name = name
        self.function = function
        self.dead: str | None = None
        self.error: Exception | None = None
        self._clock = clock
        self._skew = skew
        self._end = clock.now + timeout
        self._alarm, self._again = math.inf, 0.0
        self._handler: Handler = signal.SIG_DFL
        self._turn = turn
        self._fiber = Fiber(body)

    # From outside.

    def resume(self) -> None:
        """Let it go on until it waits or ends."""
        self._turn(self)
        try:
            self._fiber.resume()
        finally:
            self._turn(None)

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left to run."""
        return self._fiber.ended

    def bury(self) -> None:
        """Let it end now, at the end of a scenario."""
        self.dead = self.dead or "the scenario ended"
        while not self.ended:
            self.resume()

    def runs_here(self) -> bool:
        """Whether the caller is in it."""
        return self._fiber.runs_here()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do `act` in so many seconds, whatever becomes of the worker."""
        self._clock.after(seconds, act)

    # From inside: what Python asks of the machine.

    def time(self) -> float:
        return EPOCH + self._clock.now + self._skew

    def monotonic(self) -> float:
        return 1000 + self._clock.now

    def left(self) -> float:
        """Seconds until Lambda ends it."""
        return self._end - self._clock.now

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time. Raises what the alarm's handler raises, and `Killed` once the worker is dead."""
        until = self._clock.now + max(seconds, 0)
        while True:
            if self.dead:
                raise Killed(self.dead)
            self._pass(min(until, self._alarm, self._end))
            if self.dead:
                raise Killed(self.dead)
            if self._clock.now >= self._end:
                self.die("timed out")
            if self._clock.now >= self._alarm:
                self._ring()
            elif self._clock.now >= until:
                return

    def die(self, reason: str) -> NoReturn:
        """Raises `Killed`, now and at every call after."""
        self.dead = self.dead or reason
        raise Killed(self.dead)

    def fail(self, error: Exception) -> NoReturn:
        """Die of a fault of the simulation itself, which must not pass for a fault of AWS."""
        self.error = self.error or error
        self.die(f"the simulation failed: {error!r}")

    def signal(self, number: int, handler: Handler) -> Handler:
        """As `signal.signal`, for the alarm."""
        assert number == signal.SIGALRM, "the simulation knows the alarm and no other signal"
        before, self._handler = self._handler, handler
        return before

    def getsignal(self, number: int) -> Handler:
        assert number == signal.SIGALRM
        return self._handler

    def setitimer(self, which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        """As `signal.setitimer`, for the real timer."""
        assert which == signal.ITIMER_REAL
        before = self.getitimer(which)
        self._alarm = self._clock.now + seconds if seconds else math.inf
        self._again = interval
        return before

    def getitimer(self, which: int) -> tuple[float, float]:
        assert which == signal.ITIMER_REAL
        return (0.0 if self._alarm == math.inf else max(self._alarm - self._clock.now, 1e-6), self._again)

    def _pass(self, until: float) -> None:
        if until <= self._clock.now or self._clock.skip(until):
            return
        if until < math.inf:
            self._clock.at(until, self.resume)
        self._fiber.pause()

    def _ring(self) -> None:
        self._alarm = self._clock.now + self._again if self._again else math.inf
        if callable(self._handler):
            self._handler(signal.SIGALRM, None)
