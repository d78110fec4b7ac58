"""When a schedule runs, judged by another reading of the same crons, and by what AWS says of clocks that change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from aws_croniter import AwsCroniter
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks import recurrence
from stacks.recurrence import Cron, Once, Rate, Unreadable
from tests.examples import examples

START = datetime(2026, 1, 1, tzinfo=UTC)


def runs(expression: str, zone: str = "UTC", after: datetime = START, most: int = 5) -> list[str]:
    found = recurrence.read(expression)
    assert not isinstance(found, Rate)
    return [f"{run:%Y-%m-%dT%H:%M}" for run in islice(found.after(after, recurrence.zone(zone)), most)]


def numbers(first: int, last: int, *, steps: bool = True) -> st.SearchStrategy[str]:
    """A field: a number, a range, steps, or a list of those."""
    number = st.integers(first, last)
    span = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    step = st.tuples(number.map(str) | span | st.just("*"), st.integers(1, last)).map(lambda two: f"{two[0]}/{two[1]}")
    part = number.map(str) | span | (step if steps else st.nothing())
    return st.just("*") | st.lists(part, min_size=1, max_size=3).map(",".join)


DAYS_OF_MONTH = numbers(1, 31) | st.just("L") | st.integers(1, 31).map(lambda day: f"{day}W")
WORDS = st.sampled_from([*recurrence.DAYS, "MON-FRI", "TUE,THU", "SUN-SAT"])
DAYS_OF_WEEK = (
    numbers(1, 7, steps=False)
    | WORDS
    | st.integers(1, 7).map(lambda day: f"{day}L")
    | st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda two: f"{two[0]}#{two[1]}")
)
MONTHS = numbers(1, 12) | st.sampled_from([*recurrence.MONTHS, "JAN,JUL", "OCT-DEC"])
CRONS = st.builds(
    lambda minute, hour, day, month, year: f"{minute} {hour} {day[0]} {month} {day[1]} {year}",
    numbers(0, 59),
    numbers(0, 23),
    DAYS_OF_MONTH.map(lambda day: (day, "?")) | DAYS_OF_WEEK.map(lambda day: ("?", day)),
    MONTHS,
    st.just("*") | st.sampled_from(["2026", "2026-2028", "2027,2029"]),
)
MOMENTS = st.integers(0, 3 * 365 * 1440).map(lambda minutes: START + timedelta(minutes=minutes))


@settings(max_examples=examples(400))
@given(CRONS, MOMENTS)
def test_a_cron_runs_when_another_implementation_says(cron: str, after: datetime) -> None:
    ours = recurrence.read(f"cron({cron})")
    assert isinstance(ours, Cron)
    found = [*islice(ours.after(after, ZoneInfo("UTC")), 3)]
    theirs, at = [], after
    for _ in range(3):
        following = AwsCroniter(cron).occurrence(at).next()
        if following is None:
            break
        theirs.append(following)
        at = following
    # The other gives up after some months without a run; what it says until then must be the same.
    assert found[: len(theirs)] == theirs
    if not theirs:
        assert not found or found[0] - after > timedelta(days=100)


@settings(max_examples=examples(100))
@given(
    CRONS,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    MOMENTS,
)
def test_in_a_zone_every_wall_time_that_there_is_runs_once_and_in_order(cron: str, name: str, after: datetime) -> None:
    zone = ZoneInfo(name)
    ours = recurrence.read(f"cron({cron})")
    assert isinstance(ours, Cron)
    found = [*islice(ours.after(after, zone), 20)]
    assert found == sorted(set(found))
    walls = [run.astimezone(zone).replace(tzinfo=None) for run in found]
    assert len(set(walls)) == len(walls)
    in_utc = [*islice(ours.after(after - timedelta(hours=26), ZoneInfo("UTC")), 5000)]
    assert {wall.replace(tzinfo=UTC) for wall in walls if wall.replace(tzinfo=UTC) <= in_utc[-1]} <= set(in_utc)


def test_a_time_that_the_clocks_leave_out_has_no_run_and_one_that_comes_twice_has_one() -> None:
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert runs("cron(30 2 * * ? *)", "Europe/Berlin", spring, 2) == ["2026-03-30T00:30", "2026-03-31T00:30"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert runs("cron(30 2 * * ? *)", "Europe/Berlin", autumn, 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 6 ? * MON-FRI *)", ["2026-01-01T06:00", "2026-01-02T06:00", "2026-01-05T06:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-01-30T10:15", "2026-02-27T10:15", "2026-03-27T10:15"]),
        ("cron(0 8 1W * ? *)", ["2026-01-01T08:00", "2026-02-02T08:00", "2026-03-02T08:00"]),
        ("cron(0 8 L * ? *)", ["2026-01-31T08:00", "2026-02-28T08:00", "2026-03-31T08:00"]),
        ("cron(0 8 ? * 3#2 *)", ["2026-01-13T08:00", "2026-02-10T08:00", "2026-03-10T08:00"]),
        ("cron(0 8 ? * L *)", ["2026-01-03T08:00", "2026-01-10T08:00", "2026-01-17T08:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("cron(0 0 1 1 ? 2020-2027)", ["2027-01-01T00:00"]),
        ("cron(0 0 2 1 ? 2026/2)", ["2026-01-02T00:00", "2028-01-02T00:00", "2030-01-02T00:00"]),
        ("at(2026-07-01T09:00:00)", ["2026-07-01T09:00"]),
    ],
)
def test_what_aws_documents(expression: str, expected: list[str]) -> None:
    assert runs(expression, most=3) == expected


def test_a_rate_is_so_many_seconds() -> None:
    assert recurrence.read("rate(5 minutes)") == Rate(300)
    assert recurrence.read("rate(1 day)") == Rate(86_400)
    assert isinstance(recurrence.read("at(2026-07-01T09:00:00)"), Once)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 6 * * *", "is neither rate"),
        ("rate(1 minutes)", "write it like rate(1 hour)"),
        ("rate(0 minutes)", "is none"),
        ("rate(30 seconds)", "is none"),
        ("cron(0 6 * * *)", "six fields"),
        ("cron(0 6 * * * *)", "write ? for the one that does not matter"),
        ("cron(0 6 ? * ? *)", "write ? for the one"),
        ("cron(60 6 * * ? *)", "the minutes is '60'; choose 0 to 59"),
        ("cron(0 6 * FOO ? *)", "choose 1 to 12, or JAN to DEC"),
        ("cron(0 6 32W * ? *)", "the day of the month is '32'"),
        ("cron(0 6 ? * FRI-MON *)", "write two ranges"),
        ("cron(0 6 ? * 2#6 *)", "behind # is '6'"),
        ("cron(0 6 ? * 2,3#1 *)", "the day of the week is '2,3'"),
        ("cron(0 6 ? * 2-3#1 *)", "one number belongs there"),
        ("cron(0 6 ? * 2/3 *)", "takes no steps"),
        ("cron(0 6 * * ? 1960)", "choose 1970 to 2199"),
        ("cron(0/0 6 * * ? *)", "behind / is '0'"),
        ("at(tomorrow)", "is no time"),
        ("at(2026-07-01T09:00:00Z)", "is no time"),
    ],
)
def test_what_is_no_expression_says_why(expression: str, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        recurrence.read(expression)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Unreadable, match="is no time zone"):
        recurrence.zone(name)


@pytest.mark.parametrize(
    ("expression", "longest", "shortest"),
    [
        ("rate(2 hours)", 7200, 7200),
        ("cron(0/5 * * * ? *)", 300, 300),
        ("cron(0 6 ? * MON-FRI *)", 3 * 86_400, 86_400),
        ("cron(0,30 9-17 * * ? *)", 15.5 * 3600, 1800),
        ("cron(0 0 1 1 ? 2027)", float("inf"), float("inf")),
    ],
)
def test_how_far_apart_runs_are(expression: str, longest: float, shortest: float) -> None:
    found = recurrence.recurring(expression)
    assert (found.longest_gap, found.shortest_gap) == (longest, shortest)


def test_a_date_that_never_comes_never_runs() -> None:
    for never in ("cron(0 0 30 2 ? *)", "cron(0 0 31 4,6 ? *)", "cron(0 0 1 1 ? 2020)", "cron(0 0 31W 2 ? *)"):
        found = recurrence.read(never)
        assert isinstance(found, Cron)
        assert found.never_runs
