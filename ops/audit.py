"""Who moved or deleted which messages, and when: one record an action, in the stage's table and on this machine.

It is written before the action and again after it, so that one that was killed leaves its trace too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops import private_file
from ops.dead_letters.redaction import Redaction
from ops.errors import OpsError
from ops.item import typed
from ops.person import login
from ops.stage import Stage
from stacks import names

FILE = "audit.jsonl"
Action = Literal[
    "redrive",
    "native redrive",
    "drop",
    "import",
    "replay",
    "send",
    "show secrets",
    "pause",
    "resume",
    "run",
    "cancel",
    "open a group",
    "skip the head of a group",
]
"""What is recorded. The history asks the table for each of these, so another would not be found."""
NOTHING: tuple[Any, ...] = (None, (), [])


class Audit(Struct, kw_only=True, omit_defaults=True):
    """What a person did. `asked` are the options, without the secrets in them, `result` the counts."""

    id: str
    action: str
    queue: str
    who: str
    host: str
    started_at: str
    asked: dict[str, Any] = {}
    ended_at: str | None = None
    result: dict[str, Any] = {}


def begin(stage: Stage, id_: str, action: Action, queue: str, asked: dict[str, Any]) -> Audit:
    """The record of an action that begins now, written. Raises `OpsError` where this machine cannot keep it."""
    record = Audit(
        id=id_,
        action=action,
        queue=queue,
        who=_who(stage),
        host=socket.gethostname(),
        started_at=_now(),
        asked=Redaction(stage.topology).asked({name: value for name, value in asked.items() if value not in NOTHING}),
    )
    _write(stage, record)
    return record


def end(stage: Stage, record: Audit, result: dict[str, Any]) -> str | None:
    """Writes how it ended; why the stage's table did not take it, if so."""
    record.ended_at, record.result = _now(), result
    try:
        return _write(stage, record)
    except OpsError as error:
        return f"How it ended is not recorded: {error}"


def latest(stage: Stage, ids: set[str]) -> Iterator[Audit]:
    """What was done from this machine, each record once, as it was written last; the one written last comes first.

    One is in memory at a time, and the `ids` of all, which go into the set that is given. Raises `OpsError` where its
    file is somebody else's.
    """
    for line in _lines(stage, private_file.lines_backwards):
        if (record := _read(line)) is not None and record.id not in ids:
            ids.add(record.id)
            yield record


def kept(stage: Stage) -> list[Audit]:
    """What was done from this machine, the latest first. Raises `OpsError` where its file is somebody else's."""
    return sorted(latest(stage, set()), key=lambda each: each.started_at, reverse=True)


def of(stage: Stage, id_: str) -> Audit | None:
    """The record of that id, if it was made on this machine. Raises `OpsError` where its file is somebody else's.

    Others are not read for it: a page that lives asks every other second, and there may be many.
    """
    written = msgspec.json.encode(id_)
    found = None
    for line in _lines(stage, private_file.lines):
        if written in line and (record := _read(line)) is not None and record.id == id_:
            found = record
    return found


def _lines(stage: Stage, read: Callable[[Path], Iterator[bytes]]) -> Iterator[bytes]:
    path = stage.files / FILE
    try:
        yield from read(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OpsError(f"{path} cannot be read: {error.strerror}.") from None


def _read(line: bytes) -> Audit | None:
    try:
        return msgspec.json.decode(line, type=Audit)
    except msgspec.MsgspecError:
        return None  # the disk was full while it was written


def _write(stage: Stage, record: Audit) -> str | None:
    """The file first: an action must not fail, and not go unrecorded, because a table is missing."""
    path = stage.open_files() / FILE
    file = private_file.append(path)
    try:
        private_file.write(file, msgspec.json.encode(record) + b"\n")
    except OSError as error:
        raise OpsError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        os.close(file)
    table = stage.table(names.REDRIVES)
    if table is None:
        return None
    told = msgspec.structs.asdict(record) | {
        name: msgspec.json.encode(getattr(record, name)).decode() for name in ("asked", "result")
    }
    item = typed({name: value for name, value in told.items() if value is not None})
    try:
        stage.client("dynamodb").put_item(TableName=table, Item=item)
    except (ClientError, BotoCoreError) as error:
        return f"The audit record is in {path} only: {error}"
    return None


def _who(stage: Stage) -> str:
    if stage.name == names.LOCAL:
        return login()
    try:
        return str(stage.client("sts").get_caller_identity()["Arn"])
    except (ClientError, BotoCoreError):
        return login()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
