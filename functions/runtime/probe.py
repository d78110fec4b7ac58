"""Asking the services of a consumer whether they are there, by calls that change nothing.

Each call takes the way of the real ones: the same role, the same network, the same operation where that can be had. It
is made so that a service that is well refuses it. Imported only when a consumer is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.envelope import PROBE
from functions.contracts.environment import secret_variable
from functions.contracts.pause import Ask, Unfinished
from functions.runtime.clients import make
from functions.runtime.errors import Unavailable
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.settings import Settings

ROUNDS = 3
"""Times that each service is asked; all must go well, because half a service is none."""
PATIENCE = 2.0
"""Seconds that each may take to answer."""
SECRETS = secret_variable("")
UNWELL = {"InternalFailure", "InternalException", "ThrottlingException"}

Probe = Callable[[], Any]


def condition(event: Mapping[str, Any], probes: Mapping[str, Probe]) -> dict[str, Any]:
    """The answer to `event`, a `Condition`: records that had to wait are completed, then every service is asked.

    `probes` are those of the handler's own. Raises `ValueError` if `event` asks for nothing of the kind.
    """
    try:
        ask = msgspec.convert(event, Ask)
    except msgspec.ValidationError as error:
        raise ValueError(f"This function takes SQS batches, and is asked to probe by another event: {error}.") from None
    settings = Settings.read()
    away = [*_completed(ask.probe.unfinished), *_asked(_services(settings) | dict(probes))]
    log("WARNING" if away else "INFO", "probed", away=away or None)
    return {"away": away}


def _asked(probes: Mapping[str, Probe]) -> Iterator[str]:
    """The first service that is away; the others can wait until it is back."""
    for name, probe in probes.items():
        for _ in range(ROUNDS):
            error = _error(probe)
            # A refusal is an answer: only what is away is away. Of a probe that is not ours every error says so.
            if error and (is_away(error) or not isinstance(error, ClientError | BotoCoreError)):
                yield f"{name}: {type(error).__name__}: {error}"
                return


def _error(probe: Probe) -> Exception | None:
    try:
        probe()
    except Exception as error:
        return error
    return None


def _completed(records: tuple[Unfinished, ...]) -> Iterator[str]:
    if records:
        from functions.runtime.once import complete

        for record in records:
            try:
                complete(record)
            except Exception as error:
                if is_away(error):
                    yield f"{record.name}: the record of {record.key} cannot be completed: {error}"
                else:  # waiting does not help it
                    log("ERROR", "never recorded", effect=record.name, key=record.key, error=str(error))


def _services(settings: Settings) -> dict[str, Probe]:
    probes: dict[str, Probe] = {}
    if settings.failures_table:
        probes["DynamoDB"] = lambda: _write(settings.failures_table)
    if settings.bus_name:
        probes["EventBridge"] = lambda: _publish(settings.bus_name)
    if settings.email_from:
        probes["SES"] = lambda: _mail(settings.email_from)
    for variable, secret in sorted(os.environ.items()):
        if secret and variable.startswith(SECRETS):
            name = variable.removeprefix(SECRETS).lower()
            probes[f"Secrets Manager, {name}"] = partial(_client("secretsmanager").get_secret_value, SecretId=secret)
    return probes


def _client(service: str) -> Any:
    if service not in _clients:
        _clients[service] = make(service, attempts=1, read=PATIENCE)
    return _clients[service]


_clients: dict[str, Any] = {}


def _write(table: str | None) -> None:
    _client("dynamodb").update_item(
        TableName=table,
        Key={"message_id": {"S": "probe"}},
        UpdateExpression="SET probed = :now",
        ConditionExpression="attribute_exists(message_id) AND attribute_not_exists(message_id)",
        ExpressionAttributeValues={":now": {"BOOL": True}},
    )


def _publish(bus: str | None) -> None:
    entry = {"EventBusName": bus, "Source": PROBE, "DetailType": PROBE, "Detail": "no JSON"}
    for result in _client("events").put_events(Entries=[entry])["Entries"]:
        if result.get("ErrorCode") in UNWELL:
            raise Unavailable(f"{result['ErrorCode']}: {result.get('ErrorMessage')}")


def _mail(sender: str | None) -> None:
    content = {"Simple": {"Subject": {"Data": "probe"}, "Body": {"Text": {"Data": "probe"}}}}
    _client("sesv2").send_email(FromEmailAddress=sender, Destination={}, Content=content)
