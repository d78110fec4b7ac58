"""What EventBridge refuses of PutEvents: of the call, and of one entry in its answer.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html and
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.aws.errors import ServiceError

MOST_ENTRIES = 10
MOST_BYTES = 1024 * 1024
NEEDED = ("Source", "DetailType", "Detail")
LONGEST_TRACE = 500
LONGEST_DETAIL_TYPE = 128


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Refuse the call. Raises `ServiceError`."""
    if operation != "PutEvents":
        return
    entries = request["Entries"]
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise _invalid(f"Value at 'entries' failed to satisfy constraint: length 1 to 10, not {len(entries)}")
    if not any(all(entry.get(name) for name in NEEDED) for entry in entries):
        raise _invalid("Every entry misses one of Source, DetailType and Detail")
    if any(len(entry.get("TraceHeader", "")) > LONGEST_TRACE for entry in entries):
        raise _invalid("Value at 'entries.traceHeader' failed to satisfy constraint: length 500 or less")
    if sum(size(entry) for entry in entries) > MOST_BYTES:
        raise _invalid("Total size of the entries in the request is over the limit.")


def fault(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """What the answer says of an entry that EventBridge takes from nobody; None of one that it may take."""
    for name in NEEDED:
        if not entry.get(name):
            return _fault("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    if entry["Source"].startswith("aws."):
        return _fault("NotAuthorizedForSourceException", "Not authorized for the source.")
    if len(entry["DetailType"]) > LONGEST_DETAIL_TYPE:
        return _fault("InvalidArgument", "Parameter DetailType is not valid. Reason: 128 characters at the most.")
    try:
        whole = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        whole = False
    return None if whole else _fault("MalformedDetail", "Detail is malformed.")


def size(entry: Mapping[str, Any]) -> int:
    """Bytes of an entry: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html."""
    texts = [*(entry.get(name, "") for name in NEEDED), *entry.get("Resources", ())]
    return (14 if "Time" in entry else 0) + sum(len(text.encode()) for text in texts)


def _fault(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def _invalid(message: str) -> ServiceError:
    return ServiceError(400, "ValidationException", message)
