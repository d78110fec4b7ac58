"""Secrets from Secrets Manager, kept for a while, and how long the one before a replacement counts.

See https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html: the label `AWSPREVIOUS` stays on
the value before until the next replacement, for years perhaps, so it does not say how long that value may be used.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.environment import secret_variable
from functions.runtime.clients import client
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.settings import Settings, required
from functions.runtime.waiting import alone

FRESH = 300
"""Seconds for which a secret is kept."""
PAUSE = 10
"""Seconds between two looks for a newer secret, so that forged messages cost few calls."""
STALE = 3600
"""Seconds for which a secret that was read counts while Secrets Manager is away."""


@dataclass(frozen=True)
class Secret:
    """A secret as it was when it was read.

    `made`, when the current value was put in, and `read` are epoch seconds; `since` is `read` by the monotonic clock.
    """

    current: str
    previous: str | None
    made: float
    read: float
    since: float
    asked: float = float("-inf")
    """When it was asked for in vain since, by the monotonic clock."""

    def at(self, moment: float, *, overlap: float) -> tuple[str, ...]:
        """The values that count for what came at `moment`: the current one, and the one before as long as it does.

        What came before the replacement, and lay in a queue since, was signed with the one before, so `moment` is when
        it came and not when it is handled.
        """
        if self.previous is None or moment > self.made + overlap:
            return (self.current,)
        return (self.current, self.previous)


_known: dict[str, Secret] = {}
_failed: dict[str, tuple[float, Exception]] = {}


def secret(name: str, *, at: float | None = None, newer: bool = False) -> tuple[str, ...]:
    """The secret's current value and, for the setting `previous_secret` after its replacement, the one before.

    `name` is the topology's; `at`, in epoch seconds, is when what they are compared with came, and else now. With
    `newer` it is read again unless that was moments ago. Raises botocore's errors when Secrets Manager does not answer
    and nothing was read before, or too long ago; `ValueError` for a secret that is no text.
    """
    found = look(name, newer=newer)
    return found.at(time.time() if at is None else at, overlap=Settings.read().previous_secret or 0)


def look(name: str, *, newer: bool = False) -> Secret:
    """The secret of that name, with what `secret` makes its values of.

    Of a batch's messages, one asks; those that waited for it have its answer, or its failure.
    """
    began = time.monotonic()
    with alone(f"secret/{name}"):
        failed = _failed.get(name)
        if failed and failed[0] > began:
            raise failed[1]
        try:
            return _look(name, newer=newer)
        except Exception as error:
            _failed[name] = time.monotonic(), error
            raise


def _look(name: str, *, newer: bool) -> Secret:
    known = _known.get(name)
    now = time.monotonic()
    if known is not None and (now - known.since <= (PAUSE if newer else FRESH) or now - known.asked <= PAUSE):
        return known
    try:
        known = _known[name] = _read(required(secret_variable(name)))
    except (ClientError, BotoCoreError) as error:
        if known is None or not is_away(error):
            raise
        if time.time() - known.read > STALE:
            raise
        # It is away, or throttles us because of what somebody forges: not asked again for a moment.
        known = _known[name] = replace(known, asked=now)
        if newer:
            raise
        log("WARNING", "secret not read again", secret=name, error=str(error))
    return known


def forget() -> None:
    """Read every secret again when it is next needed."""
    _known.clear()
    _failed.clear()


def _read(physical: str) -> Secret:
    now, since = time.time(), time.monotonic()
    ask = client("secretsmanager").get_secret_value
    current = ask(SecretId=physical, VersionStage="AWSCURRENT")
    value = _text(current)
    if value is None:
        raise ValueError(f"The secret {physical} is no text; put its value in by --secret-string.")
    try:
        previous = _text(ask(SecretId=physical, VersionStage="AWSPREVIOUS"))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        previous = None
    return Secret(value, previous, current["CreatedDate"].timestamp(), now, since)


def _text(answer: Mapping[str, Any]) -> str | None:
    """The value without the line break that a file or an editor puts at its end; None for a binary one."""
    value: str | None = answer.get("SecretString")
    return None if value is None else value.removesuffix("\n").removesuffix("\r")
