"""The contract: a command and the events that follow, or the events of a subscriber."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.plan import NewIntegration, NewSubscriber
from scaffold.words import camel, spoken

NOTE = "By Friday, please."
"""The example of a note."""


def of_integration(new: NewIntegration) -> str:
    """The command of the route, and its events."""
    facts = "fact that follows" if len(new.publishes) == 1 else "facts that may follow"
    stored = f"{spoken(new.publishes[0])}: the request is stored"
    meanings = (stored, *map(spoken, new.publishes[1:]))
    events = "".join(
        _event(name, meaning, new.name, *_key(new), note=True)
        for name, meaning in zip(new.publishes, meanings, strict=True)
    )
    return f'''"""{spoken(new.name)}: the request, and the {facts}."""

from __future__ import annotations

from typing import Annotated, ClassVar
from msgspec import Meta
from functions.contracts.contract import END, Command, Event
{"from functions.contracts.path import FromPath" if new.group else ""}

{"".join(_aliases(new))}

class {new.command}(Command, frozen=True, kw_only=True):
{_command(new)}

{events}'''


def of_subscriber(new: NewSubscriber) -> str:
    """The events that the subscriber publishes."""
    field = new.field
    imported = f"from {field.module} import {field.type}\n" if field and field.module else ""
    what = (field.name, field.type) if field else (None, None)
    events = "".join(_event(name, spoken(name), new.integration, *what, note=False) for name in new.publishes)
    facts = "fact" if len(new.publishes) == 1 else "facts"
    return f'''"""{spoken(new.function)}: the {facts} that may follow from {new.event.__name__}."""

from __future__ import annotations

from typing import ClassVar

from functions.contracts.contract import Event
{imported}

{events}'''


def _key(new: NewIntegration) -> tuple[str, str]:
    """The field that events are about, and its alias."""
    return (new.group, camel(new.group)) if new.group else ("request_id", "RequestId")


def _aliases(new: NewIntegration) -> Iterator[str]:
    name, alias = _key(new)
    stem = (name.removesuffix("_id") if new.group else new.name).replace("_", "-")
    meaning = "As the path says it." if new.group else "The caller's own name for the request."
    # Plain enough for a URL, and with a tenant before it short enough for a message group.
    yield f'{alias} = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{{{1,64}}}}{{END}}", description="{meaning}", '
    yield f'examples=["{stem}-1"])]\n'
    yield f'Note = Annotated[str, Meta(min_length=1, max_length=1000, examples=["{NOTE}"])]\n'


def _command(new: NewIntegration) -> str:
    note = "    # The note stands for what your requests say.\n    note: Note\n"
    if new.group:
        return f'''    """{spoken(new.command)}.

    `{new.group}`, of the path, is the FIFO message group: requests for one apply in the order in which they were
    accepted.
    """

    {new.group}: Annotated[{camel(new.group)}, FromPath]
{note}'''
    return (
        f'    """{spoken(new.command)}."""\n\n'
        '    business_key: ClassVar[str | None] = "request_id"\n\n    request_id: RequestId\n' + note
    )


def _event(name: str, meaning: str, source: str, key: str | None, alias: str | None, *, note: bool) -> str:
    about = f'    business_key: ClassVar[str | None] = "{key}"\n\n    {key}: {alias}\n' if key else ""
    return f'''class {name}(Event, frozen=True, kw_only=True):
    """{meaning}."""

    source: ClassVar[str] = "{source}"
{about}{"    note: Note" if note else ""}


'''
