"""Who works on a queue: one redrive, drop or import at a time, on this machine and on every other.

Two at a time would each hide from the other what it holds, count it as gone, and mix up the order of groups. On one
machine a lock file says who it is, one for all that a person runs there, and is free once its process is gone. Between
machines an item of the stage's table of redrives does, which must be renewed: of a machine that died it is free two
minutes later. Where there is no such
table, as for somebody else's queue, the lock file is all; where there is one that cannot be asked, nothing is begun
unless the person says that nobody else works on the queue. Who works on a queue can be seen, and asked to stop: by a
file beside the lock on this machine, by an item beside the lease on another.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops import private_file
from ops.address import authority
from ops.errors import OpsError, UsageError
from ops.item import plain, typed
from ops.person import login
from ops.queue import Queue
from ops.sqs.clock import since_boot
from ops.stage import Stage, in_words
from stacks import names

T = TypeVar("T")
LASTS = 120
"""Seconds after the last renewal at which it is free; clocks of two machines may differ by much less."""
EVERY = 30.0
"""Seconds between renewals."""
LOOK = 0.5
"""Seconds between two looks for a file that asks to stop."""


class Holder(Struct, frozen=True, kw_only=True):
    """Who works on a queue. `token` is this process's own, `free_at` in seconds since 1970."""

    id: str
    action: str
    run: str
    who: str
    host: str
    process: int
    since: str
    token: str
    free_at: int = 0

    def busy(self, queue: Queue) -> str:
        """That the queue is taken, in words."""
        since = self.since.replace("T", " ").removesuffix("+00:00")
        return (
            f"{self.action} {self.run} of {queue.word} runs since {since} UTC, by {self.who} on {self.host}, "
            f"process {self.process}"
        )


class Running(Struct, frozen=True):
    """Who works on a queue now, and whether on this machine."""

    holder: Holder
    here: bool


class _Ask(Struct, frozen=True):
    """That somebody wants the holder of that token to stop."""

    token: str
    who: str


