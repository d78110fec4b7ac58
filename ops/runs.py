"""The redrives of a stage on this machine: their names, and their journals."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from ops.errors import UsageError
from ops.journal import Journal
from ops.stage import Stage


def new_run() -> str:
    """A name for a redrive, which sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def path(stage: Stage, run: str) -> Path:
    """The journal of that redrive."""
    return stage.files / f"{run}.journal"


def unfinished(stage: Stage) -> list[Journal]:
    """The journals of redrives that did not end, the oldest first."""
    journals = [Journal.read(found) for found in sorted(stage.files.glob("*.journal"))]
    return [journal for journal in journals if journal.ended is None]


def journal(stage: Stage, run: str) -> Journal:
    """The journal of an unfinished redrive. Raises `UsageError` with the names of those there are."""
    known = {found.path.stem: found for found in unfinished(stage)}
    if run not in known:
        names = ", ".join(known) or "none"
        raise UsageError(f"There is no unfinished redrive {run!r}; there is: {names}.")
    return known[run]


def pending(stage: Stage, url: str) -> set[str]:
    """Ids of messages of that queue that an unfinished redrive sent and did not delete."""
    return {id_ for found in unfinished(stage) if found.asked.get("url") == url for id_ in found.pending}
