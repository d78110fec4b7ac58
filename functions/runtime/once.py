"""Effects that cannot guard themselves by a conditional write, such as an e-mail, are guarded by a record of their own.

Powertools does it; what it leaves open by default is closed here (https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/).
This module is imported by the functions that use it and by nothing else: it loads boto3.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from msgspec import Struct
from msgspec.json import encode

from functions.contracts.environment import DEAD_LETTER_RETENTION, variable
from functions.contracts.pause import Unfinished
from functions.runtime.clients import client, replace
from functions.runtime.deadline import invocation, left
from functions.runtime.errors import Busy, OutOfTime, Reject, Retry, Unavailable
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.settings import Settings, required, switched_off
from functions.runtime.unfinished import unfinished
from functions.runtime.waiting import alone, sleep

Effect = Callable[[], None]

IN_PROGRESS = 150
"""Seconds for which a begun effect is left to whoever began it: longer than a message waits for a service that is away,
so that the one who had the effect can say so first; shorter than a default queue hides the message of a dead worker."""
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each further attempt to complete a record, at the most."""
SLOWEST = 2
"""Seconds that an attempt needs to be worth it; one that hangs may take longer, and is interrupted."""


def once(effect: Effect, *, name: str, key: str, content: Struct) -> bool:
    """Run `effect` unless it ran for this `name` and `key` before; return whether it ran now.

    `content` is what the effect is made of: the same key with other content raises `Reject`. While another run holds
    the key, raises `Retry`; while the record cannot be read, `Unavailable`. Raises `ValueError` for an empty key and
    `LookupError` outside an invocation.

    The effect happens once, with two exceptions that nothing can close, because the effect cannot be written together
    with its record: its worker dies between the effect and the completed record, or the effect itself raises although
    it happened, as when the answer of SES is lost. Then it happens again. A record that cannot be completed is no
    exception: the message is done all the same, and `pause_consumer` keeps what is missing until somebody can write it.
    """
    if switched_off():
        raise LookupError("POWERTOOLS_IDEMPOTENCY_DISABLED lets every effect repeat; unset it.")
    if not key:
        raise ValueError(f"{name}: an effect without a key would run every time; pass the message's key.")
    context = invocation.get()
    if context is None:
        raise LookupError(f"{name}: once() needs the Lambda context; call the handler with one.")
    record = Unfinished(name=name, key=key, content=encode(content).decode())
    if record in unfinished:
        return False
    ran = False

    def run() -> None:
        nonlocal ran
        effect()
        ran = True

    guard, config, _ = _guard(name, client("dynamodb"))
    config.register_lambda_context(_Patient(context))  # type: ignore[arg-type]
    try:
        with alone(f"once/{name}/{key}"):  # another message of the batch, of which Powertools would think a worker
            guard(request=_request(record), run=run)
    except IdempotencyValidationError as error:
        raise Reject(f"{name}: {key} was done before with other content.") from error
    except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
        raise Busy(f"{name}: {key} is being done by another worker.", delay=IN_PROGRESS) from error
    except IdempotencyPersistenceLayerError as error:
        if not ran:
            away = error.__cause__ is not None and is_away(error.__cause__)
            raise (Unavailable if away else Retry)(f"{name}: {error}") from error
        _finish(record)
    except OutOfTime:
        if not ran:
            raise
        replace()
        unfinished.append(record)
    return ran


def complete(record: Unfinished) -> None:
    """Complete the record of an effect that was had. Raises what DynamoDB raises."""
    _, _, layer = _guard(record.name, client("dynamodb"))
    layer.save_success(data=_request(record), result={})


def _finish(record: Unfinished) -> None:
    # The effect is there, so its message is done, whatever becomes of the record: a message that came back would either
    # die, or have its effect again.
    unfinished.append(record)
    problem = "no time was left"
    try:
        for pause in PAUSES:
            if left() < pause + SLOWEST:
                break
            sleep(pause * random.uniform(0.5, 1))
            try:
                complete(record)
            except Exception as error:
                problem = str(error)
            else:
                unfinished.remove(record)
                return
    except OutOfTime:
        replace()
    log("WARNING", "done, but not recorded yet", effect=record.name, key=record.key, error=problem)


def _request(record: Unfinished) -> dict[str, str]:
    return {"key": record.key, "content": record.content}


class _Patient:
    """Tells Powertools for how long the key is held."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def get_remaining_time_in_millis(self) -> int:
        return max(int(self._context.get_remaining_time_in_millis()), IN_PROGRESS * 1000)


class _Calls:
    """What Powertools calls; to say its name in the user agent, our client would make a whole one of botocore's."""

    def __init__(self, dynamodb: Any) -> None:
        self.get_item = dynamodb.get_item
        self.put_item = dynamodb.put_item
        self.update_item = dynamodb.update_item
        self.delete_item = dynamodb.delete_item


@cache
def _guard(name: str, dynamodb: Any) -> tuple[Callable[..., None], IdempotencyConfig, DynamoDBPersistenceLayer]:
    # One persistence layer for each config: a layer that is shared keeps the first config and ignores the second.
    settings = Settings.read()
    config = IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="content",
        raise_on_no_idempotency_key=True,
        hash_function="sha256",
        # A message lives its retention, is dead for as long as the DLQ keeps it, and lives again when redriven.
        expires_after_seconds=2 * settings.retention + DEAD_LETTER_RETENTION,
    )
    layer = DynamoDBPersistenceLayer(table_name=required(variable("once_table")), boto3_client=_Calls(dynamodb))

    def guarded(*, request: dict[str, str], run: Effect) -> None:
        run()

    guard: Callable[..., None] = idempotent_function(
        guarded, data_keyword_argument="request", persistence_store=layer, config=config, key_prefix=f"once/{name}"
    )
    # The layer learns its config at the first call, and is asked to complete a record before that elsewhere.
    layer.configure(config, f"{guarded.__module__}.{guarded.__qualname__}", key_prefix=f"once/{name}")
    return guard, config, layer
