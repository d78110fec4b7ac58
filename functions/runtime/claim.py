"""The claim of an idempotency key, for contracts whose effect is named by a business key.

There the key is only what the caller calls the request: the effect happens once without it. But a caller that uses one
key for two requests has mixed them up, and would believe that the second was the first again.
"""

from __future__ import annotations

import time

from functions.contracts.contract import Command
from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.runtime.message import Message
from functions.runtime.settings import Settings
from functions.runtime.table import Put, Table

KEYS = Table("keys")


def claim(command: Command, message: Message) -> list[Put]:
    """A write that fails where the message's idempotency key stands for another request of its tenant; none without.

    Write it in one transaction with the effect. It is kept for as long as the message can come back.
    """
    if not message.idempotency_key:
        return []
    digest = command.digest()
    kept = 2 * Settings.read().retention + DEAD_LETTER_RETENTION
    name = f"{type(command).__name__}/{message.tenant or ''}/{message.idempotency_key}"
    return [
        Put(
            table=KEYS,
            item={"key": name, "digest": digest, "business_key": message.key, "expires_at": int(time.time()) + kept},
            condition="attribute_not_exists(#key) OR digest = :digest",
            names={"#key": "key"},
            values={":digest": digest},
        )
    ]
