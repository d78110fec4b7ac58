"""The SQS of `tests.aws.bare`, which keeps what becomes of messages, behind the rules for requests.

Whoever speaks SQS's JSON protocol is tested against this one; the bare one, which looks at no request, is what
benchmarks measure against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.aws import bare, sqs
from tests.aws.bare import ACCOUNT, REGION, FakeQueue, Fault, Stored
from tests.aws.errors import ServiceError

__all__ = ["ACCOUNT", "REGION", "FakeQueue", "FakeSqs", "Fault", "Stored"]

ALONE = ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
"""What is carried out as a batch of one."""


class FakeSqs(bare.FakeSqs):
    """One region's SQS, a transport that answers from memory and refuses what SQS does."""

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Carries out one request."""
        request = msgspec.json.decode(payload)
        try:
            sqs.check(action, request)
            if action in ALONE:
                return await self._alone(action, request)
        except ServiceError as error:
            return _refused(error)
        if not action.endswith("Batch"):
            return await super().__call__(action, payload)
        return await self._batch(action, request)

    async def _batch(self, action: str, request: dict[str, Any]) -> tuple[int, bytes]:
        fifo = request["QueueUrl"].endswith(".fifo")
        checked = sqs.each(request["Entries"], lambda entry: _check(action, entry, fifo=fifo))
        fine = {entry["Id"] for entry in checked["Successful"]}
        request["Entries"] = [entry for entry in request["Entries"] if entry["Id"] in fine]
        status, body = await super().__call__(action, msgspec.json.encode(request))
        if status != 200:
            return status, body
        answer = msgspec.json.decode(body)
        return status, msgspec.json.encode(answer | {"Failed": answer["Failed"] + checked["Failed"]})

    async def _alone(self, action: str, request: Mapping[str, Any]) -> tuple[int, bytes]:
        entry = {name: value for name, value in request.items() if name != "QueueUrl"} | {"Id": "alone"}
        batch = {"QueueUrl": request["QueueUrl"], "Entries": [entry]}
        status, body = await self._batch(f"{action}Batch", batch)
        if status != 200:
            return status, body
        answer = msgspec.json.decode(body)
        for failed in answer["Failed"]:
            return _refused(ServiceError(400, failed["Code"], failed["Message"]))
        (done,) = answer["Successful"]
        return 200, msgspec.json.encode({name: value for name, value in done.items() if name != "Id"})


def _check(action: str, entry: Mapping[str, Any], *, fifo: bool) -> None:
    if action == "SendMessageBatch":
        sqs.check_message(entry, fifo=fifo)
        return
    if action == "ChangeMessageVisibilityBatch":
        sqs.check_visibility(entry)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html, "Errors"
    if entry["ReceiptHandle"].count("#") != 2:
        raise ServiceError(400, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


def _refused(error: ServiceError) -> tuple[int, bytes]:
    return error.status, msgspec.json.encode({"__type": f"com.amazonaws.sqs#{error.code}", "message": error.message})
