"""What to do about one consumer: whether to ask it, to pause it or to let it go on, and which messages stay."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from functions.contracts.pause import Condition, Trouble

ENABLED, DISABLED = "Enabled", "Disabled"
"""The two states in which an event source mapping can be switched; in any other it is on its way to one of them."""
LATE = 150
"""Seconds after which a switch has come through, or never will, and Lambda shows it: a call that nobody answered may
still be done a minute later, and `ListEventSourceMappings` says what was true some seconds ago."""


class Decision(Struct, frozen=True):
    """`switch` is what becomes of the mapping: on, off, or None to leave it. `kept` are the messages' places.

    Off needs a message of its own that holds the consumer, whatever held it before.
    """

    switch: bool | None = None
    kept: tuple[int, ...] = ()


def asks(state: str, troubles: Sequence[Trouble]) -> bool:
    """Whether the consumer must be asked before anything can be decided.

    Not while its mapping is being switched: then everything waits. Not where a person decided, either, who disabled
    the mapping that we did not pause, or enabled the one that we did.
    """
    return (state == ENABLED and _news(troubles)) or (state == DISABLED and _holder(troubles) is not None)


def decide(state: str, troubles: Sequence[Trouble], ages: Sequence[float], condition: Condition | None) -> Decision:
    """What follows for the messages of one consumer, in their order; `ages` are the seconds since each was sent.

    `condition` is None if the consumer did not answer. Who does not answer is not paused: a function that is throttled
    or crashes is no service that is away, Lambda's own alarms tell of it, and its messages are better dead than never
    attempted. Who is paused and does not answer stays paused, where no message dies.

    What holds a consumer stays until the mapping is seen enabled when no switch of ours can come through any more:
    dropped earlier, it leaves a mapping off that nobody enables.
    """
    if state not in (ENABLED, DISABLED):
        return Decision(kept=tuple(range(len(troubles))))
    holder = _holder(troubles)
    held = () if holder is None else (holder,)
    if state == DISABLED:
        well = condition is not None and not condition.away
        return Decision(switch=True if held and well else None, kept=held)
    if condition is not None and condition.away and _news(troubles):
        return Decision(switch=False)
    return Decision(kept=tuple(place for place in held if ages[place] < LATE))


def _holder(troubles: Sequence[Trouble]) -> int | None:
    """The place of the message that holds the consumer, the last if there are several; None if we did not pause it."""
    return max((place for place, trouble in enumerate(troubles) if trouble.paused), default=None)


def _news(troubles: Sequence[Trouble]) -> bool:
    """Whether something is said to which pausing was not the answer yet.

    That is what stands before the message that holds the consumer, which is sent before the switch: the switch was not
    heard, or its worker died. What stands behind it says the same again.
    """
    holder = _holder(troubles)
    return any(not trouble.paused for trouble in troubles[:holder])
