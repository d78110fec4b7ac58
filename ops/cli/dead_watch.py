"""`dead --watch`: the dead letters again and again, live on a terminal, elsewhere whenever something changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from rich.live import Live
from rich.text import Text

from ops.cli.keys import ended_by
from ops.cli.screen import out, tell, tell_aside, write_json
from ops.dead_letters.peek import Dead, DeadWatch
from ops.errors import OpsError

Told = Callable[[Sequence[Dead]], None]


def watch(view: DeadWatch, interval: float, told: Told, *, as_json: bool) -> None:
    """Looks every `interval` seconds until `q` or Ctrl-C. Raises `OpsError` where the first look fails.

    `told` prints what was found, as `dead` does. What goes wrong later is said, and looked past.
    """
    with suppress(KeyboardInterrupt):
        found = view.look()
        if out.is_terminal and not as_json:
            _live(view, found, interval, told)
        else:
            _lines(view, found, interval, as_json=as_json)


def _live(view: DeadWatch, found: Sequence[Dead], interval: float, told: Told) -> None:
    def shown(problem: str | None = None) -> Text:
        with out.capture() as captured:
            told(found)
            tell(f"{datetime.now(UTC):%H:%M:%S} UTC, every {interval:g} s; q or Ctrl-C ends.", style="dim")
            if problem is not None:
                tell(problem, style="yellow")
        return Text.from_ansi(captured.get())

    with ended_by("q") as ended:
        live = Live(shown(), console=out, screen=True, auto_refresh=False)
        try:  # not `with live`: Ctrl-C while it starts would leave its screen behind
            live.start(refresh=True)
            while not ended(interval):
                problem = None
                try:
                    found = view.look()
                except OpsError as error:
                    problem = str(error)
                live.update(shown(problem), refresh=True)
        finally:
            live.stop()


def _lines(view: DeadWatch, found: Sequence[Dead], interval: float, *, as_json: bool) -> None:
    before: dict[str, Dead] = {}
    said: str | None = None
    with ended_by("q") as ended:
        first = True
        while first or not ended(interval):
            problem = None
            try:
                found = found if first else view.look()
            except OpsError as error:
                problem = str(error)
            if problem is not None and problem != said:
                tell_aside(problem)
            said = problem
            now = {each.queue: each for each in found}
            if as_json and (first or now != before):
                line = msgspec.json.encode({"at": _moment(), "queues": found}).decode()
                write_json(line, sys.stdout)
            elif not as_json:
                _tell_changes(before, now, first=first)
            sys.stdout.flush()
            before, first = now, False


def _tell_changes(before: dict[str, Dead], now: dict[str, Dead], *, first: bool) -> None:
    if first and not now:
        tell(f"{_moment()}  no dead letters")
    for queue in sorted(before.keys() | now.keys()):
        old, new = before.get(queue), now.get(queue)
        was = (old.waiting, old.in_flight) if old is not None else (0, 0)
        waiting, in_flight = (new.waiting, new.in_flight) if new is not None else (0, 0)
        if (waiting, in_flight) == was:
            continue
        flight = f", {in_flight:,} in flight" if in_flight else ""
        causes = "; ".join(f"{pile.count:,} {pile.cause}" for pile in new.piles) if new is not None else ""
        change = f" ({waiting - was[0]:+,})" if not first and waiting != was[0] else ""
        tell(f"{_moment()}  {queue}: {waiting:,} waiting{change}{flight}" + (f": {causes}" if causes else ""))


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
