"""When a schedule runs: EventBridge Scheduler's expressions, read as it documents them, and the times that they mean.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEARS = range(1970, 2200)
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
BEGINNING = date(2026, 1, 1)
"""Before this no schedule of ours ran. What a map means must not depend on the day on which it is read, so it is from
here on that a cron has to run at all, and that its gaps are measured."""
LEAP = 9
"""Years within which every date that there is comes: 1896 to 1904 is the longest wait for a 29th of February."""
_SHIFT = timedelta(hours=26)
"""More than clocks are ever put back, and than the zones lie apart."""


class Unreadable(ValueError):
    """It is none of Scheduler's expressions; the message says why, to be put behind a colon."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds. Nobody but Scheduler knows since when: it counts from when it took the schedule."""

    seconds: int

    @property
    def longest_gap(self) -> float:
        """Seconds between two runs, at the most."""
        return self.seconds

    shortest_gap = longest_gap


@dataclass(frozen=True)
class Once:
    """At one time, by the clock of a zone."""

    at: datetime

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Its run, in UTC, if that is after the moment."""
        run = self.at.replace(tzinfo=zone).astimezone(UTC)
        if run > moment:
            yield run


@dataclass(frozen=True)
class Cron:
    """At the minutes of the hours of the days of the months of the years, by the clock of a zone.

    `days` is the field of the day in the month, or of the day in the week, whichever is not `?`.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def dates(self, first: date) -> Iterator[date]:
        """The dates on which it runs, from `first` on, in order."""
        for year in self.years:
            for month in self.months if year >= first.year else ():
                if (year, month) >= (first.year, first.month):
                    found = (date(year, month, day) for day in self.days.of(year, month))
                    yield from (each for each in found if each >= first)

    @property
    def times(self) -> list[time]:
        """The times of such a date at which it runs, in order."""
        return [time(hour, minute) for hour in self.hours for minute in self.minutes]

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Its runs after that moment, in UTC, in order.

        A time that the clocks leave out when they are put forward has no run; one that comes twice when they are put
        back has one.
        https://repost.aws/knowledge-center/eventbridge-scheduler-adjust-dst
        """
        for day in self.dates((moment.astimezone(zone) - _SHIFT).date()):
            for clock in self.times:
                run = datetime.combine(day, clock, zone).astimezone(UTC)
                if run > moment and run.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, clock):
                    yield run

    @property
    def never_runs(self) -> bool:
        """Whether there is no date on which it would run."""
        return next(self.dates(BEGINNING), None) is None

    @property
    def longest_gap(self) -> float:
        """Seconds between two runs at the most, but for an hour when the clocks change; endless where one is alone."""
        return max(self._gaps(), default=float("inf"))

    @property
    def shortest_gap(self) -> float:
        """Seconds between two runs at the least, but for an hour when the clocks change; endless where one is alone."""
        return min(self._gaps(), default=float("inf"))

    def _gaps(self) -> Iterator[float]:
        times = [clock.hour * 3600 + clock.minute * 60 for clock in self.times]
        yield from (later - earlier for earlier, later in pairwise(times))
        over_night = UNITS["day"] + times[0] - times[-1]
        before: date | None = None
        for day in self.dates(BEGINNING):
            if before is not None:
                yield (day - before).days * UNITS["day"] - UNITS["day"] + over_night
                if before.year >= BEGINNING.year + LEAP:
                    return
            before = day


class _Days(Protocol):
    """The days of a month that one of two fields means."""

    def of(self, year: int, month: int) -> list[int]:
        """The days of that month, in order."""


@dataclass(frozen=True)
class _InMonth:
    days: tuple[int, ...] = ()
    last: bool = False
    near: int | None = None

    def of(self, year: int, month: int) -> list[int]:
        length = monthrange(year, month)[1]
        if self.last:
            return [length]
        if self.near is None:
            return [day for day in self.days if day <= length]
        return [_weekday_near(year, month, self.near, length)] if self.near <= length else []


@dataclass(frozen=True)
class _InWeek:
    """`days` count from 1, Sunday; `nth` is which of the month's they are: 0 is each, -1 the last."""

    days: tuple[int, ...]
    nth: int = 0

    def of(self, year: int, month: int) -> list[int]:
        first, length = monthrange(year, month)
        found = [day for day in range(1, length + 1) if (first + day) % 7 + 1 in self.days]
        if self.nth == 0:
            return found
        return found[-1:] if self.nth < 0 else found[self.nth - 1 : self.nth]


