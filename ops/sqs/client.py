"""SQS's calls that move messages: ten at a time, each entry judged on its own, throttles waited out."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ops.errors import OpsError
from ops.sqs.message import UNREADABLE, Entry, Message, md5_of_attributes, md5_of_body
from ops.sqs.throttle import TRANSIENT, is_throttle
from ops.sqs.transport import Transport, Unanswered

TEN = 10
THROTTLED_ATTEMPTS = 20
"""How often a call is made that is refused for being too fast: with the pauses between, for two minutes."""

TOO_LARGE = frozenset({"HTTP 413"})
"""What a proxy says of a batch that it does not let through; its messages may fit one by one."""
GIVEN_UP = frozenset({408, 502, 504})
"""The statuses by which whoever stands between says that it had no answer of SQS, or none that it could read."""
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""Faults of credentials that held before and do not any more."""
LAPSED = "it was held for too long, and others may have it now"
"""Why a message is not sent that may be sent no more."""
UNSAID = "SQS did not say what became of it"
"""Why a message counts as not sent that may have been."""
DOUBTS = 2
"""How often a message is sent of which SQS answers, but not whether it took it: each may be one copy more."""


class Refused(OpsError):
    """SQS answered with an error that trying again does not cure; `fault` is its code."""

    def __init__(self, action: str, fault: str, message: str | None) -> None:
        again = " Sign in to AWS again." if fault in EXPIRED else ""
        super().__init__(f"SQS refused {action}: {message or fault} ({fault}).{again}")
        self.fault = fault


class _Lapsed(Exception):
    """What was to be sent may be sent no more."""


class _Sent(Struct, rename="pascal", gc=False):
    id: str
    message_id: str
    md5_of_message_body: str = msgspec.field(name="MD5OfMessageBody")
    md5_of_message_attributes: str | None = msgspec.field(default=None, name="MD5OfMessageAttributes")


class _Done(Struct, rename="pascal", gc=False):
    id: str


class _Failed(Struct, rename="pascal", gc=False):
    id: str
    code: str = ""
    sender_fault: bool = False
    message: str | None = None


class _Received(Struct, rename="pascal"):
    messages: list[Message] | None = None


class _SendAnswer(Struct, rename="pascal"):
    successful: list[_Sent] = []
    failed: list[_Failed] = []


class _BatchAnswer(Struct, rename="pascal"):
    successful: list[_Done] = []
    failed: list[_Failed] = []


class _Attributes(Struct, rename="pascal"):
    attributes: dict[str, str] = {}


class _Fault(Struct):
    kind: str = msgspec.field(default="", name="__type")
    message: str | None = None
    spelled: str | None = msgspec.field(default=None, name="Message")


A = TypeVar("A")


def nothing(*_: object) -> None:
    """Takes note of nothing."""


