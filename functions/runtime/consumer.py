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
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from functions.contracts.contract import Command, Event
from functions.contracts.environment import variable
from functions.contracts.redaction import redact
from functions.runtime import clients
from functions.runtime.breaker import tell
from functions.runtime.clients import warm
from functions.runtime.deadline import Deadline, Phase, invocation, within
from functions.runtime.errors import HeldUp, OutOfTime, Reject, Retry, Unavailable
from functions.runtime.failures import note, note_last_attempts, unwritten
from functions.runtime.log import log
from functions.runtime.message import Contract, Intake, Message, intake
from functions.runtime.outcome import Done, Duplicate, Failure, Outcomes
from functions.runtime.pace import Pace
from functions.runtime.publisher import entry, publish
from functions.runtime.record import Record
from functions.runtime.report import log_body, report
from functions.runtime.settings import Settings, on_lambda
from functions.runtime.turns import Turns, handle_line
from functions.runtime.unfinished import unfinished
from functions.runtime.visibility import hide_failures

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
            )
            outcomes |= _publish_all(outcomes, settings, deadline, but=limits.told if limits else frozenset())
            outcomes |= _plan_all(outcomes, settings, deadline)
            if parking:
                outcomes |= _leave(parking, outcomes, deadline)
            if any(record.skips for record in batch):
                outcomes |= _let_next_run(outcomes, settings, deadline)
            if limits:
                outcomes |= limits.leave(outcomes, deadline.left("reporting") / 2)
            if settings.death_keys:
                outcomes |= self._deaths(outcomes, settings, deadline)
            report(outcomes, settings, started)
            failures = [failure for failure in outcomes.values() if isinstance(failure, Failure)]
            _send_back(failures, settings, deadline)
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

    def _deaths(self, outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
        from functions.runtime.deaths import tell

        told: Outcomes = {}
        seconds = deadline.left("reporting") / 3
        _try("tell of messages that die", seconds, lambda: told.update(tell(outcomes, self._intake, settings, seconds)))
        return told

    def _handle_all(self, batch: list[Record], turns: Turns, settings: Settings, deadline: Deadline) -> Outcomes:
        lines: dict[str | None, list[Record]] = {}
        for record in batch:
            lines.setdefault(record.group if record.fifo else record.id, []).append(record)
        following = iter(lines.values())
        limits = turns.limits
        outcomes: Outcomes = {}

        def follow(phase: Phase, lines: Iterator[list[Record]]) -> None:
            handle = partial(self._handle_one, settings=settings, left=partial(deadline.left, phase), limits=limits)
            try:
                while line := turns.next(lines):
                    some = handle_line(line, turns, handle)
                    outcomes.update(some)
                    if limits and limits.sleeping:
                        # What is done does not wait for those that sleep.
                        limits.told.update(some)
                        outcomes.update(_publish_all(some, settings, deadline))
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
        self, record: Record, *, settings: Settings, left: Callable[[], float], limits: Limits | None
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
            handle: Callable[[], Any] = partial(self._result, contract, message)
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
            return Failure(record, error, _text(error, contract), message)
        return Done(record, message, entries, duplicate, untold, plans=tuple(plans.values()))

    def _result(self, contract: Any, message: Message) -> tuple[Any, ...]:
        result = self.handle(contract, message)
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
    """What the handler returns, or why a planned message is not handled any more."""
    from functions.runtime.plans import taken_back

    return taken_back(record) or handle()


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


def _text(error: BaseException, contract: Any) -> str:
    """What the error says, without secrets; its type where it cannot say anything."""
    try:
        return redact(str(error), contract)
    except Exception:
        return f"{type(error).__name__}, which has no text"


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
    # A tenth of the time, so that the last attempts themselves are not spent on it.
    _try(
        "expect the worst of last attempts", deadline.left("handling") / 10, lambda: note_last_attempts(last, settings)
    )


def _publish_all(
    outcomes: Outcomes, settings: Settings, deadline: Deadline, *, but: Set[str] = frozenset()
) -> Outcomes:
    done = [one for one in outcomes.values() if isinstance(one, Done) and one.record.id not in but]
    entries = [made for one in done for made in one.entries]
    try:
        problems = publish(entries, settings, seconds=deadline.left("publishing"))
    except Exception as error:  # such as a function without a bus
        problems = {made.record: error for made in entries}
    return {
        one.record.id: Failure(one.record, problem, _text(problem, None), one.message, unpublished=True)
        for one in done
        if (problem := problems.get(one.record.id))
    }


def _plan_all(outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
    wanted = [one for one in outcomes.values() if isinstance(one, Done) and one.plans]
    if not wanted:
        return {}
    from functions.runtime.plans import send

    return send(wanted, settings, seconds=deadline.left("publishing"))


def _leave(parking: Parking, outcomes: Outcomes, deadline: Deadline) -> Outcomes:
    done = {outcome.record.id: outcome for outcome in outcomes.values() if isinstance(outcome, Done)}
    problems = parking.done([one.record for one in done.values()], deadline.left("reporting") / 2)
    return {
        id_: Failure(done[id_].record, problem, str(problem), done[id_].message) for id_, problem in problems.items()
    }


def _begin_run(record: Record, settings: Settings, left: Callable[[], float]) -> str | None:
    """Why this run of a schedule is skipped, None where it is to be done; only such a message loads the module."""
    from functions.runtime.overlap import begin

    seconds = left()
    return within(seconds, partial(begin, record, settings, seconds))


def _let_next_run(outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
    """Say which runs are over. One that is done comes back where that cannot be said: it would hold up the next."""
    from functions.runtime.overlap import finish

    problems = finish(outcomes, settings, deadline.left("reporting") / 2)
    done = {id_: one for id_, one in outcomes.items() if isinstance(one, Done) and id_ in problems}
    return {
        id_: Failure(one.record, problems[id_], _text(problems[id_], None), one.message) for id_, one in done.items()
    }


def _send_back(failures: list[Failure], settings: Settings, deadline: Deadline) -> None:
    if not failures and not unwritten() and not unfinished:
        return
    steps: list[tuple[str, float, Callable[[], None]]] = [
        ("record the causes", 0.4, lambda: note(failures, settings)),
        ("set the visibility", 0.6, lambda: hide_failures(failures, settings)),
        ("say that a service is away", 1.0, lambda: tell(failures, settings)),
    ]
    for what, share, step in steps:
        _try(what, share * deadline.left("reporting"), step)


def _try(what: str, seconds: float, step: Callable[[], None]) -> None:
    """Do a step that must not cost the batch its answer: what goes wrong is logged."""
    try:
        within(seconds, step)
    except OutOfTime:
        clients.replace()
        log("WARNING", f"no time to {what}")
    except Exception as error:
        log("ERROR", f"failed to {what}", error_type=type(error).__name__, error=_text(error, None))
