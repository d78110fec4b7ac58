"""What the environment says, read when it is needed and never at import."""

from __future__ import annotations

import os

from msgspec import Struct

DAY = 24 * 60 * 60
DEAD_LETTER_RETENTION = 14 * DAY


class Settings(Struct, frozen=True, kw_only=True):
    """One function's settings. Times are seconds."""

    function: str
    version: str
    bus: str | None
    failures: str | None
    queue_url: str | None
    receives: int
    retention: int
    backoff_base: float
    backoff_cap: float
    halts: bool
    entry_bytes: int

    @classmethod
    def read(cls) -> Settings:
        """The settings as the environment has them now; outside Lambda everything has a default."""
        env = os.environ.get
        return cls(
            function=env("POWERTOOLS_SERVICE_NAME") or env("AWS_LAMBDA_FUNCTION_NAME") or "function",
            version=env("AWS_LAMBDA_FUNCTION_VERSION") or "$LATEST",
            bus=env("BUS_NAME"),
            failures=env("FAILURES_TABLE"),
            queue_url=env("QUEUE_URL"),
            receives=int(env("RECEIVES") or 5),
            retention=int(env("RETENTION") or 4 * DAY),
            backoff_base=float(env("BACKOFF_BASE") or 2),
            backoff_cap=float(env("BACKOFF_CAP") or 900),
            halts=env("ON_POISON") == "halt",
            entry_bytes=int(env("PUT_EVENTS_BYTES") or 1_000_000),
        )


def required(name: str) -> str:
    """The environment variable `name`. Raises `LookupError` with a sentence if it is not set."""
    value = os.environ.get(name)
    if not value:
        raise LookupError(f"The environment variable {name} is not set; the stack sets it from the topology.")
    return value


def on_lambda() -> bool:
    """Whether this process is a Lambda execution environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def switched_off() -> bool:
    """Whether the environment tells Powertools to let every guarded effect repeat."""
    return bool(os.environ.get("POWERTOOLS_IDEMPOTENCY_DISABLED"))
