"""What all people did is found in the stage's table, the latest first, and what the table did not take in the file."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops import audit, lease
from ops.errors import UsageError
from ops.history import ACTIONS, MOST, Wanted, history, one, outcome, resumable_elsewhere, short
from ops.item import typed
from ops.queue import find_dead
from ops.stage import Stage
from stacks import names
from tests.ops.endpoint import Endpoint

NOW = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
TABLE = names.resource(names.LOCAL, names.REDRIVES)


def record(aws: Endpoint, number: int, action: str = "redrive", **said: Any) -> str:
    """Puts a record into the table, as another machine wrote it `number` minutes ago; its id."""
    at = (NOW - timedelta(minutes=number)).isoformat(timespec="seconds")
    item = {
        "id": f"20261126-{number:06}-abcd",
        "action": action,
        "queue": "open_ticket-dlq",
        "who": "arn:aws:sts::123456789012:assumed-role/headrace-prod-operator/ada@example.com",
        "host": "laptop-of-ada",
        "started_at": at,
        "ended_at": at,
        "asked": "{}",
        "result": json.dumps({"moved": number}),
    } | said
    kept = {name: value for name, value in item.items() if value is not None}
    aws.tables[TABLE][kept["id"]] = typed(kept)
    return str(kept["id"])


def ids(stage: Stage, limit: int = 50, **said: Any) -> list[str]:
    return [entry.id for entry in history(stage, Wanted(**said), limit=limit).entries]


def test_records_of_every_action_and_machine_come_the_latest_first(stage: Stage, aws: Endpoint) -> None:
    every = [record(aws, number, action) for number, action in enumerate(ACTIONS)]
    own = audit.begin(stage, "20261126-mine", "drop", "open_ticket-dlq", {})
    audit.end(stage, own, {"deleted": 3})
    found = history(stage, Wanted(), limit=50)
    newest = sorted([("20261126-mine", own.started_at), *((id_, None) for id_ in every)], key=lambda each: each[0])
    assert {entry.id for entry in found.entries} == {id_ for id_, _ in newest}
    assert [entry.started_at for entry in found.entries] == sorted((e.started_at for e in found.entries), reverse=True)
    assert (found.more, found.problem, found.looked) == (None, None, len(ACTIONS) + 1)
    assert {entry.id: entry.here for entry in found.entries if entry.here} == {"20261126-mine": True}


def test_leases_are_no_records(stage: Stage, aws: Endpoint) -> None:
    dead = find_dead(stage, "open_ticket")
    with lease.held(stage, dead, "redrive", "20261126-run"):
        assert any(id_.startswith("lease:") for id_ in aws.tables[TABLE])
        assert ids(stage) == []
        assert one(stage, next(iter(aws.tables[TABLE])))[0] is None


def test_what_is_wanted_is_told_and_nothing_else(stage: Stage, aws: Endpoint) -> None:
    first = record(aws, 1)
    other = record(aws, 2, who="grace", host="desk", queue="assign_ticket-dlq")
    old = record(aws, 60 * 24 * 9, "drop")
    assert ids(stage, queue="open_ticket") == ids(stage, queue="open_ticket-dlq") == [first, old]
    assert ids(stage, who="GRACE") == ids(stage, who="desk") == [other]
    assert ids(stage, action="drop") == [old]
    assert ids(stage, who="nobody") == []
    span = datetime.now(UTC) - NOW + timedelta(days=1)
    assert ids(stage, since=int(span.total_seconds())) == [first, other]
    with pytest.raises(UsageError, match="'drown' is no action"):
        Wanted(action="drown")
    with pytest.raises(UsageError, match="damaged"):
        Wanted(before="'; drop table")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    times=st.lists(st.integers(0, 6), max_size=30),
    actions=st.randoms(use_true_random=False),
    size=st.integers(1, 7),
)
def test_pages_together_are_every_record_once(
    stage: Stage, aws: Endpoint, times: list[int], actions: Any, size: int
) -> None:
    aws.tables[TABLE].clear()
    every = []
    for number, minutes in enumerate(times):  # some at the same second
        every.append(record(aws, minutes, actions.choice(ACTIONS), id=f"20261126-{number:06}-abcd"))
    pages: list[str] = []
    before: str | None = None
    while True:
        found = history(stage, Wanted(before=before), limit=size)
        pages += [entry.id for entry in found.entries]
        before = found.more
        if before is None:
            break
        assert len(found.entries) == size
    assert sorted(pages) == sorted(every)
    starts = [aws.tables[TABLE][id_]["started_at"]["S"] for id_ in pages]
    assert starts == sorted(starts, reverse=True)


def test_of_many_records_as_many_are_read_as_are_shown(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3_000):
        record(aws, number)
    assert len(ids(stage)) == 50
    assert aws.queries == len(ACTIONS)
    monkeypatch.setattr("ops.history.MOST", 500)
    found = history(stage, Wanted(who="nobody"), limit=50)
    assert (found.entries, found.looked) == ([], 500)
    assert found.more is not None
    rest = history(stage, Wanted(before=found.more), limit=1)
    assert rest.entries[0].id == "20261126-000500-abcd"
    assert MOST >= 1_000


def test_without_the_table_its_index_or_the_permission_this_machines_are_told_and_why(
    stage: Stage, aws: Endpoint
) -> None:
    record(aws, 1)
    own = audit.begin(stage, "20261126-mine", "drop", "open_ticket-dlq", {})
    audit.end(stage, own, {})
    spoils: list[tuple[Callable[[], None], str]] = [
        (lambda: aws.indexes.clear(), "has no index yet"),
        (lambda: aws.refusing.add("dynamodb_20120810"), "not you"),
        (lambda: aws.tables.clear(), "Only what was done from this machine"),
    ]
    for spoil, words in spoils:
        spoil()
        found = history(stage, Wanted(), limit=50)
        assert [entry.id for entry in found.entries] == ["20261126-mine"]
        assert found.problem is not None
        assert words in found.problem, found.problem
    assert one(stage, "20261126-mine")[0] is not None


def test_an_account_without_a_stage_has_this_machines_records(stage: Stage, aws: Endpoint) -> None:
    own = audit.begin(stage, "20261126-mine", "show secrets", "open_ticket-dlq", {})
    there = replace(stage, staged=False)
    assert [entry.id for entry in history(there, Wanted(), limit=5).entries] == [own.id]
    assert one(there, own.id)[0] is not None


def test_one_that_runs_is_told_from_one_that_died(stage: Stage, other: Stage, aws: Endpoint) -> None:
    dead = find_dead(other, "open_ticket")
    with lease.held(other, dead, "redrive", "20261126-run"):
        begun = audit.begin(other, "20261126-run", "redrive", "open_ticket-dlq", {})
        died = record(aws, 5, ended_at=None, result="{}")
        states = {entry.id: entry.state for entry in history(stage, Wanted(), limit=5).entries}
        assert states == {"20261126-run": "running", died: "died"}
        assert audit.end(other, begun, {"moved": 2}) is None
    entry, problem = one(stage, "20261126-run")
    assert entry is not None
    assert (entry.state, entry.here, problem) == ("ended", False, None)
    assert outcome(entry) == ("2 moved", "green")
    fallen, _ = one(stage, died)
    assert fallen is not None
    assert resumable_elsewhere(fallen)
    short_lived = record(aws, 6, "pause", ended_at=None, queue="nightly", result="{}")
    assert {e.id: e.state for e in history(stage, Wanted(), limit=5).entries}[short_lived] == "unknown"


def test_one_that_ends_while_its_lease_is_looked_for_did_not_die(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = record(aws, 5, ended_at=None)

    def ends(*_: Any) -> tuple[None, None]:
        record(aws, 5)
        return None, None

    monkeypatch.setattr(lease, "seen", ends)
    (entry,) = history(stage, Wanted(), limit=5).entries
    assert (entry.id, entry.state) == (id_, "ended")


def test_a_resumed_run_is_as_it_was_begun_last(stage: Stage) -> None:
    first = audit.begin(stage, "20261126-run", "redrive", "open_ticket-dlq", {})
    audit.end(stage, first, {"moved": 1, "stopped": "interrupted"})
    (entry,) = history(stage, Wanted(), limit=5).entries
    assert outcome(entry) == ("1 moved, interrupted", "yellow")
    assert not resumable_elsewhere(entry), "its journal is here"
    audit.begin(stage, "20261126-run", "redrive", "open_ticket-dlq", {})
    (entry,) = history(stage, Wanted(), limit=5).entries
    assert entry.state == "died"


def test_what_is_no_record_is_passed_over(stage: Stage, aws: Endpoint) -> None:
    good = record(aws, 1)
    record(aws, 2, started_at="yesterday")
    record(aws, 3, asked="{")
    record(aws, 4, who=7)
    record(aws, 5, ended_at="late")
    record(aws, 6, id="with a space")
    assert ids(stage) == [good]


def test_a_person_is_named_in_short() -> None:
    assert short("arn:aws:sts::1:assumed-role/headrace-prod-operator/ada@example.com") == "ada@example.com"
    assert short("arn:aws:iam::1:root") == "arn:aws:iam::1:root"
    assert short("grace") == "grace"


@pytest.mark.parametrize(
    ("action", "result", "told"),
    [
        ("replay", {"state": "COMPLETED"}, ("completed", "green")),
        ("replay", {"state": "FAILED"}, ("failed", "yellow")),
        ("replay", {"state": "CANCELLED"}, ("cancelled", "yellow")),
        ("send", {"status": 202, "correlation_id": "c-1"}, ("answered 202", "green")),
        ("send", {"status": 403, "correlation_id": "c-1"}, ("answered 403", "yellow")),
        ("send", {"stopped": "no answer"}, ("no answer", "yellow")),
    ],
)
def test_what_became_of_a_replay_and_of_what_was_sent_is_told(
    stage: Stage, action: audit.Action, result: dict[str, Any], told: tuple[str, str]
) -> None:
    audit.end(stage, audit.begin(stage, "20261126-other", action, "open_ticket", {}), result)
    (entry,) = history(stage, Wanted(), limit=5).entries
    assert outcome(entry) == told


def written(number: int, minutes: int, **said: Any) -> bytes:
    """A line of this machine's file: of the record with that number, which began so many minutes ago."""
    at = (NOW - timedelta(minutes=minutes)).isoformat(timespec="seconds")
    told = {
        "id": f"20261126-{number:06}-abcd",
        "action": "drop",
        "queue": "open_ticket-dlq",
        "who": "arn:aws:sts::123456789012:assumed-role/headrace-prod-operator/ada@example.com",
        "host": "here",
        "started_at": at,
        "asked": {"selection": {"cause": "Reject: unknown agent a-9"}, "note": "x" * 900},
    }
    return json.dumps({**told, **said}).encode() + b"\n"


