"""The consumer: a batch of SQS messages in, effects and events out, and a report of what failed.

Records are handled each on its own, and side by side: while one waits for a service, another is handled. Those of one
FIFO group go strictly one after the other. Events of the whole batch are published together; what failed goes back to
the queue by Lambda's partial batch response. A consumer that is paused is asked whether its services are
there by an event without records. The response's contract is at
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting.
"""

from __future__ import annotations

import inspect
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from functions.contracts.contract import Command, Event
from functions.contracts.environment import variable
from functions.runtime import clients, waiting
from functions.runtime.clients import warm
from functions.runtime.conclusion import conclude, publish_all, send_back, text, try_to
from functions.runtime.deadline import Deadline, Phase, invocation, within
from functions.runtime.errors import HeldUp, OutOfTime, Reject, Retry, Unavailable
from functions.runtime.failures import note_last_attempts
from functions.runtime.message import Contract, InHand, Intake, Message, in_hand, intake
from functions.runtime.outcome import Done, Duplicate, Failure, Outcomes
from functions.runtime.pace import Pace
from functions.runtime.publisher import entry
from functions.runtime.record import Record
from functions.runtime.report import log_body, report
from functions.runtime.settings import Settings, on_lambda
from functions.runtime.turns import Turns, handle_line

if TYPE_CHECKING:
    from functions.contracts.later import Cancel, Later
    from functions.runtime.limit import Limits
    from functions.runtime.park import Parking

# What the module of a handler needs, from one place.
__all__ = ["Consumer", "Duplicate", "Message", "Reject", "Retry", "Unavailable", "consumer"]

Handle = Callable[[Any, Message], "Iterable[Event | Later | Cancel] | None"]
Probe = Callable[[], Any]

ABREAST = 10
"""Messages that are handled side by side, at the most: as many connections does a worker keep to a service."""


def consumer(
    handle: Handle,
    *,
    accepts: type[Contract] | tuple[type[Contract], ...],
    services: tuple[str, ...] = (),
    read: Intake | None = None,
    probes: Mapping[str, Probe] | None = None,
    abreast: int = ABREAST,
) -> Consumer:
    """A Lambda handler that calls `handle` with each message's contract.

    `accepts` is one command or some events. `services` are those beside DynamoDB and EventBridge that the handler
    calls: on Lambda, the clients are made and connected now, while a cold start has a full CPU. `read` turns a record
    into the contract where that takes more than decoding its body, such as checking its signature first. `probes` ask
    services of others, by name: each raises while its service is away, and the paused consumer waits for it; AWS's own
    are asked anyway. So many messages are handled side by side, `abreast`: 1 is for a handler that keeps something for
    all messages over its calls, such as a connection to a database with a transaction in it, or a lock. Raises
    `TypeError` for an async handler, which would return before anything happened, and `ValueError` for none abreast.
    """
    if inspect.iscoroutinefunction(handle) or inspect.isasyncgenfunction(handle):
        raise TypeError(f"{handle.__name__} is async; a consumer's handler is a plain function.")
    if abreast < 1:
        raise ValueError(f"{handle.__name__} would handle {abreast} messages side by side; choose 1 or more.")
    if on_lambda():
        if os.environ.get(variable("limits")):
            from functions.runtime import limit  # noqa: F401 - loaded while there is a whole core
        # Who publishes nothing has no bus, and in a VPC perhaps no way to EventBridge: connecting would hang.
        publishes = ("events",) if os.environ.get(variable("bus_name")) else ()
        warm("dynamodb", *publishes, *services)
    return Consumer(handle, accepts if isinstance(accepts, tuple) else (accepts,), read, probes or {}, abreast)


