"""What AWS lets an account do, from a dated list; an account's own figures take the place of the list's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from ops.errors import UsageError

HIGHEST = 1e12
"""What no account has of anything."""
LIST = Path(__file__).resolve().with_name("quotas.toml")


class Quota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of `unit` an account has in a region by default, and where that was `read`, on which day."""

    name: str
    """As AWS calls it."""
    value: float
    """Where no region of `regions` says another."""
    unit: str
    read: date
    source: str
    regions: dict[str, float] = {}
    service: str | None = None
    code: str | None = None
    """The code by which Service Quotas raises it, where one is known."""
    adjustable: bool | None = None
    """Whether AWS raises it when it is asked; None where its page does not say."""
    unseen: str | None = None
    """What was not found about it, on no page of AWS."""

    @property
    def asked_by(self) -> str:
        """What a person asks AWS for, in few words."""
        if self.code is not None:
            return f"quota {self.code}"
        return "AWS Support" if self.adjustable else "no setting"


@dataclass(frozen=True)
class Quotas:
    """The quotas of a region; `own` are an account's own figures, by the names of the list."""

    region: str
    own: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.own.items():
            if name not in listed():
                raise UsageError(f"There is no quota {name!r}; choose of {', '.join(sorted(listed()))}.")
            if not 0 < value <= HIGHEST:
                raise UsageError(f"Quota {name}={value:g} makes no sense: say a number above 0.")

    def most(self, name: str) -> float:
        """How much there is of it here. Raises `KeyError` for a name that is not on the list."""
        quota = listed()[name]
        return self.own.get(name, quota.regions.get(self.region, quota.value))


@cache
def listed() -> Mapping[str, Quota]:
    """Every quota of the list, by our name for it."""
    return msgspec.convert(tomllib.loads(LIST.read_text(encoding="utf-8")), dict[str, Quota])
