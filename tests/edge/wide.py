"""Contracts that use whatever a contract may say, besides those of routes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from functions.contracts.contract import END, Command


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    share: Annotated[float, Meta(gt=0, lt=1, examples=[0.5])]
    tags: Annotated[tuple[Annotated[str, Meta(max_length=3, examples=["ab"])], ...], Meta(min_length=1, max_length=2)]


class Wide(Command, frozen=True, kw_only=True):
    """Every keyword of a model."""

    kind: Literal["one", "two"]
    code: Annotated[str, Meta(pattern=rf"^[A-Z]{{2}}-\d+(\.\w+)?{END}", examples=["AB-1.x"])]
    name: Annotated[str, Meta(min_length=2, max_length=5, examples=["Ada"])]
    level: Annotated[int, Meta(ge=0, le=9, multiple_of=3, examples=[3])]
    part: Part
    maybe: Part | None = None
    either: int | str | None = 1
    named: dict[str, int] = {}  # noqa: RUF012 - msgspec copies it
    flag: bool = False


class Optional(Command, frozen=True, kw_only=True):
    """Nothing of it must be there."""

    note: str = "n"


CONTRACTS: tuple[type[Command], ...] = (Wide, Optional)
