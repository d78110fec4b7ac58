"""What was done with a schedule, in a sentence: the same wherever a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from ops.schedules.change import Changed


def told(done: Changed) -> Iterator[str]:
    """What was done, or that there was nothing to do."""
    name, count = done.schedule, len(done.sent)
    match done.action:
        case "pause" if done.changed:
            yield f"{name} is paused: it runs again after `resume`, or once a deployment changes it."
        case "pause":
            yield f"{name} was paused already."
        case "resume" if done.changed:
            runs = f" {count} missed {'run was' if count == 1 else 'runs were'} sent." if count else ""
            yield f"{name} runs again.{runs}"
        case "resume":
            yield f"{name} was not paused."
        case "run":
            key = f"{name}@{done.sent[0]}"
            yield f"The run {key} was sent as {done.message_id}: `trace {key}` tells of it."
        case _ if "/" in name:
            yield f"{name} is being cancelled: in a moment nothing of it waits, but for what has begun."
        case _:
            yield f"{name} is cancelled."
