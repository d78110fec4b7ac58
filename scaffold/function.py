"""The function: its folder's word, its logic, and the handler that guards the effect."""

from __future__ import annotations

from scaffold.plan import NewIntegration, NewSubscriber
from scaffold.words import spoken

Modules = dict[str, str]
"""Each module of the folder, with its text."""


def of_integration(new: NewIntegration) -> Modules:
    """A function that stores each request once, and says so."""
    return {
        "__init__.py": f'"""{spoken(new.name)}: stores each request once and says so."""\n',
        "logic.py": _outcome(new),
        "handler.py": _ordered(new) if new.group else _stored(new),
    }


def of_subscriber(new: NewSubscriber) -> Modules:
    """A function that notes each event once, and says what follows if it publishes anything."""
    return {
        "__init__.py": f'"""{spoken(new.function)}: notes each {new.event.__name__} once."""\n',
        "logic.py": _note(new),
        "handler.py": _noted(new),
    }


def _outcome(new: NewIntegration) -> str:
    about = new.group or "request_id"
    return f'''"""What follows from a request."""

from __future__ import annotations

from functions.contracts.{new.contract} import {", ".join((new.command, *new.publishes))}


def outcome(request: {new.command}) -> {" | ".join(new.publishes)}:
    """{_fact("request", new.publishes)}"""
    return {new.publishes[0]}({about}=request.{about}, note=request.note)
'''


def _fact(cause: str, publishes: tuple[str, ...]) -> str:
    if len(publishes) == 1:
        return f"The fact that follows from `{cause}`."
    return f"The fact that follows from `{cause}`; which of them is decided here."


def _ordered(new: NewIntegration) -> str:
    assert new.group
    constant = new.table.upper()
    return f'''"""{new.command}: one conditional write of the request, then what follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.contracts.contract import Event
from functions.contracts.{new.contract} import {new.command}
from functions.{new.function}.logic import outcome
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table

{constant} = Table("{new.table}")


def handle(request: {new.command}, message: Message) -> Iterable[Event]:
    """Store the request unless it is there. Raises `Reject` for a key that came with another body."""
    facts = [outcome(request)]
    item = to_builtins(request) | {{
        # Keys are each group's own.
        "request_id": message.scoped(request.{new.group}, message.key),
        "digest": request.digest(),
        "correlation_id": message.correlation_id,
    }}
    try:
        {constant}.put(item, condition="attribute_not_exists(request_id)")
    except ConditionFailed as failed:
        if failed.item is None or failed.item["digest"] != request.digest():
            raise Reject(
                f"Idempotency key {{message.key}} came before with another body; send this one with a new key."
            ) from None
        return Duplicate(facts)
    return facts


handler = consumer(handle, accepts={new.command})
'''


def _stored(new: NewIntegration) -> str:
    constant = new.table.upper()
    return f'''"""{new.command}: the claim of its idempotency key, one conditional write, then what follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.contracts.contract import Event
from functions.contracts.{new.contract} import {new.command}
from functions.{new.function}.logic import outcome
from functions.runtime.claim import claim
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table

{constant} = Table("{new.table}")


def handle(request: {new.command}, message: Message) -> Iterable[Event]:
    """Store the request unless it is there. Raises `Reject` if another one has its id or its idempotency key."""
    facts = [outcome(request)]
    claim(request, message)
    item = to_builtins(request) | {{
        # Ids are each tenant's own.
        "request_id": message.scoped(request.request_id),
        "digest": request.digest(),
        "correlation_id": message.correlation_id,
    }}
    try:
        {constant}.put(item, condition="attribute_not_exists(request_id)")
    except ConditionFailed as failed:
        if failed.item is None or failed.item["digest"] != request.digest():
            raise Reject(f"Request {{request.request_id}} came before with another body; use a new id.") from None
        return Duplicate(facts)
    return facts


handler = consumer(handle, accepts={new.command})
'''


def _note(new: NewSubscriber) -> str:
    event, field = new.event, new.field
    kept = f'"{field.name}": event.{field.name}' if field else '"what": type(event).__name__'
    published = f"from functions.contracts.{new.contract} import {', '.join(new.publishes)}\n" if new.publishes else ""
    follows = f"{field.name}=event.{field.name}" if field else ""
    outcome = (
        f'''

def outcome(event: {event.__name__}) -> {" | ".join(new.publishes)}:
    """{_fact("event", new.publishes)}"""
    return {new.publishes[0]}({follows})
'''
        if new.publishes
        else ""
    )
    return f'''"""What is kept of an event{", and what follows from it" if new.publishes else ""}."""

from __future__ import annotations

from typing import Any

from {event.__module__} import {event.__name__}
{published}

def note(event: {event.__name__}) -> dict[str, Any]:
    """What is kept of `event`: as much as the effect needs, and no more."""
    return {{{kept}}}
{outcome}'''


def _noted(new: NewSubscriber) -> str:
    event, constant = new.event.__name__, new.table.upper()
    facts = "    facts = [outcome(event)]\n" if new.publishes else ""
    then = ", then what follows from it" if new.publishes else ""
    return f'''"""{event}: one conditional write notes the event{then}."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from {new.event.__module__} import {event}
from functions.{new.function}.logic import note{", outcome" if new.publishes else ""}
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table

{constant} = Table("{new.table}")


def handle(event: {event}, message: Message) -> Iterable[Event]:
    """Note the event unless it was noted."""
{facts}    # The key is the event's id, which stays the same however often it is delivered.
    item = note(event) | {{"event_id": message.key, "correlation_id": message.correlation_id}}
    try:
        {constant}.put(item, condition="attribute_not_exists(event_id)")
    except ConditionFailed:
        return Duplicate({"facts" if new.publishes else ""})
    return {"facts" if new.publishes else "()"}


handler = consumer(handle, accepts={event})
'''
