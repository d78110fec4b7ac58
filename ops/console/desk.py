"""What one console works with: where it is, what was seen lately, and the redrives that it runs."""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from threading import Lock

from ops.caution import careful
from ops.console.typed import Typed
from ops.dead_letters.peek import Seen
from ops.dead_letters.sample import Samples
from ops.errors import OpsError, UsageError
from ops.observe.live import Live, View
from ops.pool import Pool
from ops.redrive.background import Background
from ops.replay.background import Background as Replays
from ops.send.send import refusal
from ops.stage import Stage
from ops.visible import one_line, visible

RECENT = 20.0
"""Seconds for which a count is told as that of now."""
OPENED = 8
"""Messages that are kept to be asked about; one has 1 MB at the most."""
LIVING = 8
"""Pages that live whose next picture is made at a time."""
ASKING = 40
"""Pages that are made at a time."""


class Opened(OrderedDict[tuple[str, str], Seen]):
    """Some messages by queue and id, the last ones that were opened."""

    def keep(self, key: tuple[str, str], seen: Seen) -> None:
        """Keeps it, and lets the oldest go."""
        self.pop(key, None)
        self[key] = seen
        while len(self) > OPENED:
            self.popitem(last=False)


@dataclass
class Desk:
    """`open_` connects to the stage or account, anew where credentials ran out; `where` are the options that say it."""

    open_: Callable[[], Stage]
    where: Sequence[str] = ()
    read_only: bool = False
    tries: bool = False
    """Whether requests are sent to try a route, where data is kept, too."""
    api_url: str | None = None
    """Where the API is, if somebody says it."""
    credential: str | None = field(default=None, repr=False)
    """What routes ask of who tries them, if somebody says it beforehand."""
    every: bool = False
    """Whether its first page is that of the account's queues."""
    samples: Samples = field(default_factory=Samples)
    opened: Opened = field(default_factory=Opened)
    """The messages whose pages were opened last: what such a page loads beside receives nothing again."""
    typed: Typed = field(default_factory=Typed, repr=False)
    """What was typed to find a request, which no address says."""
    jobs: Background = field(default_factory=Background)
    replays: Replays = field(default_factory=Replays)
    living: Pool = field(default_factory=lambda: Pool(LIVING, "living"), repr=False)
    """What makes the pictures of pages that live: threads of its own, so that however many wait, pages are answered."""
    asking: Pool = field(default_factory=lambda: Pool(ASKING, "asking"), repr=False)
    """What makes pages that change nothing: the console's end waits for none."""
    base: str = ""
    csrf: str = ""
    _stage: Stage | None = None
    _last: Stage | None = None
    _live: Live | None = None
    _lock: Lock = field(default_factory=Lock)
    _faults: set[tuple[str, str]] = field(default_factory=set)

    @property
    def stage(self) -> Stage:
        """The stage, connected. Raises `OpsError`."""
        with self._lock:
            if self._stage is None:
                self._stage = self.open_()
            if self._live is None or _place(self._live.stage) != _place(self._stage):
                self._live = Live(self._stage)
            self._live.stage = self._stage
            return self._stage

    @property
    def known(self) -> Stage | None:
        """The stage, as it was connected last; None where it never was."""
        return self._stage or self._last

    @property
    def live(self) -> Live:
        """The stage as it is now. Raises `OpsError` where it cannot be reached."""
        stage = self.stage
        with self._lock:
            return self._live or Live(stage)

    def look(self, within: float = 0.0) -> View:
        """The stage as it is, or was `within` so many seconds; what was seen last, and why, where AWS refuses.

        After a refusal the next look is by a new sign-in. Raises `OpsError` where nothing is known of it yet.
        """
        try:
            live = self.live
        except OpsError as error:
            seen = self._live.last(inf) if self._live is not None else None
            if seen is None:
                raise
            return replace(seen, problem=str(error))
        view = live.now(within)
        if live.refused:
            self.reconnect()
        return view

    def refused(self, error: OpsError) -> str:
        """A sentence for the page on which that happened; the next question is asked by a new sign-in."""
        if not isinstance(error, UsageError):
            self.reconnect()
        return str(error)

    def reconnect(self) -> None:
        """Signs in anew with the next question: whoever signed in again meanwhile need not start the console again.

        What was seen is kept, and what is on its way is not asked again.
        """
        with self._lock:
            self._last = self._stage or self._last
            self._stage = None

    @property
    def careful(self) -> bool:
        """Whether what changes something asks for the queue's name: where data is kept, and where no stage tells."""
        return careful(self.known or self.stage)

    @property
    def untried(self) -> str | None:
        """Why no request is sent from here to try a route; None where they are. Raises as `stage` does."""
        if self.read_only:
            return "The console was started with --read-only: nothing is sent from here."
        if self.careful and not self.tries:
            return f"{refusal(self.known or self.stage)} Start the console with --try for that."
        return None

    def fault(self, error: Exception) -> str:
        """A sentence for the page on which that happened, which nobody foresaw; the terminal is told where, once."""
        said = one_line(f"{type(error).__name__}: {error}")
        *_, place = ("", *traceback.format_tb(error.__traceback__))
        if (type(error).__name__, place) not in self._faults:
            self._faults.add((type(error).__name__, place))
            for line in "".join(traceback.format_exception(error)).splitlines():
                print(visible(line), file=sys.stderr)
        return f"The console failed here, by a fault of its own ({said}). The terminal that it runs in shows where."

    def badge(self) -> int | None:
        """Dead letters of the stage, as they were counted a moment ago; None where nobody did."""
        live = self._live  # by no lock, which whoever connects to an AWS that hangs has for long
        view = live.last(RECENT) if live is not None else None
        if view is None:
            return None
        return sum(each.waiting + each.in_flight for each in view.frame.depths.values() if each.kind != "work")


def _place(stage: Stage) -> tuple[str, str, str | None]:
    """Where a stage is, whoever signed in to it."""
    return stage.name, stage.region, stage.endpoint


def closed(desk: Desk) -> list[str]:
    """Ends what the console runs, and says what did not stop in time."""
    for pool in (desk.living, desk.asking):
        pool.shutdown(wait=False)
    try:
        return [job.run for job in desk.jobs.close()]
    except OpsError as error:
        return [str(error)]
