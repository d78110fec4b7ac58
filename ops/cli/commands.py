"""The commands by name, each made when it is asked for: what one imports, none of the others waits for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Literal

import typer
from typer.core import TyperCommand
from typer.main import get_command

from ops.cli.options import somewhere

Reach = Literal["nothing", "stages", "anything"]


@dataclass(frozen=True)
class Place:
    """Where a command is: its function in a module of `ops.cli`; and what it reaches of AWS."""

    module: str
    function: str
    reaches: Reach


PLACES = {
    "queues": Place("look", "queues", "stages"),
    "dead": Place("look", "dead", "anything"),
    "peek": Place("look", "peek", "anything"),
    "parked": Place("parked", "parked", "stages"),
    "trace": Place("observe", "trace", "stages"),
    "watch": Place("observe", "watch", "stages"),
    "console": Place("console", "console", "anything"),
    "schedules": Place("schedules", "schedules", "stages"),
    "send": Place("send", "send", "stages"),
    "limits": Place("limits", "limits", "stages"),
    "events": Place("events", "events", "nothing"),
    "cost": Place("observe", "cost", "nothing"),
    "scale": Place("scale", "scale", "nothing"),
    "redrive": Place("redrive", "redrive", "anything"),
    "resume": Place("redrive", "resume", "anything"),
    "status": Place("moves", "status", "anything"),
    "cancel": Place("moves", "cancel", "anything"),
    "history": Place("history", "history", "anything"),
    "replay": Place("replay", "replay", "stages"),
    "replays": Place("replay", "replays", "stages"),
    "export": Place("message_files", "export", "anything"),
    "drop": Place("message_files", "drop", "anything"),
    "retire": Place("retire", "retire", "stages"),
    "verify": Place("verify", "verify", "stages"),
    "import": Place("message_files", "put_back", "anything"),
}
"""Every command, in the order of the help: nothing of AWS is reached, only what is of a stage, or any queue."""


class Commands(MutableMapping[str, Any]):
    """The commands as typer keeps them, by name."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            place = PLACES[name]
            function = getattr(import_module(f"ops.cli.{place.module}"), place.function)
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            alone.command(name, cls=_Command)(somewhere(function, place.reaches))
            self._made[name] = get_command(alone)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


class _Command(TyperCommand):
    """A command whose parameters are taken as they are given."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, that for help among them."""
        return as_given(super().get_params(ctx))


def as_given(parameters: list[Any]) -> list[Any]:
    """The parameters, of which texts, and what is not given, are taken as they are.

    typer has pydantic look at them too, which takes a quarter second to import and finds nothing.
    """
    for each in parameters:
        each.get_runtime_param = partial(_AsGiven, each)
    return parameters


class _AsGiven:
    """How the value of a typer parameter becomes what the command's function takes."""

    def __init__(self, parameter: Any) -> None:
        self._parameter = parameter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, which only what is no text needs to be made of."""
        if value is None or (param.type_descriptor.annotation is str and isinstance(value, str)):
            return value
        return type(self._parameter).get_runtime_param(self._parameter).coerce(value, param=param, ctx=ctx)
