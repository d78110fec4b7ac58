"""What the environment says, read when it is needed and never at import."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Self, TypeVar

from msgspec import field

from functions.contracts.environment import ConsumerVariables, Variables

Kind = TypeVar("Kind", bound=Variables)

RELEASE = Path(__file__).parents[1] / "RELEASE"
"""What the bundle has beside the code that it names."""


class Settings(ConsumerVariables, frozen=True, kw_only=True):
    """One consumer's settings: what its stack says, what Lambda says, and how large events may be, in bytes a call."""

    version: str = field(default="$LATEST", name="AWS_LAMBDA_FUNCTION_VERSION")
    put_events_bytes: int = 1_000_000

    @classmethod
    def read(cls) -> Self:
        """The settings as the environment has them now; outside Lambda everything has a default."""
        return cls.of(os.environ)

    @property
    def release(self) -> str:
        """Names the code that runs, as the deployment did; outside of one it is Lambda's version of the function."""
        return _release() or self.version

    @property
    def halts(self) -> bool:
        """Whether a FIFO group waits for a person when one of its messages keeps failing."""
        return self.on_poison == "halt"

    @property
    def parks(self) -> bool:
        """Whether the later messages of a FIFO group follow a dead one into the dead-letter queue."""
        return self.on_poison == "park"


@cache
def _release() -> str | None:
    # A file beside the code and no variable: Lambda changes a function's variables before or after its code.
    try:
        return RELEASE.read_text()
    except FileNotFoundError:
        return None


def read(kind: type[Kind]) -> Kind:
    """Other variables than a consumer's. Raises `LookupError` for one that is missing or makes no sense."""
    return kind.of(os.environ)


def required(variable: str) -> str:
    """What the variable says. Raises `LookupError` with a sentence if it is not set."""
    value = os.environ.get(variable)
    if not value:
        raise LookupError(f"The environment variable {variable} is not set; the stack sets it from the topology.")
    return value


def on_lambda() -> bool:
    """Whether this process is a Lambda execution environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def switched_off() -> bool:
    """Whether the environment tells Powertools to let every guarded effect repeat."""
    return bool(os.environ.get("POWERTOOLS_IDEMPOTENCY_DISABLED"))
