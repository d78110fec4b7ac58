"""Journals that cannot be read, which stand in nobody's way and must not go unsaid."""

from __future__ import annotations

from ops.cli.screen import tell_aside
from ops.dead_letters import imported
from ops.redrive import journal
from ops.stage import Stage


def tell_damaged(stage: Stage) -> None:
    """Names the journals on this machine that are damaged. Raises `OpsError` where they are somebody else's."""
    for path in journal.damaged(stage):
        tell_aside(
            f"{path} is no journal of a redrive and was passed over: if it was one, what it sent and did not delete is "
            "sent again by the next redrive. Move it away."
        )
    for path in imported.damaged(stage):
        tell_aside(f"{path} is no journal of an import and was passed over: an import of it begins anew. Move it away.")
