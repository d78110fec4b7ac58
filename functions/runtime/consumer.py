"""The consumer: a batch of SQS messages in, effects and events out, and a report of what failed.

Records are handled one after the other, each on its own; events of the whole batch are published together; what failed
goes back to the queue by Lambda's partial batch response, whose contract is at
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from functions.contracts.contract import Event
from functions.runtime import invocation
from functions.runtime.clients import client
from functions.runtime.deadline import Deadline, limit
from functions.runtime.errors import Behind, OutOfTime, Reject
from functions.runtime.failures import Failure, note, stack_digest
from functions.runtime.log import log, metrics
from functions.runtime.message import Contract, Message, intake
from functions.runtime.publisher import Entry, entry, publish
from functions.runtime.record import Record
from functions.runtime.settings import Settings, on_lambda
from functions.runtime.visibility import behind, delay, hide

Handle = Callable[[Any, Message], Iterable[Event] | None]


class Duplicate(tuple[Event, ...]):
    """What a handler returns when its effect was there already: the same events as the first time."""


class Done(Struct, frozen=True):
    """A record whose effect is there; its entries are still to be published."""

    record: Record
    message: Message
    entries: tuple[Entry, ...]
    duplicate: bool


def consumer(
    handle: Handle, *, accepts: type[Contract] | tuple[type[Contract], ...], services: tuple[str, ...] = ()
) -> Consumer:
    """A Lambda handler that calls `handle` with each message's contract.

    `accepts` is one command or some events. `services` are those beside DynamoDB and EventBridge that the handler
    calls: on Lambda, the clients are made now, in the phase of a cold start that has a full CPU. Raises `TypeError` for
    an async handler, which would return before anything happened.
    """
    if inspect.iscoroutinefunction(handle) or inspect.isasyncgenfunction(handle):
        raise TypeError(f"{handle.__name__} is async; a consumer's handler is a plain function.")
    if on_lambda():
        for service in ("dynamodb", "events", *services):
            client(service)
    return Consumer(handle, accepts if isinstance(accepts, tuple) else (accepts,))


class Consumer:
    """What Lambda calls. Called in a REPL with a recorded event and no context, it does the same."""

    def __init__(self, handle: Handle, accepts: tuple[type[Contract], ...]) -> None:
        self.handle = handle
        self.accepts = accepts
        self._intake = intake(accepts)

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, list[dict[str, str]]]:
        """Handle the batch; return the ids of the records that failed, in their order.

        Raises `ValueError` if `event` is no SQS batch. A record that fails never raises.
        """
        if "Records" not in event:
            raise ValueError("This function takes SQS batches: an event with 'Records'.")
        settings, deadline = Settings.read(), Deadline(context)
        token = invocation.context.set(context)
        try:
            # A standard queue may deliver a message twice in one batch; both copies share one outcome.
            batch = list({record.id: record for record in map(Record.read, event["Records"])}.values())
            done, failures = self._handle_all(batch, settings, deadline)
            done, unpublished = _publish_all(done, settings, deadline)
            _report(batch, done, failures, unpublished, settings)
            failures |= unpublished
            _send_back([failures[record.id] for record in batch if record.id in failures], settings, deadline)
        finally:
            invocation.context.reset(token)
        return {"batchItemFailures": [{"itemIdentifier": record.id} for record in batch if record.id in failures]}

    def _handle_all(
        self, batch: list[Record], settings: Settings, deadline: Deadline
    ) -> tuple[list[Done], dict[str, Failure]]:
        done: list[Done] = []
        failures: dict[str, Failure] = {}
        heads: dict[str | None, Record] = {}
        for record in batch:
            if record.fifo and record.group in heads:
                head = heads[record.group]
                error = Behind(f"Message {head.id} of the same group failed before it.")
                failures[record.id] = Failure(record, error, record.correlation_id, head)
                continue
            outcome = self._handle_one(record, settings, deadline)
            if isinstance(outcome, Done):
                done.append(outcome)
            else:
                failures[record.id] = outcome
                heads[record.group] = record
        return done, failures

    def _handle_one(self, record: Record, settings: Settings, deadline: Deadline) -> Done | Failure:
        correlation_id = record.correlation_id
        try:
            with limit(deadline.work_left()):
                contract, message = self._intake(record)
                correlation_id = message.correlation_id
                result = self.handle(contract, message)
                if inspect.isawaitable(result):
                    raise TypeError("The handler returned an awaitable; nothing ran. Make it a plain function.")
                events = tuple(result or ())
            entries = tuple(entry(made, message, index, settings.entry_bytes) for index, made in enumerate(events))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and CancelledError fail their record too, not the batch
            return Failure(record, error, correlation_id)
        return Done(record, message, entries, isinstance(result, Duplicate))


def _publish_all(done: list[Done], settings: Settings, deadline: Deadline) -> tuple[list[Done], dict[str, Failure]]:
    entries = [made for one in done for made in one.entries]
    try:
        with limit(deadline.left()):
            problems = publish(entries, settings, budget=max(0.0, min(3.0, deadline.left() / 2)))
    except OutOfTime as error:
        problems = {made.record: error for made in entries}
    failures = {
        one.record.id: Failure(one.record, problems[one.record.id], one.message.correlation_id)
        for one in done
        if one.record.id in problems
    }
    return [one for one in done if one.record.id not in problems], failures


def _send_back(failures: list[Failure], settings: Settings, deadline: Deadline) -> None:
    if not failures:
        return
    waits: dict[str, float] = {}
    for failure in failures:
        record, head = failure.record, failure.head
        if head is None:
            waits[record.id] = delay(record, failure.error, settings)
        else:
            waits[record.id] = behind(waits[head.id], head, record, settings)
    try:
        with limit(deadline.left()):
            note(failures, settings)
            if settings.queue_url:
                hide(settings.queue_url, [(failure.record, waits[failure.record.id]) for failure in failures])
    except OutOfTime:
        log("WARNING", "no time to record the causes and to set the visibility")


def _report(
    batch: list[Record],
    done: list[Done],
    failures: Mapping[str, Failure],
    unpublished: Mapping[str, Failure],
    settings: Settings,
) -> None:
    for one in done:
        _line("INFO", "duplicate" if one.duplicate else "processed", one.record, one.message.correlation_id, settings)
    for failure in (*failures.values(), *unpublished.values()):
        rejected = isinstance(failure.error, Reject)
        _line(
            "ERROR" if rejected else "WARNING",
            "rejected" if rejected else "retried",
            failure.record,
            failure.correlation_id,
            settings,
            error_type=type(failure.error).__name__,
            error=str(failure.error),
            stack_digest=stack_digest(failure.error),
        )
    outcomes = [failure.error for failure in (*failures.values(), *unpublished.values())]
    rejected_count = sum(isinstance(error, Reject) for error in outcomes)
    now = time.time()
    metrics(
        settings.function,
        {
            "Processed": len(done),
            "Retried": len(outcomes) - rejected_count,
            "Rejected": rejected_count,
            "Duplicates": sum(one.duplicate for one in done),
            "PublishFailures": len(unpublished),
        },
        [round((now - record.sent) * 1000) for record in batch if record.sent],
    )


def _line(level: str, outcome: str, record: Record, correlation_id: str, settings: Settings, **more: object) -> None:
    log(
        level,
        outcome,
        service=settings.function,
        correlation_id=correlation_id,
        message_id=record.id,
        group=record.group,
        attempt=record.attempt,
        **more,
    )
