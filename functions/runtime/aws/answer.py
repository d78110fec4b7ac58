"""What a service answers, as botocore's clients hand it out: a dictionary, or an error with its code.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from functions.runtime.aws.framing import Malformed

Answer = dict[str, Any]

_decode = msgspec.json.Decoder().decode


class Errors:
    """The classes of a client's errors, by their codes: `client.exceptions.ConditionalCheckFailedException`."""

    def __init__(self) -> None:
        self._known: dict[str, type[ClientError]] = {}

    def __getattr__(self, code: str) -> type[ClientError]:
        if code.startswith("_"):
            raise AttributeError(code)
        return ClientError if code == "ClientError" else self.of(code)

    def of(self, code: str) -> type[ClientError]:
        """The class of the errors with that code."""
        if code not in self._known:
            self._known[code] = type(code, (ClientError,), {})
        return self._known[code]

    from_code = of
    """As botocore's client asks for them."""


def read(
    operation: str, status: int, headers: Mapping[str, str], body: bytes, errors: Errors, *, repeated: int
) -> Answer:
    """The answer to `operation`, after so many repetitions.

    Raises an error of `errors` with what the service says of it, `Malformed` for what is no JSON object.
    """
    try:
        told = _decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        told = None
    if not isinstance(told, dict):
        if status < 300:
            raise Malformed("its answer is no JSON object")
        told = {}
    metadata = {
        "RequestId": headers.get("x-amzn-requestid", ""),
        "HTTPStatusCode": status,
        "HTTPHeaders": headers,
        "RetryAttempts": repeated,
    }
    if (translate := TRANSLATED.get(operation)) is not None:
        told = translate(told, body)
    if status < 300:
        return told | {"ResponseMetadata": metadata}
    code = str(told.pop("__type", "") or headers.get("x-amzn-errortype", "") or status)
    code = code.partition(":")[0].rpartition("#")[2]
    message = told.pop("message", None) or told.pop("Message", None) or ""
    error = {"Message": message, "Code": code}
    if query := headers.get("x-amzn-query-error"):
        # Errors of SQS go by the names that they had before it spoke JSON.
        kind, _, type_ = query.partition(";")
        error |= {"Code": kind, "QueryErrorCode": code, "Type": type_}
    raise errors.of(code)(told | {"Error": error, "ResponseMetadata": metadata}, operation)


def _dated(told: Answer, _: bytes) -> Answer:
    at = told.get("CreatedDate")
    told = told | ({} if at is None else {"CreatedDate": datetime.fromtimestamp(at, UTC)})
    return _binary(told, {"SecretBinary"})


def _binary(told: Answer, names: set[str]) -> Answer:
    return {name: base64.b64decode(value) if name in names else value for name, value in told.items()}


def _with_bytes(told: Answer, body: bytes) -> Answer:
    """Attribute values of kind B and BS are bytes; most answers have none."""
    found: Answer = _bytes(told) if b'"B":' in body or b'"BS":' in body else told
    return found


def _bytes(value: Any) -> Any:
    match value:
        case {"B": str(text), **rest} if not rest:
            return {"B": base64.b64decode(text)}
        case {"BS": list(texts), **rest} if not rest:
            return {"BS": [base64.b64decode(text) for text in texts]}
        case dict():
            return {name: _bytes(each) for name, each in value.items()}
        case list():
            return [_bytes(each) for each in value]
    return value


TRANSLATED: dict[str, Callable[[Answer, bytes], Answer]] = {
    "GetSecretValue": _dated,
    **dict.fromkeys(
        ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "TransactWriteItems", "UpdateItem"), _with_bytes
    ),
}
"""By operation what JSON cannot say: times and bytes."""
