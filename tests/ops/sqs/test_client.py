"""What the mover's client makes of SQS's answers: what is tried again, what is believed, what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ops.sqs.client import LAPSED, Refused, Sqs
from ops.sqs.message import Entry, Value
from ops.sqs.transport import Unanswered
from tests.aws.queues import FakeQueue, FakeSqs

Told = dict[str, Any]
Said = Callable[[Told], tuple[int, bytes] | None]
ENTRY = Entry("1", "body", {"colour": Value("String", "blue")})


class Retold:
    """A fake SQS that carries out every call, and whose first answers to `action` are what `said` make of them."""

    def __init__(self, action: str, *said: Said) -> None:
        self.sqs = FakeSqs()
        self.queue: FakeQueue = self.sqs.create("work")
        self.asked: list[Told] = []
        self._action = action
        self._said = list(said)

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == self._action:
            self.asked.append(msgspec.json.decode(payload))
        status, body = await self.sqs(action, payload)
        if action != self._action or not self._said:
            return status, body
        return self._said.pop(0)(msgspec.json.decode(body)) or (status, body)


def fails(status: int, code: str = "") -> Said:
    """An answer to the call as a whole."""
    return lambda _: (status, msgspec.json.encode({"__type": f"com.amazonaws.sqs#{code}", "message": "so it is"}))


def changed(field: str, value: str) -> Said:
    """Every success with another value in a field."""
    return lambda told: (
        200,
        msgspec.json.encode({**told, "Successful": [{**each, field: value} for each in told["Successful"]]}),
    )


def refuses(*ids: str, code: str = "InternalError", sender: bool = False) -> Said:
    """An answer in which these entries failed and the others did not."""

    def said(told: Told) -> tuple[int, bytes]:
        fine = [each for each in told["Successful"] if each["Id"] not in ids]
        failed = [{"Id": id_, "Code": code, "SenderFault": sender, "Message": "so it is"} for id_ in ids]
        return 200, msgspec.json.encode({"Successful": fine, "Failed": failed})

    return said


CALLS: dict[str, Callable[[Sqs, str], Any]] = {
    "SendMessageBatch": lambda sqs, url: sqs.send(url, [ENTRY]),
    "GetQueueAttributes": lambda sqs, url: sqs.attributes(url),
    "ReceiveMessage": lambda sqs, url: sqs.receive(url, visibility=9, wait=0),
}


@pytest.mark.parametrize("action", [action for action in CALLS if action != "ReceiveMessage"])
@pytest.mark.parametrize("status", [500, 503, 504, 408])
async def test_a_fault_of_the_service_is_tried_again(action: str, status: int) -> None:
    retold = Retold(action, fails(status))
    await CALLS[action](Sqs(retold), retold.queue.url)
    assert len(retold.asked) == 2


@pytest.mark.parametrize("status", [500, 503, 504, 408])
async def test_a_receive_on_which_the_service_failed_may_have_hidden_messages_and_is_not_repeated(status: int) -> None:
    retold = Retold("ReceiveMessage", fails(status))
    with pytest.raises(Unanswered, match=f"HTTP {status}"):
        await Sqs(retold).receive(retold.queue.url, visibility=9, wait=0)
    assert len(retold.asked) == 1


@pytest.mark.parametrize("action", CALLS)
async def test_a_fault_of_the_caller_is_said_at_once(action: str) -> None:
    retold = Retold(action, fails(400, "InvalidAttributeName"))
    with pytest.raises(Refused, match=rf"SQS refused {action}: so it is \(InvalidAttributeName\)\.$") as refused:
        await CALLS[action](Sqs(retold), retold.queue.url)
    assert (refused.value.fault, len(retold.asked)) == ("InvalidAttributeName", 1)


async def test_a_fault_of_the_service_that_does_not_end_is_said_after_as_many_attempts_as_are_allowed() -> None:
    retold = Retold("GetQueueAttributes", *[fails(500, "InternalFailure")] * 9)
    with pytest.raises(Refused, match="InternalFailure"):
        await Sqs(retold, attempts=3).attributes(retold.queue.url)
    assert len(retold.asked) == 3


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("MD5OfMessageBody", "SQS confirmed another body than was sent (MD5)"),
        ("MD5OfMessageAttributes", "SQS confirmed other attributes than were sent (MD5)"),
    ],
)
async def test_what_sqs_took_otherwise_than_it_was_sent_is_not_taken(field: str, said: str) -> None:
    retold = Retold("SendMessageBatch", changed(field, "0" * 32))
    sqs, taken = Sqs(retold), []
    sqs.taken = lambda entry, id_: taken.append((entry.id, id_))
    assert await sqs.send(retold.queue.url, [ENTRY]) == {"1": said}
    assert (taken, sqs.unsure, len(retold.asked)) == ([], 1, 1)


async def test_an_sqs_that_counts_no_attributes_is_believed() -> None:
    def silent(told: Told) -> tuple[int, bytes]:
        del told["Successful"][0]["MD5OfMessageAttributes"]
        return 200, msgspec.json.encode(told)

    retold = Retold("SendMessageBatch", silent)
    assert await Sqs(retold).send(retold.queue.url, [ENTRY]) == {"1": None}


async def test_what_sqs_confirmed_is_told_with_its_id() -> None:
    retold, taken = Retold("SendMessageBatch"), []
    sqs = Sqs(retold)
    sqs.taken = lambda entry, id_: taken.append((entry.id, id_))
    await sqs.send(retold.queue.url, [ENTRY])
    (message,) = await sqs.receive(retold.queue.url, visibility=9, wait=0)
    assert (taken, sqs.unsure) == ([("1", message.message_id)], 0)


async def test_an_entry_on_which_the_service_failed_is_sent_again_alone_and_one_that_is_wrong_is_not() -> None:
    entries = [Entry(id_, f"body {id_}") for id_ in ("a", "b", "c")]

    def said(told: Told) -> tuple[int, bytes]:
        fine = [each for each in told["Successful"] if each["Id"] == "c"]
        failed = [
            {"Id": "a", "Code": "InternalError", "SenderFault": False},
            {"Id": "b", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "no"},
        ]
        return 200, msgspec.json.encode({"Successful": fine, "Failed": failed})

    retold = Retold("SendMessageBatch", said)
    told = await Sqs(retold).send(retold.queue.url, entries)
    assert told == {"a": None, "b": "no (InvalidMessageContents)", "c": None}
    assert [[entry["Id"] for entry in asked["Entries"]] for asked in retold.asked] == [["a", "b", "c"], ["a"]]


@pytest.mark.parametrize("action", ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
async def test_of_ten_messages_by_whatever_names_those_are_told_that_sqs_dealt_with(action: str) -> None:
    retold = Retold(action, refuses("3", "5"), refuses("5", code="ReceiptHandleIsInvalid", sender=True))
    sqs = Sqs(retold)
    await sqs.send(retold.queue.url, [Entry(str(number), "body") for number in range(10)])
    received = await sqs.receive(retold.queue.url, visibility=60, wait=0)
    names = [f"a name with blanks, {number}" * 5 for number in range(10)]
    receipts = {name: message.receipt_handle for name, message in zip(names, received, strict=True)}
    if action == "DeleteMessageBatch":
        done = await sqs.delete(retold.queue.url, receipts)
    else:
        done = await sqs.hide(retold.queue.url, receipts, 77)
        assert {entry["VisibilityTimeout"] for asked in retold.asked for entry in asked["Entries"]} == {77}
    assert done == set(names) - {names[5]}
    # Again only what the service failed on, and each with its own handle.
    first, second = (asked["Entries"] for asked in retold.asked)
    assert second == [first[3], first[5]]
    assert [entry["ReceiptHandle"] for entry in first] == list(receipts.values())


async def test_what_may_be_sent_no_more_is_not_sent_and_said_to_have_lapsed() -> None:
    retold = Retold("SendMessageBatch")
    sqs = Sqs(retold)
    sqs.lapsed = lambda ids: {"a"} & set(ids)
    assert await sqs.send(retold.queue.url, [Entry("a", "x"), Entry("b", "y")]) == {"a": LAPSED, "b": None}
    assert retold.queue.arrived == ["y"]


async def test_attributes_that_were_asked_for_and_do_not_come_are_no_answer() -> None:
    retold = Retold("GetQueueAttributes")
    sqs = Sqs(retold)
    assert (await sqs.attributes(retold.queue.url, ["QueueArn"]))["QueueArn"] == retold.queue.arn
    with pytest.raises(Unanswered, match="its answer has no Policy"):
        await sqs.attributes(retold.queue.url, ["QueueArn", "Policy"])


async def test_a_receive_without_answer_is_not_repeated_and_counted() -> None:
    retold = Retold("ReceiveMessage", lambda _: (200, b"{"))
    sqs = Sqs(retold)
    with pytest.raises(Unanswered):
        await sqs.receive(retold.queue.url, visibility=9, wait=0)
    assert (len(retold.asked), sqs.unanswered) == (1, {"ReceiveMessage": 1})


async def test_a_receive_asks_for_ten_messages_with_all_that_is_known_of_them() -> None:
    retold = Retold("ReceiveMessage")
    await Sqs(retold).receive(retold.queue.url, visibility=9, wait=2)
    assert retold.asked == [
        {
            "QueueUrl": retold.queue.url,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 9,
            "WaitTimeSeconds": 2,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        }
    ]


async def test_credentials_that_ran_out_are_renewed_or_else_named() -> None:
    retold = Retold("GetQueueAttributes", *[fails(403, "ExpiredToken")] * 3)
    sqs = Sqs(retold)
    with pytest.raises(Refused, match=r"\(ExpiredToken\)\. Sign in to AWS again\.$"):
        await sqs.attributes(retold.queue.url)
    sqs.renew = lambda: True
    await sqs.attributes(retold.queue.url)
    assert len(retold.asked) == 4


async def test_of_nothing_nothing_is_asked() -> None:
    retold = Retold("DeleteMessageBatch")
    sqs = Sqs(retold)
    assert await sqs.delete(retold.queue.url, {}) == set() == await sqs.hide(retold.queue.url, {}, 0)
    assert retold.asked == []


SIGNED_OUT = (
    *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"),
    "UnrecognizedClientException",
)


@pytest.mark.parametrize("code", SIGNED_OUT)
async def test_whatever_says_that_credentials_ran_out_is_cured_by_others(code: str) -> None:
    retold = Retold("GetQueueAttributes", fails(403, code), fails(403, code))
    sqs, renewed = Sqs(retold), list[bool]()
    with pytest.raises(
        Refused, match=rf"^SQS refused GetQueueAttributes: so it is \({code}\)\. Sign in to AWS again\.$"
    ):
        await sqs.attributes(retold.queue.url)

    def renew() -> bool:
        renewed.append(True)
        return True

    sqs.renew = renew
    await sqs.attributes(retold.queue.url)
    assert (len(retold.asked), len(renewed)) == (3, 1)


async def test_of_many_calls_whose_credentials_ran_out_one_asks_for_others() -> None:
    expired, renewed = [True], list[bool]()
    sqs = FakeSqs()
    url = sqs.create("work").url

    async def serve(action: str, payload: bytes) -> tuple[int, bytes]:
        was = bool(expired)
        await asyncio.sleep(1)
        return fails(403, "ExpiredToken")({}) or (0, b"") if was else await sqs(action, payload)

    def renew() -> bool:
        expired.clear()
        renewed.append(True)
        return True

    client = Sqs(serve)
    client.renew = renew
    await asyncio.gather(*(client.attributes(url) for _ in range(5)))
    assert renewed == [True]


async def test_credentials_that_ran_out_are_not_renewed_after_the_last_attempt() -> None:
    retold = Retold("GetQueueAttributes", *[fails(403, "ExpiredToken")] * 9)
    sqs, renewed = Sqs(retold, attempts=3), list[bool]()

    def renew() -> bool:
        renewed.append(True)
        return True

    sqs.renew = renew
    with pytest.raises(Refused, match="ExpiredToken"):
        await sqs.attributes(retold.queue.url)
    assert (len(retold.asked), len(renewed)) == (3, 2)


@pytest.mark.parametrize("code", ["RequestTimeout", "RequestTimeoutException"])
@pytest.mark.parametrize("action", CALLS)
async def test_a_request_that_came_too_slowly_is_made_again(action: str, code: str) -> None:
    retold = Retold(action, fails(400, code))
    await CALLS[action](Sqs(retold), retold.queue.url)
    assert len(retold.asked) == 2


@pytest.mark.parametrize(
    ("body", "fault", "said"),
    [
        (b'{"__type": "com.amazonaws.sqs#Odd", "message": "no"}', "Odd", "no"),
        (
            b'{"__type": "AWS.SimpleQueueService.Odd:http://internal/", "Message": "no"}',
            "AWS.SimpleQueueService.Odd",
            "no",
        ),
        (b'{"__type": "Odd"}', "Odd", "Odd"),
        (b'{"message": "no"}', "HTTP 400", "no"),
        (b"{}", "HTTP 400", "HTTP 400"),
        (b"<html>", "HTTP 400", "HTTP 400"),
    ],
)
async def test_a_refusal_is_said_with_what_is_known_of_it(body: bytes, fault: str, said: str) -> None:
    retold = Retold("GetQueueAttributes", lambda _: (400, body))
    with pytest.raises(Refused) as refused:
        await Sqs(retold).attributes(retold.queue.url)
    assert str(refused.value) == f"SQS refused GetQueueAttributes: {said} ({fault})."
    assert refused.value.fault == fault


async def test_an_entry_of_which_is_said_that_it_failed_and_nothing_else_is_sent_again() -> None:
    retold = Retold("SendMessageBatch", *[lambda _: (200, b'{"Failed": [{"Id": "1"}]}')] * 9)
    assert await Sqs(retold, attempts=3).send(retold.queue.url, [ENTRY]) == {"1": " ()"}
    assert len(retold.asked) == 3


async def test_an_answer_about_what_was_not_asked_changes_nothing() -> None:
    strange = {"Id": "strange", "MessageId": "m", "MD5OfMessageBody": "0"}

    def said(told: Told) -> tuple[int, bytes]:
        failed = [{"Id": "stranger", "Code": "Odd", "SenderFault": True}]
        return 200, msgspec.json.encode({"Successful": [strange, *told["Successful"]], "Failed": failed})

    retold, taken = Retold("SendMessageBatch", said), list[str]()
    sqs = Sqs(retold)
    sqs.taken = lambda entry, _: taken.append(entry.id)
    assert await sqs.send(retold.queue.url, [ENTRY]) == {"1": None}
    assert (taken, sqs.unsure, len(retold.asked)) == (["1"], 0, 1)


@pytest.mark.parametrize("action", ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
async def test_a_batch_answered_with_nothing_did_nothing_and_is_over(action: str) -> None:
    retold = Retold(action, lambda _: (200, b"{}"))
    sqs = Sqs(retold)
    call = sqs.delete if action == "DeleteMessageBatch" else lambda url, receipts: sqs.hide(url, receipts, 0)
    assert await call(retold.queue.url, {"a": "receipt"}) == set()
    assert len(retold.asked) == 1


async def test_an_entry_on_which_the_service_fails_again_and_again_is_given_up() -> None:
    again = refuses("0")
    retold = Retold("DeleteMessageBatch", *[again] * 9)
    sqs = Sqs(retold, attempts=3)
    await sqs.send(retold.queue.url, [ENTRY])
    (message,) = await sqs.receive(retold.queue.url, visibility=60, wait=0)
    assert await sqs.delete(retold.queue.url, {"a": message.receipt_handle}) == set()
    assert len(retold.asked) == 3
