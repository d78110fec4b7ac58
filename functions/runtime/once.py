"""Effects that cannot guard themselves by a conditional write, such as an e-mail, are guarded by a record of their own.

Powertools does it; what it leaves open by default is closed here (https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/).
This module is imported by the functions that use it and by nothing else: it loads boto3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

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
from functions.runtime.clients import client
from functions.runtime.deadline import invocation
from functions.runtime.errors import Reject, Retry
from functions.runtime.settings import Settings, required, switched_off

Effect = Callable[[], None]


def once(effect: Effect, *, name: str, key: str, content: Struct) -> bool:
    """Run `effect` unless it ran for this `name` and `key` before; return whether it ran now.

    `content` is what the effect is made of: the same key with other content raises `Reject`. While another run holds
    the key, or the record cannot be read, raises `Retry`. Raises `ValueError` for an empty key and `LookupError`
    outside an invocation, whose remaining time tells when a run that died gives the key free.

    An effect whose worker dies before its record is complete runs again: nothing can do better for an effect that
    cannot be written together with its record.
    """
    if switched_off():
        raise LookupError("POWERTOOLS_IDEMPOTENCY_DISABLED lets every effect repeat; unset it.")
    if not key:
        raise ValueError(f"{name}: an effect without a key would run every time; pass the message's key.")
    context = invocation.get()
    if context is None:
        raise LookupError(f"{name}: once() needs the Lambda context; call the handler with one.")
    ran = []

    def run() -> None:
        effect()
        ran.append(True)

    guard, config = _guard(name)
    config.register_lambda_context(context)
    try:
        guard(request={"key": key, "content": encode(content).decode()}, run=run)
    except IdempotencyValidationError as error:
        raise Reject(f"{name}: {key} was done before with other content.") from error
    except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
        raise Retry(f"{name}: {key} is being done by another worker.") from error
    except IdempotencyPersistenceLayerError as error:
        raise Retry(f"{name}: {error}") from error
    return bool(ran)


@cache
def _guard(name: str) -> tuple[Callable[..., None], IdempotencyConfig]:
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
    layer = DynamoDBPersistenceLayer(table_name=required(variable("once_table")), boto3_client=client("dynamodb"))

    def guarded(*, request: dict[str, str], run: Effect) -> None:
        run()

    guard: Callable[..., None] = idempotent_function(
        guarded, data_keyword_argument="request", persistence_store=layer, config=config, key_prefix=f"once/{name}"
    )
    return guard, config
