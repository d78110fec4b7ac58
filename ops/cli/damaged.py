"""Journals that cannot be read, which stand in nobody's way and must not go unsaid."""

from __future__ import annotations

from pathlib import Path

from ops.cli.screen import tell_aside
from ops.redrive.unfinished import damaged


def tell_damaged(home: Path, place: str | None = None) -> None:
    """Names the journals below that folder that are damaged, of one stage or account or of all.

    Raises `OpsError` where they are somebody else's.
    """
    redrives, imports = damaged(home, place)
    for path in redrives:
        tell_aside(
            f"{path} is no journal of a redrive and was passed over: if it was one, what it sent and did not delete is "
            "sent again by the next redrive. Move it away."
        )
    for path in imports:
        tell_aside(f"{path} is no journal of an import and was passed over: an import of it begins anew. Move it away.")