class Sqs:
    """SQS through a transport.

    Faults of the service are retried after growing random pauses, and so is a call that got no answer. Throttles, of
    a whole call and of an entry alike, are waited out for two minutes. On a standard queue a send without answer may
    arrive twice: `unanswered` counts, by action, the calls without answer and `unsure` the messages in such sends,
    and those of which something else was answered than whether SQS took them. Of these it is asked twice only, but
    where SQS or a server before it says that it failed.
    `throttled` counts the refusals for being too fast, of calls and of entries. `elsewhere` are the transports to
    queues, by their URLs, that are in another region. `lapsed` is asked before every attempt which of these entry ids
    may be sent no more, and `taken` is told what SQS confirmed, with the id that it gave it. `renew` is called when the
    credentials have run out: whether there are others now.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        attempts: int = 8,
        pause: float = 0.1,
        elsewhere: Mapping[str, Transport] | None = None,
    ) -> None:
        self._transport = transport
        self._elsewhere = elsewhere or {}
        self.attempts = attempts
        self._pause = pause
        self.unanswered: dict[str, int] = {}
        self.unsure = 0
        self.throttled = 0
        self.lapsed: Callable[[Iterable[str]], Collection[str]] = lambda _: ()
        self.taken: Callable[[Entry, str], None] = nothing
        self.renew: Callable[[], bool] = lambda: False
        self._renewals = 0

    async def receive(self, url: str, *, visibility: int, wait: int) -> list[Message]:
        """Up to ten messages, hidden from others for `visibility` seconds; waits up to `wait` seconds for the first.

        Raises `Refused`, and `Unanswered` where no answer came: then messages may be hidden that nobody holds. That is
        for the caller to know, so this call is not repeated here.
        """
        request = {
            "QueueUrl": url,
            "MaxNumberOfMessages": TEN,
            "VisibilityTimeout": visibility,
            "WaitTimeSeconds": wait,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        }
        return (await self._call("ReceiveMessage", request, _Received, repeat=False)).messages or []

    async def send(self, url: str, entries: Sequence[Entry]) -> dict[str, str | None]:
        """Sends up to ten messages: by entry id None where SQS confirmed what was sent, else why not.

        Entries that fail through no fault of theirs are sent again, as long as they may be: else `LAPSED`. Raises
        `Refused` where SQS refuses the whole batch, `Unanswered` where no answer came.
        """
        outcome: dict[str, str | None] = {}
        waiting = {entry.id: entry for entry in entries}
        doubts = 0
        for attempt in itertools.count():
            for id_ in self.lapsed(waiting):
                outcome[id_] = LAPSED
                del waiting[id_]
            if not waiting:
                break
            try:
                answer = await self._call(
                    "SendMessageBatch", {"QueueUrl": url, "Entries": list(waiting.values())}, _SendAnswer, list(waiting)
                )
            except _Lapsed:
                continue
            except Refused as refusal:
                if refusal.fault not in TOO_LARGE:
                    raise
                if len(waiting) == 1:
                    return outcome | dict.fromkeys(waiting, str(refusal))
                for alone in waiting.values():
                    outcome |= await self.send(url, [alone])
                return outcome
            refused = {failed.id for failed in answer.failed}
            for sent in answer.successful:
                if (entry := waiting.pop(sent.id, None)) is None:
                    continue
                doubt = "SQS says both that it took it and that it did not" if sent.id in refused else None
                outcome[sent.id] = doubt or _confirmed(entry, sent)
                if outcome[sent.id] is None:
                    self.taken(entry, sent.message_id)
                else:
                    self.unsure += 1
            if unsaid := waiting.keys() - refused:
                self.unsure += len(unsaid)
                doubts += 1
            if doubts == DOUBTS:
                outcome |= dict.fromkeys(unsaid, UNSAID)
                waiting = {id_: entry for id_, entry in waiting.items() if id_ not in unsaid}
            throttled = self._throttled(answer.failed)
            for failed in answer.failed:
                if failed.id not in waiting:
                    continue
                outcome[failed.id] = f"{failed.message or failed.code} ({failed.code})"
                if failed.sender_fault and failed.id not in throttled:
                    del waiting[failed.id]
            if not waiting or self._over(attempt, throttled=not throttled.isdisjoint(waiting)):
                break
            await self.pause(attempt)
        for id_ in waiting:
            outcome.setdefault(id_, UNSAID)
        return outcome

    async def delete(self, url: str, receipts: Mapping[str, str]) -> set[str]:
        """Deletes up to ten messages, given as receipt handles by id; the ids that SQS did delete.

        Raises `Refused`, and `Unanswered` where no answer came.
        """
        return await self._batch(
            "DeleteMessageBatch", url, [(id_, {"ReceiptHandle": r}) for id_, r in receipts.items()]
        )

    async def hide(self, url: str, receipts: Mapping[str, str], seconds: int) -> set[str]:
        """Hides up to ten messages for so many seconds from now (0 shows them at once); the ids for which it worked.

        Raises `Refused`, and `Unanswered` where no answer came.
        """
        change = [(id_, {"ReceiptHandle": r, "VisibilityTimeout": seconds}) for id_, r in receipts.items()]
        return await self._batch("ChangeMessageVisibilityBatch", url, change)

    async def attributes(self, url: str, names: Iterable[str] = ("All",)) -> dict[str, str]:
        """The queue's attributes. Raises `Refused`, and `Unanswered` where no answer came that has those asked for."""
        wanted = list(names)
        request = {"QueueUrl": url, "AttributeNames": wanted}
        found = (await self._call("GetQueueAttributes", request, _Attributes)).attributes
        if missing := [name for name in wanted if name != "All" and name not in found]:
            raise Unanswered(f"its answer has no {missing[0]}")
        return found

    async def _batch(self, action: str, url: str, changes: Sequence[tuple[str, dict[str, Any]]]) -> set[str]:
        # A message id is a valid entry id, but ids that a person gave may not be; an index always is.
        entries = [{"Id": str(index), **change} for index, (_, change) in enumerate(changes)]
        done: set[str] = set()
        for attempt in itertools.count() if entries else ():
            answer = await self._call(action, {"QueueUrl": url, "Entries": entries}, _BatchAnswer)
            asked = {str(index): id_ for index, (id_, _) in enumerate(changes)}
            done.update(asked[success.id] for success in answer.successful if success.id in asked)
            throttled = self._throttled(answer.failed)
            again = throttled | {failed.id for failed in answer.failed if not failed.sender_fault}
            entries = [entry for entry in entries if entry["Id"] in again]
            if not entries or self._over(attempt, throttled=bool(throttled)):
                break
            await self.pause(attempt)
        return done

    async def _call(
        self,
        action: str,
        request: Mapping[str, Any],
        answer: type[A],
        sends: Sequence[str] = (),
        *,
        repeat: bool = True,
    ) -> A:
        payload = msgspec.json.encode(request)
        transport = self._elsewhere.get(request["QueueUrl"], self._transport)
        fifo = request["QueueUrl"].endswith(".fifo")  # which takes no copy
        doubts = 0
        for attempt in itertools.count():
            last = self._over(attempt)
            if attempt and self.lapsed(sends):  # whoever calls this has just looked himself
                raise _Lapsed
            renewals = self._renewals
            self.unsure += len(sends)  # also where this is cut off while it waits for the answer
            try:
                status, body = await transport(action, payload)
                if status == 200:
                    doubts += 1
                    read = _read(body, answer)
                    self.unsure -= len(sends)
                    return read
            except Unanswered:
                self.unanswered[action] = self.unanswered.get(action, 0) + 1
                if last or not repeat or (sends and doubts == DOUBTS and not fifo):
                    raise
                await self.pause(attempt)
                continue
            fault, message = _fault(status, body)
            throttled = is_throttle(fault, status)
            if not (unsaid := not throttled and _is_unsaid(status, fault)):
                self.unsure -= len(sends)
            elif not repeat:
                raise Unanswered(f"HTTP {status}")
            doubts += status in GIVEN_UP
            if sends and doubts == DOUBTS and not fifo:
                raise Unanswered(f"HTTP {status}")
            if fault in EXPIRED and not last and self._renewed(renewals):
                continue
            self.throttled += throttled
            again = throttled or unsaid or status // 100 == 5 or fault in TRANSIENT
            if not again or self._over(attempt, throttled=throttled):
                raise Refused(action, fault, message)
            await self.pause(attempt)
        raise AssertionError("every attempt either returns or raises")

    def _over(self, attempt: int, *, throttled: bool = False) -> bool:
        """Whether that attempt, counted from 0, was the last."""
        return attempt + 1 >= (max(THROTTLED_ATTEMPTS, self.attempts) if throttled else self.attempts)

    def _throttled(self, failed: Iterable[_Failed]) -> set[str]:
        """The ids of the entries that were refused for being too fast."""
        ids = {each.id for each in failed if is_throttle(each.code)}
        self.throttled += len(ids)
        return ids

    def _renewed(self, renewals: int) -> bool:
        """Whether there are other credentials than after so many renewals."""
        if self._renewals == renewals:
            self._renewals += self.renew()
        return self._renewals > renewals

    async def pause(self, attempt: int) -> None:
        """A random pause that grows with the attempts, so that many clients do not come back together.

        https://docs.aws.amazon.com/general/latest/gr/api-retries.html
        """
        await asyncio.sleep(random.uniform(0, min(self._pause * 2**attempt, 20)))


