"""Who works on a queue: one redrive, drop or import at a time, on this machine and on every other.

Two at a time would each hide from the other what it holds, count it as gone, and mix up the order of groups. On one
machine a lock file says who it is, and is free once its process is gone. Between machines an item of the stage's table
of redrives does, which must be renewed: of a machine that died it is free two minutes later. Where there is no such
table, as for somebody else's queue, the lock file is all.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

from __future__ import annotations

import fcntl
import getpass
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops import private_file
from ops.address import authority
from ops.errors import UsageError
from ops.item import plain, typed
from ops.queue import Queue
from ops.stage import Stage
from stacks import names

LASTS = 120
"""Seconds after the last renewal at which it is free; clocks of two machines may differ by much less."""
EVERY = 30.0
"""Seconds between renewals."""


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


class Lease:
    """The right to work on a queue, as long as it is renewed."""

    def __init__(self, stage: Stage, queue: Queue, holder: Holder, before: Holder | None) -> None:
        self._client = stage.client("dynamodb")
        self._table = stage.table(names.REDRIVES)
        self._queue = queue
        self._holder = holder
        self._tokens = (holder.token, before.token if before is not None else holder.token)
        self._over = threading.Event()
        self._lose: Callable[[], None] = lambda: None
        self.lost = False
        """Whether another took it, because it was not renewed in time."""

    def on_loss(self, lose: Callable[[], None]) -> None:
        """Calls `lose`, from another thread, when another took it."""
        self._lose = lose
        if self.lost:
            lose()

    def take(self) -> bool:
        """Takes it; False where there is no table to take it in. Raises `UsageError` where another has it."""
        if self._table is None:
            return False
        try:
            if self._put(LASTS):
                return True
            found = self._client.get_item(
                TableName=self._table, Key=typed({"id": self._holder.id}), ConsistentRead=True
            )
            other = msgspec.convert(plain(found["Item"]), Holder)
        except (ClientError, BotoCoreError, KeyError, msgspec.ValidationError):
            return False
        free = datetime.fromtimestamp(other.free_at, UTC)
        raise UsageError(
            f"{other.busy(self._queue)}: wait for it; if it died, the queue is free at {free:%H:%M:%S} UTC."
        )

    def renew(self) -> None:
        """Renews it until `end`."""
        while not self._over.wait(EVERY):
            try:
                kept = self._put(LASTS)
            except (ClientError, BotoCoreError):
                continue  # it lasts for some renewals more
            if not kept:
                self.lost = True
                self._lose()
                return

    def end(self) -> None:
        """Gives it up."""
        self._over.set()
        if not self.lost:
            try:
                self._put(0)
            except (ClientError, BotoCoreError):
                return  # it is free soon

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
def held(stage: Stage, queue: Queue, action: str, run: str) -> Iterator[Lease]:
    """The right to work on that queue, for as long as the body runs.

    Raises `UsageError` where another has it: who, since when, and what to do. Raises `OpsError` where the lock file
    cannot be written.
    """
    place = (queue.region or stage.region, queue.account, queue.name)
    holder = Holder(
        id=f"lease:{':'.join(place)}",
        action=action,
        run=run,
        who=getpass.getuser(),
        host=socket.gethostname(),
        process=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        token=secrets.token_hex(8),
    )
    at = () if stage.on_aws else (authority(stage.reached).replace(":", "-"),)
    path = stage.open_locks() / f"{'-'.join((*at, *place))}.lock"
    file = private_file.append(path)
    try:
        before = _read(path.read_bytes())
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            by = before.busy(queue) if before is not None else f"Another process works on {queue.word}"
            raise UsageError(f"{by}: wait for it, or end it with Ctrl-C.") from None
        before = _read(path.read_bytes())
        os.ftruncate(file, 0)
        private_file.write(file, msgspec.json.encode(holder))
        lease = Lease(stage, queue, holder, before)
        try:
            shared = lease.take()
        except UsageError:
            os.ftruncate(file, 0)  # whoever died here before is not who has it now
            raise
        renewal = threading.Thread(target=lease.renew, daemon=True)
        if shared:
            renewal.start()
        try:
            yield lease
        finally:
            if shared:
                lease.end()
    finally:
        os.close(file)


def _read(text: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(text, type=Holder)
    except msgspec.MsgspecError:
        return None
