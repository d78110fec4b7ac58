"""A stage as it is now, looked at once for all who watch it, and as it was in the last hour."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from ops.depth import consumer_states
from ops.errors import OpsError
from ops.observe.last_hour import HOUR, last_hour
from ops.observe.rates import Minutes, Rates, counted
from ops.observe.trouble import oldest_allowed
from ops.observe.watch import Frame, Watch
from ops.stage import Stage
from stacks.monitoring.metrics import MINUTE

EVERY = 3.0
"""Seconds between two looks at the counts, at the least."""
SLOWLY = 30.0
"""Seconds between two looks at the consumers, and on AWS at the rates, which are of a minute and cost by the metric."""
POINT = 20.0
"""Seconds between two points that are kept."""

AGAIN = 240.0
"""Seconds before the last look from which on minutes are asked for again: CloudWatch and logs tell them late."""

Points = list[tuple[float, float]]
"""Epoch seconds and how many messages were in the queue, the oldest first."""


@dataclass(frozen=True)
class View:
    """What is known of the stage now. `problem` says why it is no newer than `frame.at`, if it is not."""

    frame: Frame
    consumers: dict[str, str]
    """The states of consumers by the physical name of their queue, where Lambda tells it."""
    history: dict[str, Points]
    """By the words of queues."""
    minutes: Minutes = field(default_factory=dict)
    """What consumers did in each minute of the last hour; one that is missing had nothing."""
    since: float = 0.0
    """When the minutes begin, as far as they are known, in epoch seconds."""
    problem: str | None = None
    unmeasured: str | None = None
    """Why what happened in a minute is not known, if so: its counts are 0 then, and those of messages are right."""


@dataclass
class Live:
    """Looks at a stage when somebody asks, and at most every few seconds; `clock` is in epoch seconds."""

    stage: Stage
    clock: Callable[[], float] = time.time
    _watch: Watch | None = None
    _view: View | None = None
    _looked: float = 0.0
    _slowly: float = 0.0
    _counted: float = 0.0
    """When what was done was told last."""
    _unmeasured: str | None = None
    _consumers: dict[str, str] = field(default_factory=dict)
    _rates: Rates | None = None
    _minutes: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _since: float = 0.0
    _allowed: tuple[float | None] | None = None
    _history: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def allowed(self) -> float | None:
        """Seconds that a message may wait until an alarm rings; None where none does."""
        if self._allowed is None:
            self._allowed = (oldest_allowed(self.stage),)
        return self._allowed[0]

    def last(self, within: float) -> View | None:
        """What was seen last, if it was so many seconds ago at the most."""
        return self._view if self.clock() - self._looked <= within else None

    def now(self, within: float = EVERY) -> View:
        """The stage as it is, or was `within` so many seconds.

        Raises `OpsError` where nothing is known of it yet and AWS refuses.
        """
        with self._lock:
            moment = self.clock()
            if self._view is not None and moment - self._looked < within:
                return self._view
            try:
                self._view = self._look(moment)
            except OpsError as error:
                if self._view is None:
                    raise
                known = self._view
                self._view = replace(known, problem=str(error))
            self._looked = self.clock()
            return self._view

    def _look(self, moment: float) -> View:
        if self._watch is None:
            self._watch = Watch(self.stage)
            past = last_hour(self.stage, [queue.name for queue in self._watch.queues], moment)
            for queue in self._watch.queues:
                self._history[queue.word] = deque(past.get(queue.name, ()))
        slowly = moment - self._slowly >= SLOWLY
        frame = self._watch.look(partial(self._count, moment, slowly=slowly))
        self._rates = frame.rates
        if slowly:
            self._consumers = consumer_states(self.stage, self._watch.queues)
            self._slowly = moment
        for word, depth in frame.depths.items():
            self._remember(word, moment, depth.waiting + depth.in_flight + depth.delayed)
        history = {word: list(points) for word, points in self._history.items()}
        minutes = {name: dict(each) for name, each in self._minutes.items()}
        return View(frame, self._consumers, history, minutes, self._since, unmeasured=self._unmeasured)

    def _count(self, moment: float, queues: list[str], *, slowly: bool) -> Rates:
        """The rates, and now and then what consumers did since that was told last, an hour of it at the most.

        Where metrics or logs refuse, nothing was counted: who waits and who is dead SQS tells all the same.
        """
        if not slowly and self.stage.endpoint is None and self._rates is not None:
            return self._rates
        begin = moment - HOUR
        try:
            found = counted(self.stage, queues, max(begin, self._counted - AGAIN) if slowly else None)
        except OpsError as error:
            self._unmeasured = str(error)
            return Rates(measured=self.stage.endpoint is None)
        self._unmeasured = None
        for name, minutes in found.minutes.items():
            self._minutes.setdefault(name, {}).update(minutes)
        for minutes in self._minutes.values():
            for gone in [minute for minute in minutes if MINUTE * minute < begin]:
                del minutes[gone]
        if slowly:
            self._since = max(found.since if not self._counted else self._since, begin)
            self._counted = moment
        return found.rates

    def _remember(self, word: str, moment: float, count: int) -> None:
        points = self._history[word]
        while points and points[0][0] < moment - HOUR:
            points.popleft()
        if len(points) > 1 and moment - points[-2][0] < POINT:
            points.pop()  # the last one only says what is now
        points.append((moment, float(count)))
