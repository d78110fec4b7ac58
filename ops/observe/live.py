"""A stage as it is now, looked at once for all who watch it, and as it was in the last hour."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from threading import Lock

from ops.depth import consumer_states
from ops.errors import OpsError
from ops.observe import question
from ops.observe.last_hour import HOUR, last_hour
from ops.observe.question import NotYet, Question
from ops.observe.rates import Counted, Minutes, Rates, counted
from ops.observe.trouble import oldest_allowed
from ops.observe.watch import Frame, Watch, told_by
from ops.queue import Queue
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
    late: tuple[str, ...] = ()
    """What else is not known yet, a sentence each."""
    allowed: float | None = None
    """Seconds that a message may wait until an alarm rings; None where none does."""

    @property
    def unmeasured(self) -> str | None:
        """Why what happened in a minute is not known, if so: its counts are 0 then, and those of messages are right."""
        return self.frame.unmeasured


@dataclass(frozen=True)
class _Minute:
    """What was answered to who asked `at` that moment, for the minutes from `since` on, if for any."""

    at: float
    since: float | None
    counted: Counted


@dataclass
class Live:
    """Looks at a stage when somebody asks, and at most every few seconds; `clock` is in epoch seconds.

    Whoever signed in again gives it the stage anew, and it goes on with what it knows: the next look asks everything by
    that sign-in, but what the last one asked and was not answered yet, or was answered a moment ago.
    """

    stage: Stage
    clock: Callable[[], float] = time.time
    _watch: Watch | None = None
    _by: Stage | None = None
    """By which sign-in `_watch` looks."""
    _view: View | None = None
    _refused: Stage | None = None
    """The sign-in by which the last look came to nothing."""
    _looked: float = 0.0
    _minute: Question[_Minute] = field(init=False)
    _states: Question[dict[str, str]] = field(init=False)
    _past: Question[dict[str, Points]] = field(init=False)
    _slowly: float = 0.0
    """When the minutes of the last hour were asked for."""
    _asked: float = 0.0
    """When the states of consumers were."""
    _recalling: float = 0.0
    """When the last hour was asked for, which is done until it is `_recalled`."""
    _recalled: bool = False
    _counted: float = 0.0
    """When what was done was told last."""
    _minutes: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _since: float = 0.0
    _allowed: float | None = None
    _history: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._minute, self._states = Question(told_by(self.stage)), Question("Lambda")
        self._past = Question("CloudWatch", stale=inf)

    @property
    def refused(self) -> bool:
        """Whether the last look came to nothing by the sign-in that the stage has now."""
        return self._refused is self.stage

    def last(self, within: float) -> View | None:
        """What was seen last, if it was so many seconds ago at the most."""
        return self._view if self.clock() - self._looked <= within else None

    def now(self, within: float = EVERY) -> View:
        """The stage as it is, or was `within` so many seconds.

        What SQS counts is waited for. What else is asked, each beside the others, is told once it is there: of one
        that is late a view says that it is not known yet, and the next has it.
        Raises `OpsError` where nothing is known of it yet and AWS refuses.
        """
        with self._lock:
            moment, stage = self.clock(), self.stage
            news = self._minute.news or self._states.news or self._past.news
            # Where SQS refuses, what the others say waits until it is asked again.
            if self._view is not None and moment - self._looked < within and not (news and self._view.problem is None):
                return self._view
            try:
                self._view = self._look(stage, moment)
                self._refused = None
            except OpsError as error:
                self._refused = stage
                if self._view is None:
                    raise
                known = self._view
                self._view = replace(known, problem=str(error))
            self._looked = self.clock()
            return self._view

    def _look(self, stage: Stage, moment: float) -> View:
        if self._watch is None or self._by is not stage:
            self._watch, self._by, self._allowed = Watch(stage), stage, oldest_allowed(stage)
            self._history = {queue.word: self._history.get(queue.word, deque()) for queue in self._watch.queues}
            # What was answered is asked no sooner by another sign-in: CloudWatch and the logs bill what they are asked.
            self._slowly = 0.0 if self._minute.failed else self._slowly
            self._asked = 0.0 if self._states.failed else self._asked
            self._recalling = 0.0 if self._past.failed else self._recalling
        until = time.monotonic() + question.PATIENCE
        self._ask(stage, moment, self._watch.queues)
        frame = self._watch.look(partial(self._rates, moment))
        late: list[str] = []
        self._states.take(until - time.monotonic())
        states: dict[str, str] = {}
        try:
            states = self._states.known(moment)
        except NotYet as error:
            late.append(f"Whether consumers take messages is not known: {error}")
        if (past := self._past.take(until - time.monotonic())) is not None:
            self._recall(past, self._watch.queues)
            self._recalled = True
        try:
            self._past.known(moment)
        except Exception as error:  # whatever it is, what waits now is known; and it is asked for again
            late.append(f"What waited in the last hour is not known: {error}")
        for word, depth in frame.depths.items():
            self._remember(word, moment, depth.waiting + depth.in_flight + depth.delayed)
        history = {word: list(points) for word, points in self._history.items()}
        minutes = {name: dict(each) for name, each in self._minutes.items()}
        return View(frame, states, history, minutes, self._since, None, tuple(late), self._allowed)

    def _ask(self, stage: Stage, moment: float, queues: list[Queue]) -> None:
        """Asks for the rates, and now and then for what consumers did since that was told last, an hour at the most."""
        slowly = moment - self._slowly >= SLOWLY
        since = max(moment - HOUR, self._counted - AGAIN) if slowly else None
        if slowly or stage.endpoint is not None:
            names = [queue.name for queue in queues]
            asked = self._minute.ask(moment, lambda: _Minute(moment, since, counted(stage, names, since)))
            self._slowly = moment if slowly and asked else self._slowly
        if not self._recalled and moment - self._recalling >= SLOWLY:
            names = [queue.name for queue in queues]
            if self._past.ask(moment, partial(last_hour, stage, names, moment)):
                self._recalling = moment
        if moment - self._asked >= SLOWLY and self._states.ask(moment, lambda: consumer_states(stage, queues)):
            self._asked = moment

    def _rates(self, moment: float, _: list[str]) -> Rates:
        """The rates. Raises `OpsError` where metrics or logs refuse, or are late: who waits SQS tells all the same."""
        if (found := self._minute.take(question.PATIENCE)) is not None:
            begin = found.at - HOUR
            for name, minutes in found.counted.minutes.items():
                self._minutes.setdefault(name, {}).update(minutes)
            for minutes in self._minutes.values():
                for gone in [minute for minute in minutes if MINUTE * minute < begin]:
                    del minutes[gone]
            if found.since is not None:
                self._since = max(found.counted.since if not self._counted else self._since, begin)
                self._counted = found.at
        return self._minute.known(moment).counted.rates

    def _recall(self, past: dict[str, Points], queues: list[Queue]) -> None:
        """Puts what was measured before what was seen."""
        for queue in queues:
            points = self._history[queue.word]
            first = points[0][0] if points else inf
            points.extendleft(reversed([each for each in past.get(queue.name, ()) if each[0] < first]))

    def _remember(self, word: str, moment: float, count: int) -> None:
        points = self._history[word]
        while points and points[0][0] < moment - HOUR:
            points.popleft()
        if len(points) > 1 and moment - points[-2][0] < POINT:
            points.pop()  # the last one only says what is now
        points.append((moment, float(count)))
