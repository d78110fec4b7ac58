"""SQS in memory, as AWS documents it, in its JSON protocol: what the mover is tested on and measured against.

It keeps the rules that a mover can break: visibility and receipt handles, FIFO groups that stay locked behind an
invisible head, five minutes of deduplication, moves to the dead-letter queue after too many receives,
checksums, limits.
Its clock is the event loop's, but for the time at which a message was sent.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
import uuid
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from ops.sqs.message import MOST_ATTRIBUTES, MOST_BYTES, Entry, Value, md5_of_attributes, md5_of_body

REMEMBERED = 300
"""Seconds for which a FIFO queue remembers a deduplication id."""
MOST_IN_FLIGHT = 120_000
REGION = "eu-west-1"
ACCOUNT = "000000000000"


class Fault(Exception):
    """An answer with an error."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message or code


class Stored(Struct, eq=False):
    """A message in a queue."""

    id: str
    body: str
    attributes: dict[str, Value]
    number: int
    group: str | None = None
    deduplication: str | None = None
    trace: str | None = None
    source: str | None = None
    sent: int = 0
    receives: int = 0
    receipt: str = ""
    visible: float = 0.0
    gone: bool = False


class FakeQueue:
    """One queue. `dead` and `receives` are its redrive policy."""

    def __init__(self, url: str, dead: FakeQueue | None = None, receives: int = 0, region: str = REGION) -> None:
        self.url = url
        self.account, self.name = url.rsplit("/", 2)[-2:]
        self.arn = f"arn:aws:sqs:{region}:{self.account}:{self.name}"
        self.fifo = url.endswith(".fifo")
        self.dead = dead
        self.receives = receives
        self.arrived: list[str] = []
        """The bodies of all messages that were ever accepted, in order; empty where `record` is off."""
        self.record = True
        self.most_bytes = MOST_BYTES
        self._numbers = itertools.count()
        self._ready: deque[Stored] = deque()
        self._hidden: list[tuple[float, int, Stored]] = []
        self._flying: dict[str, Stored] = {}
        self._groups: dict[str, deque[Stored]] = {}
        self._open: deque[str] = deque()
        self._queued: set[str] = set()
        self._remembered: dict[str, tuple[float, str]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def in_flight(self) -> int:
        """Messages that were received and are not visible."""
        now = _now()
        return sum(message.visible > now for message in self._flying.values())

    def put(self, entry: Entry, *, id_: str | None = None, source: str | None = None) -> str:
        """Accepts a message and answers its id. Raises `Fault` as SQS does."""
        if not entry.message_body or entry.size > self.most_bytes:
            raise Fault("InvalidParameterValue", "One or more parameters are invalid.")
        if len(entry.message_attributes) > MOST_ATTRIBUTES:
            raise Fault("InvalidParameterValue", "Number of message attributes exceeds the allowed maximum.")
        if self.fifo:
            if not entry.message_group_id or not entry.message_deduplication_id:
                raise Fault("MissingParameter", "The request must contain the parameter MessageGroupId.")
            until, first = self._remembered.get(entry.message_deduplication_id, (0.0, ""))
            if until > _now():
                return first
        trace = entry.message_system_attributes.get("AWSTraceHeader")
        message = Stored(
            id_ or str(uuid.uuid4()),
            entry.message_body,
            entry.message_attributes,
            next(self._numbers),
            entry.message_group_id,
            entry.message_deduplication_id,
            trace.string_value if trace else None,
            source,
            round(time.time() * 1000),
        )
        if entry.message_deduplication_id is not None:
            self._remembered[entry.message_deduplication_id] = (_now() + REMEMBERED, message.id)
        if self.record:
            self.arrived.append(message.body)
        self._add(message)
        return message.id

    def take(self, most: int, visibility: float) -> list[Stored]:
        """Receives up to `most` messages."""
        self._wake()
        if len(self._flying) + most > MOST_IN_FLIGHT and self.in_flight + most > MOST_IN_FLIGHT:
            raise Fault("OverLimit", "Too many messages in flight.")
        taken: list[Stored] = []
        while len(taken) < most:
            found = self._next_of_groups(most - len(taken)) if self.fifo else self._next()
            if not found:
                break
            for message in found:
                message.receives += 1
                if self.dead is not None and message.receives > self.receives:
                    self._bury(message)
                    continue
                message.visible = _now() + visibility
                message.receipt = f"{message.id}#{message.receives}#{uuid.uuid4().hex[:6]}"
                self._flying[message.id] = message
                heapq.heappush(self._hidden, (message.visible, message.number, message))
                taken.append(message)
        return taken

    def remove(self, receipt: str) -> None:
        """Deletes a message by its receipt handle. Raises `Fault` as SQS does."""
        message = self._flying.get(receipt.split("#")[0])
        stale = message is None or message.receipt != receipt
        if self.fifo and message is not None and (stale or message.visible <= _now()):
            raise Fault("InvalidParameterValue", "The receipt handle has expired.")
        if message is not None and not stale:
            self._drop(message)

    def hide(self, receipt: str, seconds: int) -> None:
        """Changes a message's visibility. Raises `Fault` as SQS does."""
        message = self._flying.get(receipt.split("#")[0])
        if message is None or message.receipt != receipt or message.visible <= _now():
            raise Fault("MessageNotInflight")
        message.visible = _now() + seconds
        heapq.heappush(self._hidden, (message.visible, message.number, message))

    def show_all(self) -> None:
        """Makes everything visible that is hidden, as if it was long ago that it was received."""
        for message in list(self._flying.values()):
            if message.visible > _now():
                self.hide(message.receipt, 0)

    def bodies(self) -> list[str]:
        """The bodies of what is in the queue, visible or not, in order of arrival."""
        waiting = [*self._ready, *itertools.chain.from_iterable(self._groups.values())]
        flying = [] if self.fifo else list(self._flying.values())
        every = {message.id: message for message in (*waiting, *flying) if not message.gone}
        return [message.body for message in sorted(every.values(), key=lambda message: message.number)]

    def _add(self, message: Stored) -> None:
        self._count += 1
        if not self.fifo:
            self._ready.append(message)
            return
        assert message.group is not None
        self._groups.setdefault(message.group, deque()).append(message)
        self._look(message.group)

    def _look(self, group: str | None) -> None:
        if group in self._groups and group not in self._queued:
            self._queued.add(group)
            self._open.append(group)

    def _wake(self) -> None:
        now = _now()
        while self._hidden and self._hidden[0][0] <= now:
            _, _, message = heapq.heappop(self._hidden)
            if message.gone or message.visible > now or message.id not in self._flying:
                continue
            if self.fifo:
                self._look(message.group)
            else:
                del self._flying[message.id]
                self._ready.append(message)

    def _next(self) -> list[Stored]:
        while self._ready:
            message = self._ready.popleft()
            if not message.gone:
                return [message]
        return []

    def _next_of_groups(self, most: int) -> list[Stored]:
        """As many messages of one group as are visible from its head on: an invisible head locks the group."""
        now = _now()
        while self._open:
            group = self._open.popleft()
            self._queued.discard(group)
            there = (message for message in self._groups.get(group, ()) if not message.gone)
            found = list(itertools.islice(itertools.takewhile(lambda message: message.visible <= now, there), most))
            if found:
                return found
        return []

    def _drop(self, message: Stored) -> None:
        message.gone = True
        self._count -= 1
        self._flying.pop(message.id, None)
        if not self.fifo:
            return
        assert message.group is not None
        queue = self._groups[message.group]
        while queue and queue[0].gone:
            queue.popleft()
        if not queue:
            del self._groups[message.group]
        self._look(message.group)

    def _bury(self, message: Stored) -> None:
        assert self.dead is not None
        self._drop(message)
        trace = {"AWSTraceHeader": Value("String", message.trace)} if message.trace else {}
        entry = Entry(
            message.id, message.body, message.attributes, trace, message.group, message.id if self.fifo else None
        )
        self.dead.put(entry, id_=message.id, source=self.arn)


class _Delete(Struct, rename="pascal"):
    id: str
    receipt_handle: str
    visibility_timeout: int = 0


class _Request(Struct, rename="pascal"):
    queue_url: str = ""
    queue_name: str = ""
    owner: str = msgspec.field(default=ACCOUNT, name="QueueOwnerAWSAccountId")
    entries: msgspec.Raw = msgspec.Raw(b"[]")
    max_number_of_messages: int = 1
    visibility_timeout: int = 30
    wait_time_seconds: int = 0


class FakeSqs:
    """One region's SQS, a transport that answers from memory. `latency` is how many seconds every call takes."""

    def __init__(self, latency: float = 0.0, region: str = REGION) -> None:
        self.latency = latency
        self.region = region
        self.queues: dict[str, FakeQueue] = {}

    def create(
        self, name: str, dead: FakeQueue | None = None, receives: int = 3, *, account: str = ACCOUNT
    ) -> FakeQueue:
        """A new queue."""
        url = f"http://sqs/{account}/{name}"
        return self.queues.setdefault(url, FakeQueue(url, dead, receives, self.region))

    def _named(self, name: str, account: str) -> FakeQueue:
        return self.queues[f"http://sqs/{account}/{name}"]

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Carries out one request."""
        if self.latency:
            await asyncio.sleep(self.latency)
        request = msgspec.json.decode(payload, type=_Request)
        try:
            queue = (
                self._named(request.queue_name, request.owner) if request.queue_name else self.queues[request.queue_url]
            )
            answer = await getattr(self, f"_{action}")(queue, request)
        except KeyError:
            return 400, msgspec.json.encode(
                {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "No such queue."}
            )
        except Fault as fault:
            return 400, msgspec.json.encode({"__type": f"com.amazonaws.sqs#{fault.code}", "message": fault.message})
        return 200, msgspec.json.encode(answer)

    async def _ReceiveMessage(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802 - SQS's name
        until = _now() + request.wait_time_seconds
        taken = queue.take(request.max_number_of_messages, request.visibility_timeout)
        while not taken and _now() < until:
            await asyncio.sleep(0.02)
            taken = queue.take(request.max_number_of_messages, request.visibility_timeout)
        return {"Messages": [_received(message) for message in taken]}

    async def _SendMessageBatch(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        entries = msgspec.json.decode(request.entries, type=list[Entry])
        if len(entries) > 10:
            raise Fault("TooManyEntriesInBatchRequest")
        if sum(entry.size for entry in entries) > MOST_BYTES:
            raise Fault("BatchRequestTooLong")
        return _each(entries, lambda entry: _sent(queue, entry))

    async def _DeleteMessageBatch(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        entries = msgspec.json.decode(request.entries, type=list[_Delete])
        return _each(entries, lambda entry: queue.remove(entry.receipt_handle))

    async def _ChangeMessageVisibilityBatch(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        entries = msgspec.json.decode(request.entries, type=list[_Delete])
        return _each(entries, lambda entry: queue.hide(entry.receipt_handle, entry.visibility_timeout))

    async def _GetQueueUrl(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        return {"QueueUrl": queue.url}

    async def _ListDeadLetterSourceQueues(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        return {"queueUrls": [each.url for each in self.queues.values() if each.dead is queue]}

    async def _GetQueueAttributes(self, queue: FakeQueue, request: _Request) -> Any:  # noqa: N802
        flying = queue.in_flight
        counts = {
            "ApproximateNumberOfMessages": str(len(queue) - flying),
            "ApproximateNumberOfMessagesNotVisible": str(flying),
            "ApproximateNumberOfMessagesDelayed": "0",
            "QueueArn": queue.arn,
            "MaximumMessageSize": str(queue.most_bytes),
        }
        if queue.dead is not None:
            policy = {"deadLetterTargetArn": queue.dead.arn, "maxReceiveCount": str(queue.receives)}
            counts["RedrivePolicy"] = msgspec.json.encode(policy).decode()
        return {"Attributes": counts}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _received(message: Stored) -> dict[str, Any]:
    system = {
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.receives),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication,
        "AWSTraceHeader": message.trace,
        "DeadLetterQueueSourceArn": message.source,
    }
    received = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5_of_body(message.body),
        "Attributes": {name: value for name, value in system.items() if value is not None},
    }
    return {**received, "MessageAttributes": message.attributes} if message.attributes else received


def _sent(queue: FakeQueue, entry: Entry) -> dict[str, Any]:
    sent = {"MessageId": queue.put(entry), "MD5OfMessageBody": md5_of_body(entry.message_body)}
    attributes = md5_of_attributes(entry.message_attributes)
    return {**sent, "MD5OfMessageAttributes": attributes} if attributes else sent


def _each(entries: Iterable[Any], act: Any) -> dict[str, list[dict[str, Any]]]:
    """Carries out a batch, each entry judged on its own."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            done.append({"Id": entry.id, **(act(entry) or {})})
        except Fault as fault:
            failed.append({"Id": entry.id, "Code": fault.code, "SenderFault": True, "Message": fault.message})
    return {"Successful": done, "Failed": failed}
