"""Stopping what works on a dead-letter queue: AWS's own redrive, and ours, here or on another machine."""

from __future__ import annotations

import time

from msgspec import Struct

from ops import audit
from ops.errors import OpsError, UsageError
from ops.lease import EVERY, ask_to_stop, seen
from ops.queue import Queue
from ops.redrive import native
from ops.redrive.journal import new_run
from ops.redrive.native import NoMoves
from ops.stage import Stage

WAIT = 15.0
"""Seconds for which it is waited that a run on this machine ends."""


class Stopped(Struct, kw_only=True):
    """What was stopped. `moved` is what AWS's own redrive had moved, `run` ours, `ended` whether that ended already.

    `told` says it in sentences, `problem` what could not be asked.
    """

    moved: int | None = None
    run: str | None = None
    ended: bool | None = None
    problem: str | None = None
    told: list[str] = []


def stop(stage: Stage, dead: Queue) -> Stopped:
    """Stops what works on that queue, and records who did: what was moved stays moved, and ours can be resumed.

    Raises `UsageError` where nothing does, `OpsError` where AWS refuses.
    """
    done = Stopped()
    at_it, problem = seen(stage, dead)
    try:
        done.moved = native.cancel(stage, dead)
        done.told.append(f"AWS's own redrive is stopping; about {done.moved:,} messages were moved.")
    except UsageError as error:
        if at_it is None and problem is None:
            raise UsageError(f"No redrive from {dead.word} is under way, ours or AWS's.") from None
        problem = problem or (None if at_it is not None else str(error))
    except OpsError as error:
        if at_it is None and problem is None and isinstance(error, NoMoves):
            raise UsageError(f"No redrive from {dead.word} is under way.") from None
        if at_it is None:
            raise
        problem = None if stage.endpoint is not None else f"AWS's own redrives: {error}"
    if at_it is not None:
        ask_to_stop(stage, dead, at_it)
        holder = at_it.holder
        done.run, done.ended = holder.run, at_it.here and _ended(stage, dead, holder.token)
        where = f"{holder.action} {holder.run}, by {holder.who} on {holder.host}, process {holder.process},"
        if done.ended:
            done.told.append(f"{where} was asked to stop, and has.")
        else:
            done.told.append(f"{where} was asked to stop: within {EVERY:.0f} s it begins nothing more.")
    done.problem = problem or _recorded(stage, dead, done)
    return done


def _recorded(stage: Stage, dead: Queue, done: Stopped) -> str | None:
    """Why it is on no record, if so: to stop is safe, and is not kept from happening by a disk that is full."""
    result = {"run": done.run, "moved_by_aws": done.moved}
    try:
        record = audit.begin(stage, new_run(), "cancel", dead.word, {"run": done.run})
        return audit.end(stage, record, {name: value for name, value in result.items() if value is not None})
    except OpsError as error:
        return f"It is on no record: {error}"


def _ended(stage: Stage, dead: Queue, token: str) -> bool:
    """Whether the holder of that token ends soon."""
    end = time.monotonic() + WAIT
    while (found := seen(stage, dead)[0]) is not None and found.holder.token == token:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
