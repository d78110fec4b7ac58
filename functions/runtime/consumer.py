"""The consumer: a batch of SQS messages in, effects and events out, and a report of what failed.

Records are handled one after the other, each on its own; events of the whole batch are published together; what failed
goes back to the queue by Lambda's partial batch response, whose contract is at
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from functions.contracts.contract import Event
from functions.contracts.redaction import redact
from functions.runtime.clients import client
from functions.runtime.deadline import Deadline, invocation, within
from functions.runtime.errors import GroupBlocked, NotAttempted, OutOfTime, Reject, Retry
from functions.runtime.failures import note, note_last_attempts
from functions.runtime.log import log
from functions.runtime.message import Contract, Intake, Message, intake
from functions.runtime.outcome import Done, Duplicate, Failure, Outcomes
from functions.runtime.park import Parking
from functions.runtime.publisher import entry, publish
from functions.runtime.record import Record
from functions.runtime.report import log_body, report
from functions.runtime.settings import Settings, on_lambda
from functions.runtime.visibility import blocked, delay, hide

# What the module of a handler needs, from one place.
__all__ = ["Consumer", "Duplicate", "Message", "Reject", "Retry", "consumer"]

Handle = Callable[[Any, Message], Iterable[Event] | None]


def consumer(
    handle: Handle,
    *,
    accepts: type[Contract] | tuple[type[Contract], ...],
    services: tuple[str, ...] = (),
    read: Intake | None = None,
) -> Consumer:
    """A Lambda handler that calls `handle` with each message's contract.

    `accepts` is one command or some events. `services` are those beside DynamoDB and EventBridge that the handler
    calls: on Lambda, the clients are made now, in the phase of a cold start that has a full CPU. `read` turns a record
    into the contract where that takes more than decoding its body, such as checking its signature first. Raises
    `TypeError` for an async handler, which would return before anything happened.
    """
    if inspect.iscoroutinefunction(handle) or inspect.isasyncgenfunction(handle):
        raise TypeError(f"{handle.__name__} is async; a consumer's handler is a plain function.")
    if on_lambda():
        for service in ("dynamodb", "events", *services):
            client(service)
    return Consumer(handle, accepts if isinstance(accepts, tuple) else (accepts,), read)


class Consumer:
    """What Lambda calls. Called in a REPL with a recorded event and no context, it does the same."""

    def __init__(self, handle: Handle, accepts: tuple[type[Contract], ...], read: Intake | None = None) -> None:
        self.handle = handle
        self.accepts = accepts
        self._intake = read or intake(accepts)

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, list[dict[str, str]]]:
        """Handle the batch; return the ids of the records that failed, in their order.

        Raises `ValueError` if `event` is no SQS batch. A record that fails never raises.
        """
        if "Records" not in event:
            raise ValueError("This function takes SQS batches: an event with 'Records'.")
        settings, deadline, started = Settings.read(), Deadline(context), time.time()
        token = invocation.set(context)
        try:
            # A standard queue may deliver a message twice in one batch; both copies share one outcome.
            batch = list({record.id: record for record in map(Record.read, event["Records"])}.values())
            _expect_the_worst(batch, settings, deadline)
            parking = Parking.read(batch, settings, deadline.left("handling") / 2)
            outcomes = self._handle_all(parking.order(batch), parking, settings, deadline)
            outcomes |= _publish_all(outcomes, settings, deadline)
            outcomes |= _leave(parking, outcomes, deadline)
            report(outcomes, settings, started)
            failures = [failure for failure in outcomes.values() if isinstance(failure, Failure)]
            _send_back(failures, settings, deadline)
        finally:
            invocation.reset(token)
        return {"batchItemFailures": [{"itemIdentifier": failure.record.id} for failure in failures]}

    def _handle_all(self, batch: list[Record], parking: Parking, settings: Settings, deadline: Deadline) -> Outcomes:
        outcomes: Outcomes = {}
        heads: dict[str | None, Record] = {}
        for record in batch:
            head = heads.get(record.group) if record.fifo else None
            if head:
                error = GroupBlocked(f"Message {head.id} of the same group failed before it.")
                outcomes[record.id] = Failure.not_attempted(record, error, head)
            elif deadline.left("handling") <= 0:
                outcomes[record.id] = Failure.not_attempted(
                    record, NotAttempted("The batch's time ran out before its turn.")
                )
            elif parked := parking.verdict(record):
                outcomes[record.id] = Failure.not_attempted(record, parked)
            else:
                outcome = self._handle_one(record, settings, deadline)
                outcomes[record.id] = outcome
                if isinstance(outcome, Failure):
                    heads[record.group] = record
        return outcomes

    def _handle_one(self, record: Record, settings: Settings, deadline: Deadline) -> Done | Failure:
        contract, message = None, None
        try:
            contract, message = within(deadline.left("handling"), partial(self._intake, record))
            log_body(contract, message)
            result = within(deadline.left("handling"), partial(self._result, contract, message))
            entries = tuple(entry(event, message, index, settings) for index, event in enumerate(result))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and CancelledError fail their record too, not the batch
            return Failure(record, error, redact(str(error), contract), message)
        return Done(record, message, entries, isinstance(result, Duplicate))

    def _result(self, contract: Any, message: Message) -> tuple[Event, ...]:
        result = self.handle(contract, message)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("The handler returned an awaitable, so nothing ran; make it a plain function.")
        return result if isinstance(result, Duplicate) else tuple(result or ())


def _expect_the_worst(batch: list[Record], settings: Settings, deadline: Deadline) -> None:
    last = [record for record in batch if record.attempt >= settings.receives]
    try:
        # A tenth of the time, so that the last attempts themselves are not spent on it.
        within(deadline.left("handling") / 10, partial(note_last_attempts, last, settings))
    except OutOfTime:
        log("WARNING", "no time to expect the worst of last attempts")


def _publish_all(outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
    done = [outcome for outcome in outcomes.values() if isinstance(outcome, Done)]
    entries = [made for one in done for made in one.entries]
    problems = publish(entries, settings, seconds=deadline.left("publishing"))
    return {
        one.record.id: Failure(one.record, problem, str(problem), one.message, unpublished=True)
        for one in done
        if (problem := problems.get(one.record.id))
    }


def _leave(parking: Parking, outcomes: Outcomes, deadline: Deadline) -> Outcomes:
    done = {outcome.record.id: outcome for outcome in outcomes.values() if isinstance(outcome, Done)}
    problems = parking.done([one.record for one in done.values()], deadline.left("reporting") / 2)
    return {
        id_: Failure(done[id_].record, problem, str(problem), done[id_].message) for id_, problem in problems.items()
    }


def _send_back(failures: list[Failure], settings: Settings, deadline: Deadline) -> None:
    if not failures:
        return
    waits: dict[str, float] = {}
    longest: dict[str | None, float] = {}
    for failure in failures:
        record, head = failure.record, failure.head
        if head is None:
            wait = delay(record, failure.error, settings)
        else:
            wait = blocked(waits[head.id], head, record, settings)
        if settings.parks:
            # A redriven head may stand behind what it blocks: who came back before it would be taken for parked.
            wait = longest[record.group] = max(wait, longest.get(record.group, 0))
        waits[record.id] = wait

    def send_back() -> None:
        note(failures, settings)
        if settings.queue_url:
            hide(settings.queue_url, [(failure.record, waits[failure.record.id]) for failure in failures])

    try:
        within(deadline.left("reporting"), send_back)
    except OutOfTime:
        log("WARNING", "no time to record the causes and to set the visibility")
