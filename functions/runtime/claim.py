"""The claim of an idempotency key, for contracts whose effect is named by a business key.

There the key is only what the caller calls the request: the effect happens once without it. But a caller that uses one
key for two requests has mixed them up, and would believe that the second was the first again.
"""

from __future__ import annotations

import time

from functions.contracts.contract import Command
from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.contracts.key import joined
from functions.runtime.errors import Reject
from functions.runtime.message import Message
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Table

KEYS = Table("keys")


def claim(command: Command, message: Message) -> None:
    """Let the message's idempotency key stand for `command`; nothing to do without a key.

    Raises `Reject` if it stands for another request of the same tenant. Call it before the effect: a worker that dies
    between the two leaves a claim of the same request, which it passes when it comes again. The claim is kept for as
    long as the message can come back.
    """
    if not message.idempotency_key:
        return
    digest = command.digest()
    kept = 2 * Settings.read().retention + DEAD_LETTER_RETENTION
    key = joined(type(command).__name__, message.tenant or "", message.idempotency_key)
    try:
        KEYS.put(
            {"key": key, "digest": digest, "business_key": message.key, "expires_at": int(time.time()) + kept},
            condition="attribute_not_exists(#key) OR digest = :digest",
            names={"#key": "key"},
            values={":digest": digest},
        )
    except ConditionFailed:
        raise Reject(
            f"Idempotency key {message.idempotency_key} came before with another body; send this one with a new key."
        ) from None
