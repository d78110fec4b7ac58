"""Secrets from Secrets Manager, kept for a while, and how long the one before a replacement counts.

See https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html: the label `AWSPREVIOUS` stays on
the value before until the next replacement, for years perhaps, so it does not say how long that value may be used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from functions.contracts.environment import secret_variable
from functions.runtime.clients import client
from functions.runtime.settings import Settings, required

FRESH = 300
"""Seconds for which a secret is kept."""
PAUSE = 10
"""Seconds between two looks for a newer secret, so that forged messages cost few calls."""


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

    def at(self, moment: float, *, overlap: float) -> tuple[str, ...]:
        """The values that count for what came at `moment`: the current one, and the one before as long as it does.

        What came before the replacement, and lay in a queue since, was signed with the one before, so `moment` is when
        it came and not when it is handled.
        """
        if self.previous is None or moment > self.made + overlap:
            return (self.current,)
        return (self.current, self.previous)


_known: dict[str, Secret] = {}


def secret(name: str, *, at: float | None = None, newer: bool = False) -> tuple[str, ...]:
    """The secret's current value and, for the setting `previous_secret` after its replacement, the one before.

    `name` is the topology's; `at`, in epoch seconds, is when what they are compared with came, and else now. With
    `newer` it is read again unless that was moments ago. Raises botocore's `ClientError` when Secrets Manager does not
    answer.
    """
    found = look(name, newer=newer)
    return found.at(time.time() if at is None else at, overlap=Settings.read().previous_secret or 0)


def look(name: str, *, newer: bool = False) -> Secret:
    """The secret of that name, with what `secret` makes its values of."""
    known = _known.get(name)
    if known is None or time.monotonic() - known.since > (PAUSE if newer else FRESH):
        known = _known[name] = _read(required(secret_variable(name)))
    return known


def forget() -> None:
    """Read every secret again when it is next needed."""
    _known.clear()


def _read(physical: str) -> Secret:
    now, since = time.time(), time.monotonic()
    ask = client("secretsmanager").get_secret_value
    current = ask(SecretId=physical, VersionStage="AWSCURRENT")
    try:
        previous: str | None = ask(SecretId=physical, VersionStage="AWSPREVIOUS")["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        previous = None
    return Secret(current["SecretString"], previous, current["CreatedDate"].timestamp(), now, since)
