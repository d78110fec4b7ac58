"""What all people did with messages, the latest first: what the stage's table took from every machine, and this one.

The table is asked by its index, one query an action, the newest first: what an answer costs depends on how much it
shows, and not on how many years it has kept. Leases, which the table has as well, are not in the index.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import merge, nlargest
from itertools import groupby
from typing import Any, Literal, get_args

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops import audit, lease
from ops.audit import Action, Audit
from ops.errors import OpsError, UsageError
from ops.item import plain, typed
from ops.pool import Pool
from ops.queue import find
from ops.stage import Stage, in_words
from stacks import names

State = Literal["running", "ended", "died", "unknown"]
ACTIONS: tuple[str, ...] = get_args(Action)
LEASED = ("redrive", "native redrive", "drop", "import")
"""Actions during which their queue is leased, so that whether they run now can be known."""
RESUMED = ("redrive", "import")
"""Actions that go on from a journal, on the machine that has it."""
PAGE = 100
"""Records that one query answers."""
MOST = 5_000
"""Records that are looked through for one answer; `more` of it goes on from there."""
AT = re.compile(r"(?P<time>[0-9T:+-]{25}) (?P<id>[!-~]{1,200})")
MISSING = ("ResourceNotFoundException", "ValidationException")
"""How DynamoDB refuses a table or an index that is not there, or not filled yet."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which records: of that queue, by somebody with these words in their name or machine, not older, that action.

    `since` is how many seconds ago the oldest began. `before` is where an earlier answer ended, as its `more` says.
    Raises `UsageError` for an action that is none, or a place that is none.
    """

    queue: str | None = None
    who: str | None = None
    action: str | None = None
    since: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.action is not None and self.action not in ACTIONS:
            raise UsageError(f"{self.action!r} is no action: there is {', '.join(ACTIONS)}.")
        if self.before is not None and AT.fullmatch(self.before) is None:
            raise UsageError("The place to go on from is damaged: begin with the latest records.")

    @property
    def from_(self) -> str:
        """When the oldest began, as records have it."""
        at = time.time() - self.since if self.since is not None else 0
        return datetime.fromtimestamp(max(at, 0), UTC).isoformat(timespec="seconds")

    @property
    def to(self) -> tuple[str, str]:
        """The record before which those are that are wanted: when it began, and its id."""
        found = AT.fullmatch(self.before or "")
        return (found["time"], found["id"]) if found is not None else ("9999", "")

    def means(self, record: Audit) -> bool:
        """Whether that record is wanted, whenever it was."""
        who = f"{record.who} {record.host}".casefold()
        words = {record.queue, record.queue.removesuffix("-dlq").removesuffix("-undelivered")}
        return (
            (self.queue is None or self.queue in words)
            and (self.who is None or self.who.casefold() in who)
            and self.action in (None, record.action)
        )


class Entry(Audit, kw_only=True, omit_defaults=False):
    """One record, and what is known of it now. `here` says that it was done from this machine.

    `died` is one whose lease nobody renews although no end is recorded; of `unknown` no end is recorded either, and
    nobody can say.
    """

    state: State = "unknown"
    here: bool = False


class History(Struct, kw_only=True):
    """Records, the latest first. `more` is where older ones begin, `looked` how many records were looked through.

    `problem` says why only what was done from this machine is among them.
    """

    entries: list[Entry]
    more: str | None = None
    looked: int = 0
    problem: str | None = None


def history(stage: Stage, wanted: Wanted, *, limit: int) -> History:
    """What was done, as far as `limit` and `MOST` let it be told.

    Raises `OpsError` where this machine's file is somebody else's.
    """
    own = _Own(stage, wanted)
    problem, chosen = None, None
    if stage.table(names.REDRIVES) is not None:
        try:
            chosen = _chosen(own, _asked(stage, wanted), wanted, limit)
        except (ClientError, BotoCoreError) as error:
            problem = _reason(stage, error)
    records, looked, more = chosen or _chosen(own, [], wanted, limit)
    return History(entries=_told(stage, records, own.ids), more=more, looked=looked, problem=problem)


def one(stage: Stage, id_: str) -> tuple[Entry | None, str | None]:
    """The record of that id, of whatever machine, and why others' are not known, if so.

    Raises `OpsError` where this machine's file is somebody else's.
    """
    mine = audit.of(stage, id_)
    own = {id_} if mine is not None else set[str]()
    problem = None
    try:
        theirs = _get(stage, id_)
    except (ClientError, BotoCoreError) as error:
        theirs, problem = None, _reason(stage, error)
    found = _latest([each for each in (theirs, mine) if each is not None])
    return (_told(stage, [found], own)[0] if found is not None else None), problem


def short(who: str) -> str:
    """A person's name in short: of an ARN what is behind its last slash, such as the name of a role's session."""
    return who.rpartition("/")[2] or who if who.startswith("arn:") else who


def outcome(entry: Entry) -> tuple[str, str]:
    """What became of it, in words, and its tone."""
    counts = [f"{entry.result[name]:,} {words}" for name, words in COUNTS if isinstance(entry.result.get(name), int)]
    stopped = entry.result.get("stopped")
    said = ", ".join([*counts, *([str(stopped)] if stopped else [])])
    match entry.state:
        case "running":
            return "runs now", "cyan"
        case "died":
            return "died: no end is recorded", "red"
        case "unknown":
            return "no end is recorded", "yellow"
    if entry.result.get("came_back"):
        return said, "red"
    if not said and entry.action == "replay":
        state = str(entry.result.get("state", "unknown"))
        return state.lower(), "green" if state == "COMPLETED" else "yellow"
    if not said and entry.action == "send":
        status = str(entry.result.get("status", ""))
        return f"answered {status}", "green" if status.startswith(("2", "3")) else "yellow"
    nothing = "nothing moved" if entry.action.endswith("redrive") else "done"
    return said or nothing, "yellow" if stopped else "green"


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked, or what came of it, a line a value; of a group, as a selection is one, each by its own name."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += facts(value)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.append((name.replace("_", " "), text))
    return found


def resumable_elsewhere(entry: Entry) -> bool:
    """Whether it goes on from a journal that only another machine has."""
    cut = entry.state == "died" or (entry.state == "ended" and bool(entry.result.get("stopped")))
    return cut and not entry.here and entry.action in RESUMED


COUNTS = (
    *(("moved", "moved"), ("came_back", "came back"), ("deleted", "deleted"), ("sent", "sent")),
    *(("lost", "lost"), ("shown", "shown"), ("undeleted", "not deleted yet")),
)
"""Counts of results that are told in a line, and their words."""


class _Own:
    """What was done from this machine: the ids of all records, and of the records as many as one answer can have."""

    def __init__(self, stage: Stage, wanted: Wanted) -> None:
        self._stage = stage
        self.ids: set[str] = set()
        self.latest = nlargest(MOST + 1, self._within(wanted.from_, wanted.to), key=_place)
        """Those that began when it is wanted, the latest first: one more than is looked through, to say `more`."""
        self._known = {record.id: record for record in self.latest}

    def of(self, id_: str) -> Audit | None:
        """The record of that id, if it was done from this machine."""
        if id_ not in self.ids:
            return None
        return self._known.get(id_) or audit.of(self._stage, id_)

    def _within(self, from_: str, to: tuple[str, str]) -> Iterator[Audit]:
        for record in audit.latest(self._stage, self.ids):
            if record.started_at >= from_ and _place(record) < to:
                yield record


def _asked(stage: Stage, wanted: Wanted) -> list[Iterator[Audit]]:
    """What the table has, an iterator an action, the newest first. The first query of each is asked at once."""
    actions = [wanted.action] if wanted.action is not None else list(ACTIONS)
    with Pool(len(actions)) as pool:
        firsts = list(pool.map(lambda action: _query(stage, wanted, action, None), actions))
    return [_ordered(stage, wanted, action, first) for action, first in zip(actions, firsts, strict=True)]


def _query(stage: Stage, wanted: Wanted, action: str, start: Any) -> Any:
    return stage.client("dynamodb").query(
        TableName=stage.table(names.REDRIVES),
        IndexName=names.BY_ACTION,
        KeyConditionExpression="#action = :action AND started_at BETWEEN :from AND :to",
        ExpressionAttributeNames={"#action": "action"},
        ExpressionAttributeValues=typed({":action": action, ":from": wanted.from_, ":to": wanted.to[0]}),
        ScanIndexForward=False,
        Limit=PAGE,
        **({"ExclusiveStartKey": start} if start else {}),
    )


def _ordered(stage: Stage, wanted: Wanted, action: str, answer: Any) -> Iterator[Audit]:
    def every() -> Iterator[Audit]:
        page = answer
        while True:
            yield from (record for item in page["Items"] if (record := _read(item)) is not None)
            if not page.get("LastEvaluatedKey"):
                return
            page = _query(stage, wanted, action, page["LastEvaluatedKey"])

    # The index orders by time only.
    for _, same in groupby(every(), key=lambda record: record.started_at):
        yield from sorted(same, key=_place, reverse=True)


def _chosen(
    own: _Own, theirs: Sequence[Iterable[Audit]], wanted: Wanted, limit: int
) -> tuple[list[Audit], int, str | None]:
    """The records that are wanted, how many were looked through, and where older ones begin."""
    seen: set[str] = set()
    found: list[Audit] = []
    last: Audit | None = None
    for record in merge(*theirs, own.latest, key=_place, reverse=True):
        if _place(record) >= wanted.to:
            continue
        if last is not None and (len(found) >= limit or len(seen) >= MOST) and record.id not in seen:
            return found, len(seen), " ".join(_place(last))
        last = record
        if record.id in seen:
            continue
        seen.add(record.id)
        mine = own.of(record.id)
        newest = _latest([record, *([mine] if mine is not None else [])])
        if newest is not None and _place(newest) < wanted.to and wanted.means(newest):
            found.append(newest)
    return found, len(seen), None


def _place(record: Audit) -> tuple[str, str]:
    return record.started_at, record.id


def _latest(records: list[Audit]) -> Audit | None:
    """Of one action what is known last: resumed, it began anew."""
    return max(records, key=lambda each: (each.started_at, each.ended_at or ""), default=None)


def _get(stage: Stage, id_: str) -> Audit | None:
    table = stage.table(names.REDRIVES)
    if table is None or id_.startswith("lease:"):
        return None
    return _read(stage.client("dynamodb").get_item(TableName=table, Key=typed({"id": id_})).get("Item", {}))


def _read(item: dict[str, Any]) -> Audit | None:
    """The record; None for what is none, or was written by a version that keeps another kind."""
    told = plain(item)
    try:
        for name in ("asked", "result"):
            told[name] = msgspec.json.decode(told.get(name) or "{}")
        record = msgspec.convert(told, Audit)
        datetime.fromisoformat(record.ended_at or record.started_at)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
    return record if AT.fullmatch(" ".join(_place(record))) else None


def _told(stage: Stage, records: list[Audit], own: set[str]) -> list[Entry]:
    holders: dict[str, str | None] = {}
    return [_entry(stage, record, own, holders) for record in records]


def _entry(stage: Stage, record: Audit, own: set[str], holders: dict[str, str | None]) -> Entry:
    state: State = "ended" if record.ended_at is not None else "unknown"
    if state == "unknown" and record.action in LEASED:
        if record.queue not in holders:
            holders[record.queue] = _holder(stage, record.queue)
        holder = holders[record.queue]
        state = "unknown" if holder is None else "running" if holder == record.id else "died"
        if state == "died":  # or it ended while its lease was looked for
            record = _again(stage, record)
            state = "ended" if record.ended_at is not None else "died"
    return Entry(**msgspec.structs.asdict(record), state=state, here=record.id in own)


def _again(stage: Stage, record: Audit) -> Audit:
    own = audit.of(stage, record.id)
    try:
        theirs = _get(stage, record.id)
    except (ClientError, BotoCoreError):
        theirs = None
    return _latest([each for each in (record, own, theirs) if each is not None]) or record


def _holder(stage: Stage, word: str) -> str | None:
    """The run that works on that queue; empty where nobody does, None where nobody can say."""
    try:
        running, problem = lease.seen(stage, find(stage, word))
    except OpsError:
        return None
    return None if problem is not None else running.holder.run if running is not None else ""


def _reason(stage: Stage, error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in MISSING:
        why = f"the table of redrives of {stage.told} has no index yet, or it is being filled: deploy the stage."
    else:
        try:
            with in_words():
                raise error
        except OpsError as told:
            why = str(told)
    return f"Only what was done from this machine is known: {why}"