def _weekday_near(year: int, month: int, day: int, length: int) -> int:
    """The weekday that is nearest to the day, of the same month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises `Unreadable` where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unreadable(f"{name!r} is no time zone; write one such as Europe/Berlin, or UTC") from None


def read(expression: str) -> Rate | Cron | Once:
    """What the expression means. Raises `Unreadable`."""
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression)
    if found is None:
        raise Unreadable(f"{expression!r} is neither rate(5 minutes) nor cron(0 6 ? * MON-FRI *)")
    kind, said = found.groups()
    if kind == "rate":
        return _rate(said)
    if kind == "at":
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            at = None
        if at is None or at.tzinfo is not None:
            raise Unreadable(f"{expression!r} is no time; write at(2026-11-26T06:00:00)")
        return Once(at)
    return _cron(said.split())


def recurring(expression: str) -> Rate | Cron:
    """What the expression of a schedule that runs again and again means. Raises `Unreadable`."""
    found = read(expression)
    if isinstance(found, Once):
        raise Unreadable(f"{expression} is one time, and a schedule runs again and again; write a cron with its year")
    return found


def _rate(said: str) -> Rate:
    found = re.fullmatch(r"([1-9][0-9]{0,8}) (minute|hour|day)(s?)", said)
    if found is None or (found[1] == "1") == bool(found[3]):
        raise Unreadable(f"rate({said}) is none; write it like rate(1 hour) or rate(5 minutes)")
    return Rate(int(found[1]) * UNITS[found[2]])


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise Unreadable(
            f"a cron has six fields, minutes, hours, day of the month, month, day of the week and year, not "
            f"{len(fields)}; write it like cron(0 6 ? * MON-FRI *)"
        )
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise Unreadable(
            f"one of day of the month ({day}) and day of the week ({weekday}) is ?, and the other is not; write ? for "
            "the one that does not matter"
        )
    return Cron(
        minutes=_numbers("minutes", minutes, range(60)),
        hours=_numbers("hours", hours, range(24)),
        days=_in_week(weekday) if day == "?" else _in_month(day),
        months=_numbers("month", month, range(1, 13), MONTHS),
        years=_numbers("year", year, YEARS),
    )


def _in_month(field: str) -> _Days:
    if field == "L":
        return _InMonth(last=True)
    if field.endswith("W"):
        (near,) = _numbers("day of the month", field[:-1], range(1, 32), alone=True)
        return _InMonth(near=near)
    return _InMonth(_numbers("day of the month", field, range(1, 32)))


def _in_week(field: str) -> _Days:
    if "/" in field:
        raise Unreadable(f"the day of the week is {field!r}, and it takes no steps; list the days")
    numbers = partial(_numbers, "day of the week", within=range(1, 8), words=DAYS)
    if field == "L":
        return _InWeek((7,))
    if field.endswith("L"):
        return _InWeek(numbers(field[:-1], alone=True), nth=-1)
    day, nth, which = field.partition("#")
    if nth:
        (number,) = _numbers("day of the week, behind #", which, range(1, 6), alone=True)
        return _InWeek(numbers(day, alone=True), nth=number)
    return _InWeek(numbers(field))


def _numbers(
    name: str, field: str, within: range, words: tuple[str, ...] = (), *, alone: bool = False
) -> tuple[int, ...]:
    """The numbers that a field means, in order; an `alone` one is no list, range or step."""
    found: set[int] = set()
    for part in [field] if alone else field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if alone and (slash or dash or part == "*"):
            raise Unreadable(f"the {name} is {field!r}; one number belongs there")
        start = within[0] if span == "*" else _number(name, first, within, words)
        # `5/15` goes on from the fifth to the end.
        end = _number(name, last, within, words) if dash else within[-1] if slash or span == "*" else start
        by = _number(f"{name}, behind /", step, range(1, 10_000), ()) if slash else 1
        if start > end:
            raise Unreadable(f"the {name} goes from {first} to {last}, which is before it; write two ranges")
        found.update(range(start, end + 1, by))
    return tuple(sorted(found))


def _number(name: str, word: str, within: range, words: tuple[str, ...]) -> int:
    number = (
        1 + words.index(word.upper()) if word.upper() in words else int(word) if re.fullmatch("[0-9]+", word) else -1
    )
    if number not in within:
        known = f", or {words[0]} to {words[-1]}" if words else ""
        raise Unreadable(f"the {name} is {word!r}; choose {within[0]} to {within[-1]}{known}")
    return number
