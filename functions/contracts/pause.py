"""What a consumer and `pause_consumer` tell each other while a service is away.

The consumer that met the trouble says so on the queue of `pause_consumer`, in the group of its own name. That function
asks the consumer to probe its services by invoking it with `{"probe": …}` instead of `{"Records": …}`, pauses the
consumer's event source mapping while they are away, and lets it go on once they are back.
"""

from __future__ import annotations

from msgspec import Struct

PAUSE_CONSUMER = "pause_consumer"
"""The function, and its queue."""


class Unfinished(Struct, frozen=True, kw_only=True):
    """An effect behind `once()` that was had while its record could not be completed: what the record is made of."""

    name: str
    key: str
    content: str


class Trouble(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message to `pause_consumer`: `function`, its word in the map, met a service that is away; `reason` says how.

    `unfinished` is handed back to the function with the next probe. `paused` is said by `pause_consumer` to itself: it
    paused the function, and lets it go on. The queue is its only memory, so that it needs no service that may be away.
    """

    function: str
    reason: str
    unfinished: tuple[Unfinished, ...] = ()
    paused: bool = False


class Probe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a consumer is asked: to complete the `unfinished` records, and whether its services are there."""

    unfinished: tuple[Unfinished, ...] = ()


class Ask(Struct, frozen=True, kw_only=True):
    """The event with which a consumer is invoked to probe."""

    probe: Probe


class Condition(Struct, frozen=True, kw_only=True):
    """The consumer's answer: what is `away`, one sentence a service; empty if all is well."""

    away: tuple[str, ...] = ()