def _read(body: bytes, answer: type[A]) -> A:
    try:
        return msgspec.json.decode(body, type=answer)
    except UNREADABLE:
        raise Unanswered("its answer is cut off, or no answer of SQS") from None


def _confirmed(entry: Entry, sent: _Sent) -> str | None:
    if sent.md5_of_message_body != md5_of_body(entry.message_body):
        return "SQS confirmed another body than was sent (MD5)"
    attributes = md5_of_attributes(entry.message_attributes)
    if sent.md5_of_message_attributes is not None and sent.md5_of_message_attributes != attributes:
        return "SQS confirmed other attributes than were sent (MD5)"
    return None


def _is_unsaid(status: int, fault: str) -> bool:
    """Whether that refusal, which is no throttle, leaves open if the call was carried out.

    A fault that SQS names is its own word for it, but an internal failure; servers before it fail by the status alone.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    """
    return status in GIVEN_UP or status == 500 or (status > 500 and fault == f"HTTP {status}")


def _fault(status: int, body: bytes) -> tuple[str, str | None]:
    try:
        fault = msgspec.json.decode(body, type=_Fault)
    except UNREADABLE:
        return f"HTTP {status}", None
    # `com.amazonaws.sqs#QueueDoesNotExist`, or the older `AWS.SimpleQueueService.NonExistentQueue`
    # or with what follows a colon, which is no part of it.
    # https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
    return fault.kind.rpartition("#")[2].partition(":")[0] or f"HTTP {status}", fault.message or fault.spelled