def test_records_of_years_of_this_machine_are_not_in_memory_for_a_page(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.history.MOST", 100)
    history(stage, Wanted(), limit=1)  # clients are made once
    path = stage.open_files() / audit.FILE
    path.write_bytes(b"".join(written(number, 9_000 - number) for number in range(2_000)))
    path.chmod(0o600)
    for there, wanted in ((stage, Wanted()), (replace(stage, staged=False), Wanted(who="nobody"))):
        tracemalloc.start()
        try:
            found = history(there, wanted, limit=50)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (len(found.entries), found.looked) == ((50, 50) if wanted.who is None else (0, 100))
        assert found.more is not None
        assert most < path.stat().st_size / 2, "all of them, read, are three times as much as the file"


SIZES = st.sampled_from((1, 7, 64, 300, 64 * 1024))
LINES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.sampled_from(("begun", "ended", "cut", "no record"))),
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=LINES, size=st.integers(1, 7), most=st.integers(1, 9), who=st.sampled_from((None, "odd")), block=SIZES)
def test_pages_of_this_machines_file_are_each_record_once_as_it_was_written_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lines: Any, size: int, most: int, who: str | None, block: int
) -> None:
    """Whatever order lines are in: a clock went back, a run was resumed, the disk was full."""
    monkeypatch.setattr("ops.history.MOST", most)
    monkeypatch.setattr("ops.private_file.BLOCK", block)
    content, expected = b"", dict[str, tuple[str, str | None]]()
    for number, minutes, kind in lines:
        name = "odd" if number % 2 else "even"
        line = written(number, minutes, who=name, ended_at=NOW.isoformat() if kind == "ended" else None)
        if kind in ("cut", "no record"):
            content += line[:90] + b"\n" if kind == "cut" else line.replace(b'"host"', b'"hast"')
            continue
        content += line
        told = json.loads(line)
        expected[told["id"]] = (told["started_at"], told["ended_at"])
    path = stage.open_files() / audit.FILE
    path.write_bytes(content)
    path.chmod(0o600)
    pages: list[Any] = []
    before: str | None = None
    while True:
        found = history(replace(stage, staged=False), Wanted(who=who, before=before), limit=size)
        pages += found.entries
        if (before := found.more) is None:
            break
        assert len(found.entries) == size or found.looked == most
    meant = {id_: at for id_, at in expected.items() if who is None or int(id_[9:15]) % 2}
    in_order = sorted(meant, key=lambda id_: (meant[id_][0], id_), reverse=True)
    assert [each.id for each in pages] == in_order
    assert all((each.started_at, each.ended_at) == meant[each.id] for each in pages)


def test_one_of_this_machine_that_the_table_knows_otherwise_is_told_once_as_it_was_last(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.history.MOST", 1)
    at = NOW - timedelta(minutes=5)
    id_ = record(aws, 5, id="20261126-000003-abcd", ended_at=None, result="{}")
    path = stage.open_files() / audit.FILE
    begun = [written(3, 1), written(1, 2), written(2, 3)]
    path.write_bytes(b"".join(begun))
    path.chmod(0o600)
    (first,) = history(stage, Wanted(), limit=1).entries
    assert (first.id, first.started_at) == (id_, (NOW - timedelta(minutes=1)).isoformat())
    before = f"{(at + timedelta(minutes=1)).isoformat()} {id_}"
    assert history(stage, Wanted(before=before), limit=1).entries == [], "it was told on the page before"
    path.write_bytes(b"".join([written(3, 9), *begun[1:]]))
    (theirs,) = history(stage, Wanted(before=before), limit=1).entries
    assert (theirs.started_at, theirs.here) == (at.isoformat(), True)
