"""What SQS refuses of a request before it looks at any message, and of one entry of a batch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html and its neighbours; which
parameter an error is of SQS says in its message only. The limits:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.aws.errors import ServiceError

MOST_ENTRIES = 10
MOST_BYTES = 1024 * 1024
"""Bytes of a message with its attributes, and of all messages of a batch."""
MOST_ATTRIBUTES = 10
LONGEST_HOLD = 43_200
"""Seconds for which a message may be hidden."""
LONGEST_DELAY = 900
LONGEST_WAIT = 20
# API_SendMessageBatchRequestEntry: "up to 80 characters … alphanumeric characters, hyphens (-), and underscores (_)".
ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# API_SendMessage, MessageBody: what XML 1.0 takes.
BODY = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
# API_SendMessage, MessageDeduplicationId and MessageGroupId: 128 letters, digits and signs of ASCII, no blank.
TOKEN = re.compile("[!-~]{1,128}")
# sqs-message-metadata.html, "Message attribute components".
ATTRIBUTE = re.compile(r"(?!(?i:aws\.|amazon\.))(?!\.)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
LONGEST_NAME = 256
SYSTEM_ATTRIBUTE = "AWSTraceHeader"
_OLD = "AWS.SimpleQueueService."
# By its name in the JSON protocol the code that SQS says beside it in `x-amzn-query-error`, and botocore tells.
# https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
LEGACY = {
    "QueueDoesNotExist": f"{_OLD}NonExistentQueue",
    **{
        name: _OLD + name
        for name in (
            *("BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId"),
            *("TooManyEntriesInBatchRequest", "MessageNotInflight", "UnsupportedOperation", "PurgeQueueInProgress"),
        )
    },
}

Fields = Mapping[str, Any]


def check(operation: str, request: Fields) -> None:
    """Refuse the request as a whole. Raises `ServiceError`."""
    fifo = str(request.get("QueueUrl", "")).endswith(".fifo")
    if request.get("QueueUrl") == "":
        raise ServiceError(400, "QueueDoesNotExist", "The specified queue does not exist.")
    match operation:
        case "SendMessage":
            check_message(request, fifo=fifo)
        case "ReceiveMessage":
            _within(request, "MaxNumberOfMessages", 1, 10)
            _within(request, "VisibilityTimeout", 0, LONGEST_HOLD)
            _within(request, "WaitTimeSeconds", 0, LONGEST_WAIT)
        case "ChangeMessageVisibility":
            check_visibility(request)
        case "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch":
            _check_batch(request["Entries"])
            if sum(size(entry) for entry in request["Entries"]) > MOST_BYTES:
                raise ServiceError(400, "BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes.")


def check_message(message: Fields, *, fifo: bool) -> None:
    """Refuse a message that is sent, alone or in a batch. Raises `ServiceError`."""
    body = message.get("MessageBody", "")
    if not body:
        raise _missing("MessageBody")
    if not BODY.fullmatch(body):
        raise ServiceError(400, "InvalidMessageContents", "The message contains characters outside the allowed set.")
    attributes = message.get("MessageAttributes") or {}
    if len(attributes) > MOST_ATTRIBUTES:
        raise _invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    for name, value in attributes.items():
        _check_attribute(name, value)
    for name, value in (message.get("MessageSystemAttributes") or {}).items():
        if name != SYSTEM_ATTRIBUTE or value["DataType"] != "String" or not value.get("StringValue"):
            raise _invalid(f"Message system attribute name '{name}' is invalid.")
    if size(message) > MOST_BYTES:
        raise _invalid(f"Message must be shorter than {MOST_BYTES} bytes.")
    _within(message, "DelaySeconds", 0, 0 if fifo else LONGEST_DELAY)
    _check_order(message, fifo=fifo)


def check_visibility(change: Fields) -> None:
    """Refuse to hide a message for so long, alone or in a batch. Raises `ServiceError`."""
    if "VisibilityTimeout" not in change:
        raise _missing("VisibilityTimeout")
    _within(change, "VisibilityTimeout", 0, LONGEST_HOLD)


def each(entries: Sequence[Fields], act: Callable[[Fields], Fields | None]) -> dict[str, list[dict[str, Any]]]:
    """A batch's answer: every entry is judged on its own, and `act` raises `ServiceError` for one that is refused."""
    answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            answer["Successful"].append({"Id": entry["Id"], **(act(entry) or {})})
        except ServiceError as error:
            why = {"Code": error.code, "Message": error.message, "SenderFault": error.status < 500}
            answer["Failed"].append({"Id": entry["Id"], **why})
    return answer


