"""What is refused for being too fast is waited out, by whichever name and wherever it is said."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore
import msgspec
import pytest
from botocore.retries.standard import ThrottledRetryableChecker, ThrottlingStatusCodeChecker, TransientRetryableChecker

from ops.sqs.client import THROTTLED_ATTEMPTS, Refused, Sqs
from ops.sqs.message import Entry
from ops.sqs.throttle import STATUSES, THROTTLES, TRANSIENT, is_throttle
from tests.aws.queues import FakeSqs

NAMES = ("RequestLimitExceeded", "TooManyRequestsException", "ThrottledException", "KMS.ThrottlingException")
Answer = Callable[[str, bytes], tuple[int, bytes] | None]


def test_botocore_knows_no_throttle_that_is_not_waited_out() -> None:
    kept = json.loads((Path(botocore.__file__).parent / "data/_retry.json").read_text())["definitions"].values()
    refused = [when["response"] for each in kept if "response" in (when := each["applies_when"])]
    assert {answer["service_error_code"] for answer in refused if "service_error_code" in answer} <= THROTTLES
    statuses = {answer["http_status_code"] for answer in refused if "service_error_code" not in answer}
    assert statuses <= STATUSES | {500, 502, 503, 504}
    assert set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES) <= THROTTLES
    assert set(ThrottlingStatusCodeChecker._THROTTLING_STATUS_CODES) <= STATUSES
    assert set(TransientRetryableChecker._TRANSIENT_ERROR_CODES) <= TRANSIENT | THROTTLES


def test_no_fault_of_sqs_itself_is_taken_for_a_throttle_but_its_two() -> None:
    model = Path(botocore.__file__).parent / "data/sqs/2012-11-05/service-2.json.gz"
    shapes = json.loads(gzip.decompress(model.read_bytes()))["shapes"]
    faults = {name for name, shape in shapes.items() if shape.get("exception")}
    assert {fault for fault in faults if is_throttle(fault)} == {"RequestThrottled", "KmsThrottled"}


class Busy:
    """A fake SQS whose first `times` answers are what `refuse` says instead."""

    def __init__(self, times: int, refuse: Answer) -> None:
        self.sqs = FakeSqs()
        self.left = times
        self.refuse = refuse

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        if self.left and (answer := self.refuse(action, payload)) is not None:
            self.left -= 1
            return answer
        return await self.sqs(action, payload)


def whole(status: int, body: bytes) -> Answer:
    return lambda _, __: (status, body)


def each_entry(code: str) -> Answer:
    def refuse(action: str, payload: bytes) -> tuple[int, bytes] | None:
        entries: list[dict[str, Any]] = msgspec.json.decode(payload)["Entries"]
        failed = [{"Id": entry["Id"], "Code": code, "SenderFault": True} for entry in entries]
        return 200, msgspec.json.encode({"Successful": [], "Failed": failed})

    return refuse


REFUSALS = {
    **{
        f"whole call, {name}": whole(400, json.dumps({"__type": f"com.amazonaws.sqs#{name}"}).encode())
        for name in NAMES
    },
    **{f"each entry, {name}": each_entry(name) for name in NAMES},
    "HTTP 429, no body": whole(429, b""),
    "with a suffix": whole(400, b'{"__type": "ThrottlingException:http://internal.amazon.com/coral/"}'),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_throttle_of_a_minute_is_waited_out(refusal: Answer) -> None:
    busy = Busy(12, refusal)
    queue = busy.sqs.create("work")
    sqs = Sqs(busy)
    assert await sqs.send(queue.url, [Entry("a", "body")]) == {"a": None}
    assert sqs.throttled == 12
    (message,) = await sqs.receive(queue.url, visibility=600, wait=0)
    busy.left = 12
    assert await sqs.delete(queue.url, {"a": message.receipt_handle}) == {"a"}
    assert sqs.throttled == 24
    assert len(queue) == 0


async def test_a_throttle_that_does_not_end_is_said_by_its_name() -> None:
    busy = Busy(10_000, REFUSALS["whole call, ThrottledException"])
    queue = busy.sqs.create("work")
    with pytest.raises(Refused, match="ThrottledException"):
        await Sqs(busy).send(queue.url, [Entry("a", "body")])
    assert busy.left == 10_000 - THROTTLED_ATTEMPTS == 10_000 - 20
    with pytest.raises(Refused):
        await Sqs(busy, attempts=30).attributes(queue.url)
    assert busy.left == 10_000 - 20 - 30, "whoever allows more attempts makes them"


async def test_the_pauses_between_attempts_grow_up_to_a_limit_and_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        drawn.append((least, most))
        return most

    monkeypatch.setattr("random.uniform", longest)
    busy = Busy(10, REFUSALS["HTTP 429, no body"])
    queue = busy.sqs.create("work")
    await Sqs(busy).attributes(queue.url)
    assert drawn == [(0, most) for most in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20)]
    assert asyncio.get_running_loop().time() == pytest.approx(sum(most for _, most in drawn))


async def test_an_entry_that_stays_throttled_is_said_to_be() -> None:
    busy = Busy(10_000, REFUSALS["each entry, KMS.ThrottlingException"])
    queue = busy.sqs.create("work")
    assert await Sqs(busy).send(queue.url, [Entry("a", "body")]) == {
        "a": "KMS.ThrottlingException (KMS.ThrottlingException)"
    }


async def test_a_fault_of_the_service_is_not_waited_for_as_long_as_a_throttle() -> None:
    busy = Busy(10_000, whole(503, b"<html>"))
    queue = busy.sqs.create("work")
    with pytest.raises(Refused, match="HTTP 503"):
        await Sqs(busy).send(queue.url, [Entry("a", "body")])
    assert busy.left == 10_000 - Sqs(busy).attempts == 10_000 - 8
