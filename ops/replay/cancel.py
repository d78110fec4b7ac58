"""Cancelling a replay of the stage, on record: whoever cancels it may be another than who began it."""

from __future__ import annotations

from ops import audit
from ops.errors import OpsError
from ops.redrive.journal import new_run
from ops.replay import run, told
from ops.stage import Stage


def cancel(stage: Stage, name: str) -> str | None:
    """Stops a replay of the stage; what was replayed stays so. Why the stage's table did not take the record, if so.

    Raises `UsageError` where there is none of that name or it is over, `OpsError` where AWS refuses.
    """
    record = audit.begin(stage, new_run(), "cancel", _subscriber(stage, name), {"replay": name})
    try:
        run.cancel(stage, name)
    except OpsError as error:
        audit.end(stage, record, {"stopped": str(error)})
        raise
    return audit.end(stage, record, {"cancelled": True})


def _subscriber(stage: Stage, name: str) -> str:
    """Whom the replay is to; its name where that is not known, or not one alone."""
    try:
        asked = told.request(stage.topology, stage.name, run.one(stage, name))
    except OpsError:
        return name
    return asked.subscriber if asked is not None else name