class Consumer:
    """What Lambda calls. Called in a REPL with a recorded event and no context, it does the same."""

    def __init__(
        self,
        handle: Handle,
        accepts: tuple[type[Contract], ...],
        read: Intake | None = None,
        probes: Mapping[str, Probe] = MappingProxyType({}),
        abreast: int = ABREAST,
    ) -> None:
        self.handle = handle
        self.accepts = accepts
        self._intake = read or intake(accepts)
        self._probes = probes
        self._abreast = abreast
        self._pace = Pace()

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Handle the batch; return the ids of the records that failed, in their order.

        Asked to probe its services, it says which are away. Raises `ValueError` if `event` is neither. A record that
        fails never raises.
        """
        if "Records" not in event:
            return self._condition(event, context)
        settings, deadline, started = Settings.read(), Deadline(context), time.time()
        worked: dict[str, float] = {}
        token = invocation.set(context)
        try:
            # A standard queue may deliver a message twice in one batch; both copies share one outcome.
            batch = list({record.id: record for record in map(Record.read, event["Records"])}.values())
            limits = self._limits(event["Records"], settings)
            if limits:
                batch = limits.read(batch, deadline.left("handling") / 4)
            if batch and not batch[0].fifo:
                # Who has waited in vain before goes first.
                batch.sort(key=lambda record: -record.attempt)
            _expect_the_worst(batch, settings, deadline)
            parking = _parking(batch, settings, deadline)
            outcomes = self._handle_all(
                parking.order(batch) if parking else batch,
                Turns(parking, limits, settings, deadline, self._pace),
                settings,
                deadline,
                worked,
            )
            outcomes |= conclude(outcomes, self._intake, limits, parking, settings, deadline)
            report(outcomes, settings, started, worked)
            failures = [failure for failure in outcomes.values() if isinstance(failure, Failure)]
            send_back(failures, settings, deadline)
        finally:
            invocation.reset(token)
        return {"batchItemFailures": [{"itemIdentifier": failure.record.id} for failure in failures]}

    def _condition(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        from functions.runtime.probe import condition

        try:
            return within(Deadline(context).left("handling"), partial(condition, event, self._probes))
        except OutOfTime:
            clients.replace()
            return {"away": ["The time ran out while the services were asked."]}

    def _limits(self, raw: list[dict[str, Any]], settings: Settings) -> Limits | None:
        """What is asked before an attempt; None of a consumer without limits, which does not even load the module."""
        if not settings.limits:
            return None
        from functions.runtime.limit import Limits

        return Limits({each["messageId"]: each for each in raw}, settings, self._intake)

    def _handle_all(
        self, batch: list[Record], turns: Turns, settings: Settings, deadline: Deadline, worked: dict[str, float]
    ) -> Outcomes:
        lines: dict[str | None, list[Record]] = {}
        for record in batch:
            lines.setdefault(record.group if record.fifo else record.id, []).append(record)
        following = iter(lines.values())
        limits = turns.limits
        outcomes: Outcomes = {}

        def follow(phase: Phase, lines: Iterator[list[Record]]) -> None:
            left = partial(deadline.left, phase)
            handle = partial(self._handle_one, settings=settings, left=left, limits=limits, worked=worked)
            try:
                while line := turns.next(lines):
                    some = handle_line(line, turns, handle)
                    outcomes.update(some)
                    if limits and limits.sleeping:
                        # What is done does not wait for those that sleep.
                        limits.told.update(some)
                        outcomes.update(publish_all(some, settings, deadline))
            except BaseException:
                deque(lines, maxlen=0)  # nobody begins another
                raise

        if self._abreast == 1 or len(lines) < 2:
            follow("handling", following)
        else:
            if self._pace.busy is None:
                follow("handling", islice(following, 1))
            from functions.runtime import fibers

            bodies = [partial(follow, "answers", following)] * min(self._abreast, len(lines))
            now = time.monotonic()
            fibers.run(bodies, now + deadline.left("handling"), now + deadline.left("answers"))
        return {record.id: outcomes[record.id] for record in batch}

    def _handle_one(
        self,
        record: Record,
        *,
        settings: Settings,
        left: Callable[[], float],
        limits: Limits | None,
        worked: dict[str, float],
    ) -> Done | Failure:
        contract, message = None, None
        try:
            contract, message = within(left(), partial(self._intake, record))
            log_body(contract, message)
            if (record.deliver_at or record.planned_for) and (
                ended := within(left(), partial(_ended, record, message, settings))
            ):
                return ended
            if record.skips and (why := _begin_run(record, settings, left)):
                return Done(record, message, (), duplicate=False, skipped=why)
            handle: Callable[[], Any] = partial(self._timed, contract, message, record, worked)
            if record.planned_for:
                handle = partial(_if_still_meant, record, handle)
            result = within(left(), partial(limits.run, record, contract, message, handle) if limits else handle)
            if isinstance(result, str):
                return Done(record, message, (), skipped=result)
            duplicate = isinstance(result, Duplicate)
            untold = len(result) if duplicate and _told_before(record, message) else 0
            told = () if untold else result
            plans = _planned(told, message, record, settings) if settings.plans else {}
            entries = tuple(
                entry(event, message, index, settings) for index, event in enumerate(told) if index not in plans
            )
        except KeyboardInterrupt:
            raise
        except OutOfTime as error:
            interrupted = _interrupted(error)
            return Failure(record, interrupted, str(interrupted), message)
        except BaseException as error:  # SystemExit and CancelledError fail their record too, not the batch
            return Failure(record, error, text(error, contract), message)
        return Done(record, message, entries, duplicate, untold, plans=tuple(plans.values()))

    def _timed(self, contract: Any, message: Message, record: Record, worked: dict[str, float]) -> tuple[Any, ...]:
        began = waiting.clock()
        try:
            return self._result(contract, message, record)
        finally:
            worked[record.id] = waiting.clock() - began

    def _result(self, contract: Any, message: Message, record: Record) -> tuple[Any, ...]:
        token = in_hand.set(InHand(record, contract))
        try:
            result = self.handle(contract, message)
        finally:
            in_hand.reset(token)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("The handler returned an awaitable, so nothing ran; make it a plain function.")
        return result if isinstance(result, Duplicate) else tuple(result or ())


def _parking(batch: list[Record], settings: Settings, deadline: Deadline) -> Parking | None:
    """What of the batch is parked; None on a queue that does not park, whose consumer does not even load the module."""
    if not settings.parks:
        return None
    from functions.runtime.park import Parking

    return Parking.read(batch, settings, deadline.left("handling") / 2)


def _ended(record: Record, message: Message, settings: Settings) -> Done | None:
    """What becomes of a message that has a time; None if it is to be handled now."""
    from functions.runtime.plans import arrival

    return arrival(record, message, settings)


def _if_still_meant(record: Record, handle: Callable[[], Any]) -> Any:
    from functions.runtime.plans import if_still_meant

    return if_still_meant(record, handle)


def _planned(results: tuple[Any, ...], message: Message, record: Record, settings: Settings) -> Mapping[int, Command]:
    from functions.runtime.plans import asks

    return asks(results, message, record, settings)


def _told_before(record: Record, message: Message) -> bool:
    """Whether what a duplicate tells was told before its message came.

    So it is where a replay brought the message: another had the effect, and told of it or is sent back until it has. A
    replayed message that was received or redriven before may itself have had the effect, and told nobody yet.
    """
    first = record.attempt == 1 and record.redriven is None and record.waited is None
    return message.replayed is not None and first


def _interrupted(error: OutOfTime) -> BaseException:
    """What `error` says of its message: a call that hung until the end is the service's failure, not the message's."""
    service = clients.replace(held_up=isinstance(error, HeldUp))
    return (
        OutOfTime(str(error))
        if service is None
        else Unavailable(f"The function's time ran out in a call to {service}.")
    )


def _expect_the_worst(batch: list[Record], settings: Settings, deadline: Deadline) -> None:
    last = [record for record in batch if record.attempt >= settings.receives]
    if settings.limits:
        # Those that have none left only let their receives run out.
        last = [record for record in last if record.attempt == settings.receives]
    if not last:
        return
    if settings.tracked:
        from functions.runtime.requests import expect_the_worst

        try_to("expect the worst of requests", deadline.left("handling") / 10, lambda: expect_the_worst(last, settings))
    # A tenth of the time, so that the last attempts themselves are not spent on it.
    try_to(
        "expect the worst of last attempts", deadline.left("handling") / 10, lambda: note_last_attempts(last, settings)
    )


def _begin_run(record: Record, settings: Settings, left: Callable[[], float]) -> str | None:
    """Why this run of a schedule is skipped, None where it is to be done; only such a message loads the module."""
    from functions.runtime.overlap import begin

    seconds = left()
    return within(seconds, partial(begin, record, settings, seconds))
