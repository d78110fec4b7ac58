"""A consumer from outside: its event source mapping, and the question how its services are.

For `pause_consumer` and nobody else: a consumer neither loads this nor may do any of it.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from msgspec import MsgspecError, Struct
from msgspec.json import decode, encode

from functions.contracts.pause import Ask, Condition
from functions.runtime.clients import botocores, made
from functions.runtime.errors import Unavailable

PATIENCE = 8.0
"""Seconds that a consumer may take to answer, a cold start included, and Lambda to do anything else."""


class Mapping(Struct, frozen=True):
    """The event source mapping of a consumer: what Lambda knows it by, and its state, such as `Enabled`.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """

    uuid: str
    state: str


def mapping(name: str) -> Mapping | None:
    """The mapping by which the function of that physical name takes its queue; None if there is none.

    Raises `Unavailable` if Lambda does not say.
    """
    try:
        found = _client().list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise Unavailable(f"Lambda does not list the mappings of {name}: {error}") from error
    except BotoCoreError as error:
        raise Unavailable(f"Lambda does not list the mappings of {name}: {error}") from error
    # A person may have given the function another source; its queue has its name.
    own = (each for each in found if each["EventSourceArn"].rpartition(":")[2].removesuffix(".fifo") == name)
    return next((Mapping(each["UUID"], each["State"]) for each in own), None)


def switch(one: Mapping, *, on: bool) -> None:
    """Begin to enable or to disable the mapping, which takes Lambda up to a minute.

    Raises `Unavailable` if Lambda does not take it, because somebody else is switching it or for any other reason.
    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
    """
    try:
        _client().update_event_source_mapping(UUID=one.uuid, Enabled=on)
    except (ClientError, BotoCoreError) as error:
        raise Unavailable(f"Lambda does not switch the mapping {one.uuid}: {error}") from error


def condition(name: str, ask: Ask) -> Condition:
    """What the function of that physical name answers to `ask`.

    One that takes longer than `PATIENCE` hangs as its services do, and counts as their being away. Raises `Unavailable`
    if it is throttled, crashes, or answers something else.
    """
    try:
        answer = _client().invoke(FunctionName=name, Payload=encode(ask))
        if answer.get("FunctionError"):
            raise Unavailable(
                f"{name} fails when it is asked: {answer['Payload'].read()[:500].decode(errors='replace')}"
            )
        return decode(answer["Payload"].read(), type=Condition)
    except ReadTimeoutError:
        return Condition(away=(f"The probe took more than {PATIENCE:g} s.",))
    except (ClientError, BotoCoreError) as error:
        raise Unavailable(f"{name} could not be asked: {error}") from error
    except MsgspecError as error:
        raise Unavailable(f"{name} answers a probe with something else: {error}") from error


def _client() -> Any:
    if "lambda" not in made:
        # One attempt: the message comes back and asks again, and a probe that hangs is not asked three times in a row.
        made["lambda"] = botocores("lambda", attempts=1, read=PATIENCE)
    return made["lambda"]
