"""The catalogue of what travels: `events`."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import json

from ops.cli import completion
from ops.cli.options import AsJson, InStage, topology
from ops.cli.screen import print_json, said, tell, tell_lines
from ops.errors import UsageError
from ops.events.catalogue import Contract, Entry, Source, Taker, catalogue, contract
from ops.events.field import Field
from stacks import names


def events(
    type_: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", autocompletion=completion.EVENTS, help="An event or a command, by its name."),
    ] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="The commands that routes, schedules and plans send instead.")
    ] = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Every event of the map: who publishes it and who subscribed; of one its fields too, and an example.

    Nothing of AWS is asked. Secrets of an example are hidden.

    Example: python -m ops events TicketOpened
    """
    with said():
        if type_ is not None and commands:
            raise UsageError(f"--commands lists the commands: leave it out to see {type_}.")
        if type_ is not None:
            found = contract(topology(), stage, type_)
            print_json(found) if as_json else _tell_one(found)
            return
        every = catalogue(topology(), stage, "command" if commands else "event")
    if as_json:
        print_json(every)
        return
    for entry in every:
        tell(entry.type, style="bold")
        if entry.summary:
            tell(entry.summary, prefix="  ")
        _tell_ways(entry)
    if not every:
        tell(f"The map has no {'commands' if commands else 'events'}.")


def _tell_one(found: Contract) -> None:
    entry = found.entry
    version = f" v{entry.version}, source {entry.source}" if entry.version is not None else ""
    tell(f"{entry.type}{version}", style="bold")
    for part in entry.text:
        tell(part, prefix="  ")
    _tell_ways(entry)
    if entry.document is not None:
        tell(f"JSON Schema: {entry.document}", prefix="  ")
    tell("Fields:" if found.fields else "It has no fields.", prefix="  ")
    for field in found.fields:
        tell(_field(field), prefix="    ")
    if found.example is not None:
        tell("Example:", prefix="  ")
        tell_lines(json.format(json.encode(found.example), indent=2).decode(), prefix="    ")


def _tell_ways(entry: Entry) -> None:
    event = entry.kind == "event"
    sources = ", ".join(map(_source, entry.sources)) or "nobody"
    tell(f"{'published' if event else 'sent'} by {sources}", prefix="  ")
    if not entry.takers:
        tell("nobody subscribed" if event else "no queue takes it", prefix="  ")
    for taker in entry.takers:
        tell(f"to {_taker(taker)}", prefix="  ")


def _source(source: Source) -> str:
    return source.name if source.is_open else f"{source.name} (retired)"


def _taker(taker: Taker) -> str:
    said = [taker.queue]
    if taker.conditions:
        said.append(f"where {' and '.join(taker.conditions)}")
    if taker.bus is not None:
        said.append(f"from bus {taker.bus}")
    return " ".join(said if taker.is_open else [*said, "(retired: nothing comes)"])


def _field(field: Field) -> str:
    told = [field.type, *field.limits, *(["secret"] if field.secret else []), *([field.text] if field.text else [])]
    return f"{field.path}{'' if field.required else '?'}: {', '.join(told)}"
