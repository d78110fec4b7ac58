"""Secrets from Secrets Manager, kept for a while.

See https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from functions.contracts.environment import secret_variable
from functions.runtime.clients import client
from functions.runtime.settings import required

FRESH = 300
"""Seconds for which a secret is kept."""
PAUSE = 10
"""Seconds between two looks for a newer secret, so that forged messages cost few calls."""


@dataclass(frozen=True)
class _Known:
    values: tuple[str, ...]
    read: float


_known: dict[str, _Known] = {}


def secret(name: str, *, newer: bool = False) -> tuple[str, ...]:
    """The secret's current value and, while it is being rotated, the one before.

    `name` is the topology's. With `newer` it is read again unless that was moments ago. Raises botocore's `ClientError`
    when Secrets Manager does not answer.
    """
    known = _known.get(name)
    if known is None or time.monotonic() - known.read > (PAUSE if newer else FRESH):
        physical = required(secret_variable(name))
        values = [_value(physical, stage) for stage in ("AWSCURRENT", "AWSPREVIOUS")]
        known = _known[name] = _Known(tuple(value for value in values if value), time.monotonic())
    return known.values


def forget() -> None:
    """Read every secret again when it is next needed."""
    _known.clear()


def _value(physical: str, stage: str) -> str | None:
    try:
        value: str = client("secretsmanager").get_secret_value(SecretId=physical, VersionStage=stage)["SecretString"]
    except ClientError as error:
        if stage == "AWSPREVIOUS" and error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return value