def size(message: Fields) -> int:
    """Bytes of the body and of names, types and values of attributes; the trace header counts for nothing."""
    attributes = message.get("MessageAttributes") or {}
    return len(message.get("MessageBody", "").encode(errors="surrogatepass")) + sum(
        len(name) + len(value["DataType"]) + len(_content(value)) for name, value in attributes.items()
    )


def _check_batch(entries: Sequence[Fields]) -> None:
    """API_SendMessageBatch, API_DeleteMessageBatch and API_ChangeMessageVisibilityBatch: "Errors"."""
    if not entries:
        raise ServiceError(400, "EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MOST_ENTRIES:
        raise ServiceError(
            400,
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(entries)}.",
        )
    ids = [entry.get("Id", "") for entry in entries]
    if not all(ID.fullmatch(id_) for id_ in ids):
        raise ServiceError(
            400,
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )
    if twice := [id_ for id_ in ids if ids.count(id_) > 1]:
        raise ServiceError(400, "BatchEntryIdsNotDistinct", f"Id {twice[0]} repeated.")


def _check_attribute(name: str, value: Fields) -> None:
    if len(name) > LONGEST_NAME or not ATTRIBUTE.fullmatch(name):
        raise _invalid(f"Message (user) attribute name '{name}' is invalid.")
    kind = TYPE.fullmatch(value.get("DataType", ""))
    if kind is None or len(value["DataType"]) > LONGEST_NAME:
        raise _invalid(f"The type of message (user) attribute '{name}' is invalid.")
    field = "BinaryValue" if kind[1] == "Binary" else "StringValue"
    if not value.get(field) or value.keys() - {"DataType", field}:
        raise _invalid(f"The message (user) attribute '{name}' must contain a non-empty value of its type.")
    if field == "StringValue" and not BODY.fullmatch(value[field]):
        raise _invalid(f"Message (user) attribute '{name}' value contains characters outside the allowed set.")
    if kind[1] == "Number":
        try:
            float(value[field])
        except ValueError:
            raise _invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.") from None


def _check_order(message: Fields, *, fifo: bool) -> None:
    group, deduplication = (message.get(f"Message{name}Id") for name in ("Group", "Deduplication"))
    if fifo and group is None:
        raise _missing("MessageGroupId")
    if fifo and deduplication is None:  # no queue of ours has ContentBasedDeduplication
        raise _invalid("The queue should have ContentBasedDeduplication enabled or MessageDeduplicationId provided.")
    if not fifo and deduplication is not None:
        raise _invalid("The request includes a parameter that is not valid for this queue type: MessageDeduplicationId")
    for name, text in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if text is not None and not TOKEN.fullmatch(text):
            raise _invalid(f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.")


def _content(value: Fields) -> bytes:
    if "StringValue" in value:
        return str(value["StringValue"]).encode(errors="surrogatepass")
    content = value.get("BinaryValue", b"")
    return content if isinstance(content, bytes) else base64.b64decode(content)


def _within(fields: Fields, name: str, least: int, most: int) -> None:
    if name in fields and not least <= fields[name] <= most:
        raise _invalid(f"Value {fields[name]} for parameter {name} is invalid. Reason: Must be {least} to {most}.")


def _invalid(message: str) -> ServiceError:
    return ServiceError(400, "InvalidParameterValue", message)


def _missing(name: str) -> ServiceError:
    return ServiceError(400, "MissingParameter", f"The request must contain the parameter {name}.")
