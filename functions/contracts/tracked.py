"""What became of a request: the item that its consumer writes, and what `GET /v1/requests/{correlation_id}` answers.

The item is the tenant's own: its key is the correlation id as `contracts.key.scoped` makes one of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

TABLE = "requests"
"""The table, by its name for functions; it is there if the map has a tracked route."""
KEY = "id"
"""Its partition key."""
EXPIRES_AT = "expires_at"
"""When DynamoDB may forget the item, in epoch seconds."""
PARAMETER = "correlation_id"
PATH = f"/v1/requests/{{{PARAMETER}}}"
"""Where a tracked request is asked for."""
PATTERN = "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
"""Correlation ids that can be asked for: what stands in a path as it is, whoever encodes or decodes it."""
UNKNOWN = "accepted_or_unknown"
"""What is said of a request of which there is no item: nobody has attempted it yet, or it never came."""
LATER, LATER_FROM = "otherwise", "otherwise_from"
"""Attributes of an item: what is true in its place from a time on (epoch milliseconds), unless somebody says more."""

State = Literal["working", "retrying", "delayed", "done", "skipped", "dead"]
FINAL: tuple[State, ...] = ("done", "skipped")
"""What no other attempt at the same request changes any more."""
_NAMED = re.compile(PATTERN)


class Cause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the last attempt failed."""

    error: Annotated[str, Meta(description="The kind of the error.", examples=["Reject"])]
    message: Annotated[str, Meta(description="What to do about it, where that is for who asked.")] | None = None


class RequestStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request, as the consumer of its route knows it; subscribers of its events may still be at it."""

    status: Annotated[
        State,
        Meta(
            description="`working`: progress was said; `retrying`: an attempt failed and another follows; `delayed`: "
            "it waits for its time; `done`: its effect is there and its events are told; `skipped`: nothing was to be "
            "done any more; `dead`: it is in the dead-letter queue, and a redrive may still make it `done`."
        ),
    ]
    route: Annotated[str, Meta(description="The route that took it.", examples=["POST /v1/things"])]
    received_at: Annotated[int, Meta(description="When the route took it, in epoch milliseconds.")]
    changed_at: Annotated[int, Meta(description="When this was said, in epoch milliseconds.")]
    attempts: Annotated[int, Meta(description="How often it was attempted.")] = 0
    percent: Annotated[int, Meta(ge=0, le=100, description="How much of it is done.")] | None = None
    words: Annotated[str, Meta(description="What is being done.")] | None = None
    thing: Annotated[str, Meta(description="Where what it asked for is read, below the API's address.")] | None = None
    cause: Cause | None = None


def written(routes: Mapping[str, str | None]) -> str | None:
    """The tracked routes of a queue as a variable, each with where its thing is read; None for none."""
    return msgspec.json.encode(dict(routes)).decode() if routes else None


def read(text: str) -> dict[str, str | None]:
    """The routes that the variable says. Raises `msgspec.ValidationError`."""
    return msgspec.json.decode(text, type=dict[str, str | None])


def is_named(correlation_id: str) -> bool:
    """Whether a request of that correlation id can be asked for."""
    return _NAMED.fullmatch(correlation_id) is not None
