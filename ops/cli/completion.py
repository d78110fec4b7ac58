"""What a shell completes, as typer asks for it."""

from __future__ import annotations

from collections.abc import Callable

import typer

from ops import words
from stacks.entry import Topology


def _of(asked: words.Words) -> Callable[[typer.Context, str], list[str]]:
    def completed(context: typer.Context, incomplete: str) -> list[str]:
        return [each for each in asked(context.find_object(Topology) or Topology()) if each.startswith(incomplete)]

    return completed


QUEUES, INTEGRATIONS, STAGES, CAUSES, SCHEDULES = map(
    _of, (words.queues, words.integrations, words.stages, words.causes, words.schedules)
)
ROUTES, LIMITED, EVENTS = map(_of, (words.routes, words.limited, words.events))