class Lease:
    """The right to work on a queue, as long as it is renewed."""

    def __init__(self, stage: Stage, queue: Queue, holder: Holder, before: Holder | None, lock: Path) -> None:
        self._table = stage.table(names.REDRIVES)
        self._client: Any = stage.client("dynamodb") if self._table is not None else None
        self._queue = queue
        self._holder = holder
        self._tokens = (holder.token, before.token if before is not None else holder.token)
        self._over = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._stop_file = lock.with_suffix(".stop")
        self._shared = False
        self.lost = False
        """Whether another took it, because it was not renewed in time."""
        self.asked_by: str | None = None
        """Who asked for the work to stop."""

    @property
    def ends(self) -> bool:
        """Whether the work must end: another took the queue, or somebody asked."""
        return self.lost or self.asked_by is not None

    @property
    def why(self) -> str | None:
        """Why the work had to end before its time, in words; None where it had not to."""
        if self.asked_by is not None:
            return f"Stopped by `cancel`, from {self.asked_by}."
        return "It was not heard of for too long, as of a machine asleep, and another took over." if self.lost else None

    def on_loss(self, stop: Callable[[], None]) -> None:
        """Calls `stop`, from another thread, when another took it or somebody asks for the work to stop."""
        self._stop = stop
        if self.ends:
            stop()

    def take(self, *, alone: bool = False) -> None:
        """Takes it, if there is a table to take it in.

        Raises `UsageError` where another has it, `OpsError` where the stage's table cannot be asked, unless `alone`.
        """
        if self._table is None:
            return
        try:
            self._shared = True
            if self._put(LASTS):
                return
            other = self.read()
        except (ClientError, BotoCoreError) as error:
            # Somebody else's queue may be reached by credentials that know no table of ours.
            ours = self._queue.kind != "other"
            self._shared = ours and not _absent(error)
            if self._shared and not alone:
                raise OpsError(
                    f"Whether somebody works on {self._queue.word} cannot be asked: {_reason(error)} If you are sure "
                    "that nobody else does, say --alone."
                ) from None
            return
        if other is None:
            raise OpsError(f"Who works on {self._queue.word} cannot be read in {self._table}, item {self._holder.id}.")
        free = datetime.fromtimestamp(other.free_at, UTC)
        raise UsageError(
            f"{other.busy(self._queue)}: wait for it, or ask it to stop with `cancel`; if it died, the queue is free "
            f"at {free:%H:%M:%S} UTC."
        )

    def read(self) -> Holder | None:
        """Who has it in the table, if there is one. Raises as botocore does."""
        return self._item(self._holder.id, Holder) if self._table is not None else None

    def keep(self) -> None:
        """Renews it, and looks whether somebody asks for the work to stop, until `end`; at once after a sleep."""
        renewed = since_boot()
        while not self._over.wait(min(LOOK, EVERY)):
            self._look(_asked_in(self._stop_file))
            if not self._shared or since_boot() - renewed < EVERY:
                continue
            renewed = since_boot()
            try:
                kept = self._put(LASTS)
                if kept:
                    self._look(self._item(f"{self._holder.id}:stop", _Ask))
            except (ClientError, BotoCoreError):
                continue  # it lasts for some renewals more
            if not kept:
                self.lost = True
                self._stop()
                return

    def end(self) -> None:
        """Gives it up."""
        self._over.set()
        self._stop_file.unlink(missing_ok=True)
        if self._shared and not self.lost:
            try:
                self._put(0)
            except (ClientError, BotoCoreError):
                return  # it is free soon

    def ask(self, ask: _Ask) -> None:
        """Asks the holder to stop, if it still is that one, and nobody asked another meanwhile. Raises as botocore."""
        # In this order: who asked the next one before the first read shows by the second, and who did after it fails
        # the condition.
        before, holder = self._item(f"{self._holder.id}:stop", _Ask), self.read()
        if holder is None or holder.token != ask.token:
            return
        try:
            self._client.put_item(
                TableName=self._table,
                Item=typed({"id": f"{self._holder.id}:stop"} | msgspec.structs.asdict(ask)),
                ConditionExpression="attribute_not_exists(id) OR #token = :before OR #token = :own",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=typed({":before": (before or ask).token, ":own": ask.token}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def _look(self, ask: _Ask | None) -> None:
        if ask is not None and ask.token == self._holder.token and self.asked_by is None:
            self.asked_by = ask.who
            self._stop()

    def _item(self, id_: str, type_: type[T]) -> T | None:
        found = self._client.get_item(TableName=self._table, Key=typed({"id": id_}), ConsistentRead=True)
        try:
            return msgspec.convert(plain(found["Item"]), type_)
        except (KeyError, msgspec.ValidationError):
            return None

    def _put(self, lasts: int) -> bool:
        """Writes it, if it is free or this process's, or was that of one that is gone; False where it is another's."""
        now = int(time.time())
        item = msgspec.structs.asdict(self._holder) | {"free_at": now + lasts if lasts else 0}
        own, before = self._tokens
        try:
            self._client.put_item(
                TableName=self._table,
                Item=typed(item),
                ConditionExpression="attribute_not_exists(id) OR free_at < :now OR #token = :own OR #token = :before",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=typed({":now": now, ":own": own, ":before": before}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


@contextmanager
def held(stage: Stage, queue: Queue, action: str, run: str, *, alone: bool = False) -> Iterator[Lease]:
    """The right to work on that queue, for as long as the body runs.

    Raises `UsageError` where another has it: who, since when, and what to do. Raises `OpsError` where the lock file
    cannot be written, or the stage's table of leases cannot be asked; the latter not with `alone`, which says that
    nobody on another machine works on the queue.
    """
    holder = _holder(queue, stage, action, run)
    path = _lock(stage, queue)
    file = private_file.append(path)
    try:
        before = _read(path)
        if not _locked(file):
            by = before.busy(queue) if before is not None else f"Another process works on {queue.word}"
            raise UsageError(f"{by}: wait for it, or end it: with Ctrl-C where it runs, or `cancel`.")
        before = _read(path)
        _name(path, file, holder)
        lease = Lease(stage, queue, holder, before, path)
        try:
            lease.take(alone=alone)
        except BaseException:
            # Whoever died here before may have the lease in the table still, which nobody need wait for.
            _name(path, file, before)
            raise
        threading.Thread(target=lease.keep, daemon=True).start()
        try:
            yield lease
        finally:
            lease.end()
    finally:
        os.close(file)


def running(stage: Stage, queue: Queue) -> Running | None:
    """Who works on that queue now, on this machine or on another. Raises `OpsError` where the table cannot be asked."""
    path = _lock(stage, queue)
    file = private_file.append(path)
    try:
        free = _locked(file)
        last = _read(path)
    finally:
        os.close(file)
    if not free:
        return Running(last, here=True) if last is not None else None
    try:
        other = Lease(stage, queue, _holder(queue, stage, "", ""), None, path).read()
    except (ClientError, BotoCoreError) as error:
        if _absent(error) or queue.kind == "other":
            return None
        raise OpsError(
            f"Whether somebody on another machine works on {queue.word} cannot be asked: {_reason(error)}"
        ) from None
    # What died here has the lease for two minutes more, and nobody else waits for it.
    if other is None or other.free_at < time.time() or (last is not None and other.token == last.token):
        return None
    return Running(other, here=False)


def seen(stage: Stage, queue: Queue) -> tuple[Running | None, str | None]:
    """Who works on that queue now, and why those on other machines are not known, if they are not."""
    try:
        return running(stage, queue), None
    except OpsError as error:
        return None, str(error)


def ask_to_stop(stage: Stage, queue: Queue, whom: Running) -> None:
    """Asks whoever works on that queue to stop after what is under way: within a second here, elsewhere within
    `EVERY`. Who ended meanwhile is not asked: another may be at it, and somebody may have asked that one.

    Raises `OpsError` where that cannot be written.
    """
    ask = _Ask(whom.holder.token, f"{login()} on {socket.gethostname()}")
    path = _lock(stage, queue)
    if not whom.here:
        with in_words():
            Lease(stage, queue, whom.holder, None, path).ask(ask)
        return
    if (now := _read(path)) is not None and now.token != ask.token:
        return
    file = path.with_suffix(".stop")
    try:
        private_file.replace(file, msgspec.json.encode(ask))
    except OSError as error:
        raise OpsError(f"{file} cannot be written: {error.strerror}.") from None


def _holder(queue: Queue, stage: Stage, action: str, run: str) -> Holder:
    return Holder(
        id=f"lease:{':'.join(_place(stage, queue))}",
        action=action,
        run=run,
        who=login(),
        host=socket.gethostname(),
        process=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        token=secrets.token_hex(8),
    )


def _place(stage: Stage, queue: Queue) -> tuple[str, str, str]:
    return queue.region or stage.region, queue.account, queue.name


def _lock(stage: Stage, queue: Queue) -> Path:
    at = () if stage.on_aws else (authority(stage.reached).replace(":", "-"),)
    return stage.open_locks() / f"{'-'.join((*at, *_place(stage, queue)))}.lock"


def _name(path: Path, file: int, holder: Holder | None) -> None:
    """Writes who has the lock, or had it last. Raises `OpsError` where it cannot, and it says what it said before."""
    try:
        private_file.rewrite(file, msgspec.json.encode(holder) if holder is not None else b"")
    except OSError as error:
        raise OpsError(f"{path} cannot be written: {error.strerror}.") from None


def _locked(file: int) -> bool:
    """Whether this process has the lock now: who only looks has it for a moment, so it is tried again."""
    for attempt in range(3):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt < 2:
                time.sleep(0.02)
        else:
            return True
    return False


def _read(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except msgspec.MsgspecError:
        return None


def _asked_in(path: Path) -> _Ask | None:
    try:
        return msgspec.json.decode(private_file.read(path), type=_Ask)
    except (OSError, OpsError, msgspec.MsgspecError):
        return None


def _absent(error: ClientError | BotoCoreError) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException"


def _reason(error: ClientError | BotoCoreError) -> str:
    try:
        with in_words():
            raise error
    except OpsError as told:
        return str(told)
