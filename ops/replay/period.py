"""From when until when: what a person says of it, in whole minutes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from ops.dead_letters.selection import seconds
from ops.errors import UsageError

MINUTE = timedelta(minutes=1)
AGO = re.compile(r"\s*(\d+\s*[a-z])(\s+ago)?\s*")


class Period(Struct, frozen=True):
    """From `start` until before `end`, both in UTC."""

    start: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """How many minutes it has, begun ones too."""
        return -(-(self.end - self.start) // MINUTE)

    def __str__(self) -> str:
        """As people read it: `2026-11-21 10:15 until 2026-11-21 10:20 UTC`."""
        return f"{shown(self.start)} until {shown(self.end)} UTC"


def shown(moment: datetime) -> str:
    """A moment to the minute, to the second where it has some."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}{f':{moment:%S}' if moment.second else ''}"


def period(start: str, end: str | None, now: datetime) -> Period:
    """The period that the texts say: times in RFC 3339, or spans before `now`, such as `2h` or `3d ago`.

    It is widened to whole minutes, because AWS replays by the minute, but not beyond now; without `end` it is until
    now. Raises `UsageError` for what is neither, for a time without a zone or that is yet to come, and where nothing
    is between the two.
    """
    now = now.replace(microsecond=0)
    first = moment("--from", start, now)
    last = moment("--to", end, now) if end is not None else now
    if first >= last:
        raise UsageError(f"--from is {shown(first)} UTC and --to {shown(last)} UTC: nothing happened between them.")
    first = first.replace(second=0, microsecond=0)
    whole = last.replace(second=0, microsecond=0)
    return Period(first, last if whole == last else min(whole + MINUTE, now))


def moment(option: str, text: str, now: datetime) -> datetime:
    """The moment that a text says, in UTC. Raises `UsageError` for what is none, has no zone or is yet to come."""
    how = "write 2026-11-21T10:15:00Z, 2026-11-21T11:15:00+01:00, or how long ago, such as 90s, 15m, 2h or 3d"
    try:
        if (ago := AGO.fullmatch(text)) is not None:
            return now - timedelta(seconds=_span(option, ago[1]))
        said = datetime.fromisoformat(text.strip())
        if said.tzinfo is None:
            raise UsageError(f"{option} is {text!r}, which is another time in every zone: {how}.")
        said = said.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} is {text!r}, which is no time: {how}.") from None
    if said > now:
        raise UsageError(f"{option} is {text!r}, which is yet to come: a replay is of what happened.")
    return said


def _span(option: str, text: str) -> int:
    try:
        return seconds(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
