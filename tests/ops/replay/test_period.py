"""From when until when a replay is: what a person may say of it, and what nobody may."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ops.errors import UsageError
from ops.replay.period import period

NOW = datetime(2026, 11, 26, 12, 30, 20, 500, tzinfo=UTC)


def at(hour: int, minute: int, second: int = 0, day: int = 26) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z", (at(10, 0), at(11, 0))),
        ("2026-11-26T11:00:00+01:00", "2026-11-26T11:00:00.5+00:00", (at(10, 0), at(11, 1))),
        ("2h", "30m ago", (at(10, 30), at(12, 1))),
        ("3d ago", None, (at(12, 30, day=23), at(12, 30, 20))),
        (" 90s", None, (at(12, 28), at(12, 30, 20))),
        ("2026-11-26T10:15:10Z", "2026-11-26T10:15:50Z", (at(10, 15), at(10, 16))),
        ("1s", "0s", (at(12, 30), at(12, 30, 20))),
    ],
)
def test_a_period_is_of_whole_minutes_and_not_beyond_now(
    start: str, end: str | None, expected: tuple[datetime, datetime]
) -> None:
    found = period(start, end, NOW)
    assert (found.start, found.end) == expected
    assert found.minutes >= 1


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-11-26T10:00:00", None, "another time in every zone"),
        ("2026-11-26", None, "another time in every zone"),
        ("yesterday", None, "is no time"),
        ("", None, "is no time"),
        ("2h30m", None, "is no time"),
        ("5w", None, "no span of time"),
        ("9999999d", None, "is no time"),
        ("99999999999d", None, "no span of time"),
        (f"{'9' * 5000}d", None, "no span of time"),
        ("0001-01-01T00:00:00+14:00", None, "is no time"),
        ("2026-11-26T13:00:00Z", None, "yet to come"),
        ("2h", "2026-11-27T00:00:00Z", "yet to come"),
        ("2h", "2h", "nothing happened between"),
        ("1h", "2h", "nothing happened between"),
        ("0s", None, "nothing happened between"),
    ],
)
def test_what_is_no_period_is_refused_in_words(start: str, end: str | None, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        period(start, end, NOW)
