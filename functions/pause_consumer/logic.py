"""What to do about one consumer: whether to ask it, to pause it or to let it go on, and which messages stay."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from functions.contracts.pause import Condition, Trouble

ENABLED, DISABLED = "Enabled", "Disabled"
"""The two states in which an event source mapping can be switched; in any other it is on its way to one of them."""


class Decision(Struct, frozen=True):
    """`switch` is what becomes of the mapping: on, off, or None to leave it. `kept` are the messages' places."""

    switch: bool | None = None
    kept: tuple[int, ...] = ()


def asks(state: str, troubles: Sequence[Trouble]) -> bool:
    """Whether the consumer must be asked before anything can be decided.

    Not while its mapping is being switched: then everything waits. Not where a person decided, either, who disabled
    the mapping that we did not pause, or enabled the one that we did, unless there is something to hand back.
    """
    return state in (ENABLED, DISABLED) and (
        _holds(troubles) == (state == DISABLED) or any(trouble.unfinished for trouble in troubles)
    )


def decide(state: str, troubles: Sequence[Trouble], condition: Condition | None) -> Decision:
    """What follows for the messages of one consumer, in their order; `condition` is None if it did not answer.

    A message with `unfinished` stays until a probe was fine, because the probe is what completes it; any other says
    what the next failure would say again. Who does not answer is not paused: a function that is throttled or crashes
    is no service that is away, Lambda's own alarms tell of it, and its messages are better dead than never attempted.
    Who is paused and does not answer stays paused, where no message dies.
    """
    if state not in (ENABLED, DISABLED):
        return Decision(kept=tuple(range(len(troubles))))
    holds = _holds(troubles)
    if condition is not None and not condition.away:
        return Decision(switch=True if holds and state == DISABLED else None)
    kept = {place for place, trouble in enumerate(troubles) if trouble.unfinished}
    if holds and state == DISABLED:
        kept.add(next(place for place, trouble in enumerate(troubles) if trouble.paused))
    pause = condition is not None and not holds and state == ENABLED
    return Decision(switch=False if pause else None, kept=tuple(sorted(kept)))


def _holds(troubles: Sequence[Trouble]) -> bool:
    """Whether it was us who paused the consumer."""
    return any(trouble.paused for trouble in troubles)
