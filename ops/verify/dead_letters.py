"""Messages that no consumer can read: each must end in its dead-letter queue, with its cause, and can be redriven.

Nothing takes effect: they are refused before a handler sees them, and dropped in the end.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from functions.contracts.envelope import CORRELATION_ID, REDRIVEN, full_source
from ops.dead_letters.cause import label
from ops.dead_letters.export import drop
from ops.dead_letters.peek import Seen, peek
from ops.dead_letters.selection import Selection
from ops.depth import depth
from ops.errors import OpsError
from ops.queue import find, find_dead
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage, in_words
from ops.verify.finding import Finding, judged, not_checked
from stacks import names
from stacks.entry import Queue, Subscription, Topology
from stacks.lanes import takes_nothing

PATIENCE = 180.0
"""Seconds until a message that is rejected at once must be in its dead-letter queue: some receives, a cold start."""
MOST = 50
WORKERS = 8
"""Queues that are looked at at the same time."""


def dying(topology: Topology) -> list[Queue]:
    """The queues whose messages die of what they say. Where a group halts they stay, for days."""
    return [queue for queue in topology.queues if queue.on_poison != "halt"]


@dataclass
class DeadLetters:
    """What was sent to each queue, and what came of it. `operator` sees the stage as the operator's role does."""

    stage: Stage
    operator: Stage
    run: str
    _sent: dict[str, int] = field(default_factory=dict)
    _first: dict[str, str] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding]:
        """Sends, waits, judges, redrives and drops. Raises `OpsError` where AWS refuses the operator."""
        queues = dying(self.stage.topology)
        try:
            for queue in self.stage.topology.queues:
                if queue in queues:
                    self._send(queue)
                else:
                    yield not_checked(
                        queue.name, "what cannot be read is in the DLQ", "its groups halt: nothing dies soon"
                    )
            yield from self._publish()
            with ThreadPoolExecutor(WORKERS) as pool:
                for found in pool.map(lambda queue: [*self._judge(queue)], queues):
                    yield from found
            for fifo in (False, True):
                queue_ = next((each for each in queues if each.fifo is fifo), None)
                if queue_ is not None:
                    yield from self._redrive(queue_)
        except BaseException:
            with suppress(OpsError):
                for queue in queues:
                    self._drop(queue)
            raise
        with ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(self._drop, queues)

    @property
    def sample(self) -> str | None:
        """The message id of one of them, to be looked for in the logs."""
        return next(iter(self._first.values()), None)

    @property
    def _ours(self) -> Selection:
        return Selection(filter=f"contains(to_string(@), '{self.run}')")

    def _send(self, queue: Queue) -> None:
        fifo = {"MessageGroupId": self.run, "MessageDeduplicationId": str(uuid.uuid4())} if queue.fifo else {}
        with in_words():
            sent = self.operator.client("sqs").send_message(
                QueueUrl=find(self.operator, queue.name).url,
                MessageBody=f"{self.run}: this is no JSON, and may be dropped.",
                MessageAttributes={CORRELATION_ID: {"DataType": "String", "StringValue": self.run}},
                **fifo,
            )
        self._first[queue.name] = sent["MessageId"]
        self._sent[queue.name] = 1

    def _publish(self) -> Iterator[Finding]:
        """An event without an envelope to each subscription of the stage's own bus that takes every event."""
        there = [each for each in self.stage.topology.subscriptions if each.bus is None]
        others = self._rules_of_others() if there else []
        if others:
            for each in there:
                why = f"others listen on the bus and would get it: {', '.join(others[:3])}"
                yield not_checked(each.queue, f"{each.event.__name__} reaches the queue", why)
            return
        entries: dict[tuple[str, str], list[Subscription]] = {}
        for each in there:
            if takes_nothing(each.filter):
                source = full_source(each.event.source, names.PROJECT)
                entries.setdefault((source, each.event.__name__), []).append(each)
            else:
                yield not_checked(each.queue, f"{each.event.__name__} reaches the queue", "its filter takes only some")
        for (source, kind), subscriptions in entries.items():
            with in_words():
                put = self.stage.client("events").put_events(
                    Entries=[
                        {
                            "Source": source,
                            "DetailType": kind,
                            "Detail": json.dumps({"verify": self.run}),
                            "EventBusName": names.resource(self.stage.name, names.BUS),
                        }
                    ]
                )
            if put["FailedEntryCount"]:
                raise OpsError(f"EventBridge refused {kind}: {put['Entries'][0].get('ErrorMessage')}.")
            for each in subscriptions:
                self._sent[each.queue] += 1

    def _rules_of_others(self) -> list[str]:
        """The rules on the stage's bus that are neither ours nor AWS's own, as an archive's is."""
        asked = {"EventBusName": names.resource(self.stage.name, names.BUS)}
        with in_words():
            pages = self.stage.client("events").get_paginator("list_rules").paginate(**asked)
            every = [rule for page in pages for rule in page["Rules"]]
        ours = names.resource(self.stage.name, "")
        return [rule["Name"] for rule in every if not rule["Name"].startswith(ours) and "ManagedBy" not in rule]

    def _judge(self, queue: Queue) -> Iterator[Finding]:
        expected = self._sent[queue.name]
        seen = self._wait(queue, expected)
        dlq = f"{queue.name}-dlq"
        rejected = [each for each in seen if each.cause is not None and each.cause.error_type == "Reject"]
        causes = sorted({label(each.cause) for each in seen})
        yield judged(
            queue.name,
            "what cannot be read is in the DLQ with its cause, and so is what came through the bus",
            f"{expected} in {dlq}, each with Reject",
            f"{len(seen)} in {dlq}: {'; '.join(causes) or 'nothing'}",
            good=len(seen) == len(rejected) == expected,
        )
        if queue.fifo and seen:
            id_ = seen[0].message.attributes.get("MessageDeduplicationId", "")
            yield judged(
                dlq,
                "in a FIFO DLQ the deduplication id is the message id",
                seen[0].message.message_id,
                id_,
                good=id_ == seen[0].message.message_id,
            )

    def _wait(self, queue: Queue, expected: int, redriven: bool = False) -> list[Seen]:
        end = time.monotonic() + PATIENCE
        while True:
            counts = depth(self.operator, find_dead(self.operator, queue.name))
            seen = peek(self.operator, queue.name, selection=self._ours, limit=MOST) if counts.waiting else []
            if redriven:
                seen = [each for each in seen if REDRIVEN in each.message.message_attributes]
            if len(seen) >= expected or time.monotonic() > end:
                return seen
            time.sleep(1)

    def _redrive(self, queue: Queue) -> Iterator[Finding]:
        expected = self._sent[queue.name]
        report = redrive(self.operator, Request(queue.name, selection=self._ours, rate="max"), yes=True)
        seen = self._wait(queue, expected, redriven=True)
        yield judged(
            f"{queue.name}-dlq",
            "a redrive brings dead letters back to their queue, and what fails again is dead again",
            f"{expected} moved, {expected} dead again",
            f"{report.tally.moved} moved, {len(seen)} dead again" + (f"; {report.problem}" if report.problem else ""),
            good=report.tally.moved == len(seen) == expected and report.problem is None,
        )

    def _drop(self, queue: Queue) -> Finding:
        expected = self._sent.get(queue.name, 0)
        taken = drop(self.operator, queue.name, yes=True, selection=self._ours)
        return judged(
            f"{queue.name}-dlq",
            "dropped dead letters are gone, and in a file",
            f"{expected} dropped",
            f"{taken.deleted} dropped" + (f"; {taken.problem}" if taken.problem else ""),
            good=taken.deleted == expected and taken.problem is None,
        )
