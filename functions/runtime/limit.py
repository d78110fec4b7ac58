"""Limits: what a consumer asks before an attempt, and what a handler asks by `limit` before it calls what is fragile.

A message that must wait a moment sleeps, beside which others of its batch go on. One that must wait longer leaves: on
a standard queue as a delayed copy, on a FIFO queue, whose order a copy would lose, hidden where it is. Either way it
comes back with its slot, and the receives that it spent are not counted as attempts.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from msgspec.structs import replace

from functions.contracts.environment import DAY
from functions.contracts.limit import KEY, TABLE, Rule, places, read, waits
from functions.contracts.limit import slots as slots_of
from functions.contracts.waited import Waited
from functions.runtime import clients, copies, room
from functions.runtime import slot as slots
from functions.runtime.deadline import invocation, left, within
from functions.runtime.errors import GroupBlocked, Limited, NotAttempted, OutOfTime, Reject, Spent, Unavailable
from functions.runtime.log import log
from functions.runtime.message import Intake, Message
from functions.runtime.outcome import Failure, Outcomes, Waiting
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import Item, Table
from functions.runtime.waiting import sleep

LONGEST_SLEEP = 1.25
"""Seconds that a message sleeps, at the most, because a worker that sleeps is paid for; a quarter of what is left."""
LEAD = 0.1
ON_THE_WAY = 0.3
"""Seconds that SQS and Lambda take to bring a message when its time has come; `LEAD` of them are always allowed for."""
FOLLOW = 5
"""Seconds between slots from which on those behind a waiting head of a FIFO group take theirs together with it."""
FIRST_LOOK = 2.0
LONGEST_LOOK = 60.0
"""Seconds until a message looks again whether there is room, at the most: the first time, and however often."""
LONGEST_RUN = 900
"""Seconds that a function runs, at the most."""

T = TypeVar("T")
LIMITS = Table(TABLE)
_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


def limit(name: str, key: str, cost: int = 1) -> None:
    """Go on once the limit of that name lets `key` through; `cost` is how much of its rate that takes.

    For a limit that the map has with `in_code=True`. Called in a handler, before the effect that is to be limited: who
    must wait longer than a moment leaves the handler by an exception, which must not be caught, and is handled from the
    start when its time has come. What was let in counts as in work until the handler ends.

    Raises `LookupError` for a limit that the consumer does not have or outside of a consumer, `ValueError` for a cost
    below 1 or above the burst, or for a key that the message has asked for already, `Reject` for an empty key,
    `Unavailable` while the table of limits is away.
    """
    turn = _turn.get()
    if turn is None:
        raise LookupError(f"limit({name!r}) is for a handler, called by a consumer that has limits in the map.")
    turn.ask(name, key, cost)


class Limits:
    """The limits of one consumer, for one batch. `raw` are its records by id, as Lambda handed them over."""

    def __init__(self, raw: Mapping[str, Mapping[str, Any]], settings: Settings, intake: Intake) -> None:
        self.rules = read(settings.limits or "[]")
        self.service = settings.service
        self.sleeping = 0
        """Messages of the batch that sleep now; what is done meanwhile should not wait for them to be told."""
        self.told: set[str] = set()
        """The records whose events were told meanwhile."""
        self._raw = raw
        self._settings = settings
        self._intake = intake
        self._waits: dict[str, int] = {}
        self._receives: dict[str, int] = {}
        self._unread: dict[str, Exception] = {}

    def read(self, batch: Sequence[Record], seconds: float) -> list[Record]:
        """The batch, of which each record knows how often it was attempted: what it spent on waiting does not count."""
        known: dict[str, Record] = {}

        def look() -> None:
            before = {record.id: record for record in batch if record.attempt > 1}
            try:
                notes = LIMITS.get_all(KEY, [*map(self._noted_as, before.values())]) if before else {}
            except Exception as error:
                problem = f"It is not known how often it was attempted: {error}"
                self._unread |= {id_: Unavailable(problem) for id_ in before}
                notes = {}
            for record in batch:
                known[record.id] = self._known(record, notes.get(self._noted_as(record), {}))

        try:
            within(seconds, look)
        except OutOfTime:
            clients.replace()
            for record in batch:
                if record.id not in known:
                    self._unread[record.id] = Unavailable("The time ran out before it was known how long it waited.")
        return [known.get(record.id, record) for record in batch]

    def refusal(self, record: Record) -> Exception | None:
        """Why the record is not even read: it is not known how often it was attempted, or it was often enough."""
        if record.id in self._unread:
            return self._unread[record.id]
        if record.attempt > self._settings.receives:
            return Spent(f"It was attempted {self._settings.receives} times.")
        return None

    def run(self, record: Record, contract: Any, message: Message, handle: Callable[[], T]) -> T:
        """What `handle` returns, once every limit that is asked for each message lets it through.

        Raises `Limited` for one that must wait longer than a moment, `Reject` for one that lacks the key of a limit.
        """
        turn = Turn(self, record)
        token = _turn.set(turn)
        try:
            turn.pass_all(contract, message)
            return handle()
        finally:
            _turn.reset(token)
            turn.leave()

    def behind(self, record: Record, head: Failure) -> Exception | None:
        """The wait of a record behind a waiting head of its FIFO group, with a slot of its own where that helps."""
        if not isinstance(head.error, Limited) or not head.error.kept or self.refusal(record):
            return None
        rules = [rule for rule in self.rules if rule.name == head.error.limit]
        if not rules or rules[0].in_code or slots.interval(rules[0]) < FOLLOW * slots.SECOND:
            return None
        try:
            turn = Turn(self, record, patient=False)
            contract, message = within(left(), lambda: self._intake(record))
            turn.take(rules[0], _value(rules[0], contract, message), 1)
        except Limited as waits:
            return waits
        except Exception:
            return None  # it is blocked like any other, and fails when it is its turn
        return None

    def leave(self, outcomes: Outcomes, seconds: float) -> Outcomes:
        """Let what waits wait: as copies on a standard queue, else noted where it is."""
        failures = [each for each in outcomes.values() if isinstance(each, Failure) and _only_waits(each)]
        changed: Outcomes = {}

        def settle() -> None:
            limited = [each for each in failures if isinstance(each.error, Limited) and not each.record.fifo]
            url = self._settings.queue_url  # a REPL has no queue
            sent = copies.send(limited, self._raw, url) if limited and url else set()
            changed.update({each.record.id: Waiting(each) for each in limited if each.record.id in sent})
            for each in failures:
                if each.record.id not in sent:
                    self._note(each)

        if failures:
            try:
                within(seconds, settle)
            except OutOfTime:
                clients.replace()
                log("WARNING", "no time to note what waits")
            except Exception as error:
                log("ERROR", "what waits was not noted", error_type=type(error).__name__, error=str(error))
        return changed

    def may_wait(self, record: Record) -> bool:
        """Whether it may leave to wait: after so many times it would die of waiting, and goes at once."""
        return self._waits.get(record.id, 0) < waits(fifo=record.fifo) - 1

    def _known(self, record: Record, note: Item) -> Record:
        waited, waits = record.waited, 0
        if waited and not waited.is_of(record.sent):
            # A redrive begins anew, and is still the same request.
            waited = Waited(origin=waited.origin, first_sent=round(record.sent * 1000))
        before = waited.attempts if waited else 0
        self._receives[record.id] = record.attempt
        if record.id in self._unread:
            return record
        if record.attempt > 1:
            waits = int(note.get("waits", 0))
            waited = Waited.read(note.get("waited", "")) or waited
            if waited and note.get("receive") != record.attempt - 1:
                # What was kept for it was used by the attempt before, or went with its worker.
                waited = replace(waited, limit="", slot=0)
        self._waits[record.id] = waits
        return replace(record, attempt=max(1, record.attempt - waits + before), waited=waited)

    def _note(self, failure: Failure) -> None:
        """Say that this receive was spent on waiting. What goes wrong is logged: the receive counts as an attempt."""
        record, error = failure.record, failure.error
        waits = self._waits.get(record.id, 0) + 1
        waited = record.waited or Waited(origin=record.id, first_sent=round(record.sent * 1000))
        if isinstance(error, Limited):
            looks = 0 if error.kept else waited.looks + 1
            waited = replace(waited, limit=error.kept, slot=error.slot, looks=looks)
        values = {
            ":waits": waits,
            ":receive": self._receives.get(record.id, record.attempt),
            ":waited": waited.text(),
            ":expires": int(time.time()) + self._settings.retention + DAY,
        }
        change = "SET waits = :waits, receive = :receive, waited = :waited, expires_at = :expires"
        try:
            LIMITS.update({KEY: self._noted_as(record)}, change, values=values)
        except (ClientError, BotoCoreError, Unavailable) as problem:
            log("WARNING", "wait not noted", message_id=record.id, error=str(problem))

    def _noted_as(self, record: Record) -> str:
        return f"{self._settings.service}/waits/{record.id}"


class Turn:
    """One attempt at one record, and what it holds of the limits. One that is not `patient` never sleeps."""

    def __init__(self, limits: Limits, record: Record, *, patient: bool = True) -> None:
        self._limits = limits
        self._record = record
        self._patient = patient
        self._places: list[room.Place] = []
        self._asked: set[tuple[str, str]] = set()

    def pass_all(self, contract: Any, message: Message) -> None:
        """Ask every limit that is asked for each message."""
        # A slot that is kept is one of the limits that were asked in order: those before it let the message through.
        kept = self._kept()
        names = [rule.name for rule in self._limits.rules]
        passed = names.index(kept) if kept in names else 0
        for place, rule in enumerate(self._limits.rules):
            if rule.in_code:
                return
            if rule.retired:
                continue
            value = _value(rule, contract, message)
            if rule.rate and place >= passed:
                self.take(rule, value, 1)
            if rule.at_once:
                self._enter(rule, value)

    def ask(self, name: str, key: str, cost: int) -> None:
        """Ask a limit that handlers ask."""
        rule = next((rule for rule in self._limits.rules if rule.name == name and rule.in_code), None)
        if rule is None:
            raise LookupError(f"The consumer has no limit {name!r} with in_code=True in the map.")
        if not key:
            raise Reject(f"The key for limit {name!r} is empty; it says whose share is used.")
        if not 1 <= cost <= rule.burst:
            raise ValueError(
                f"A cost of {cost} for limit {name!r} is not within 1 and its burst, which is {rule.burst}."
            )
        if (name, key) in self._asked:
            raise ValueError(
                f"The handler asks limit {name!r} a second time for one key; ask once, with what it takes as the cost."
            )
        self._asked.add((name, key))
        if rule.retired:
            return
        if rule.rate:
            self.take(rule, key, cost)
        if rule.at_once:
            self._enter(rule, key)

    def take(self, rule: Rule, value: str, cost: int) -> None:
        """Wait for a slot. Raises `Limited` if that takes longer than a sleep."""
        key = slots_of(self._limits.service, rule, value)
        kept = f"{rule.name}#{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        waited = self._record.waited
        slot = waited.slot if waited and waited.limit == kept else None
        if slot is None or not slots.is_good(rule, slot, slots.now()):
            slot = slots.reserve(rule, key, cost)
            if not self._limits.may_wait(self._record):
                return  # too early, but counted: those after it wait for as much longer
        while (wait := (slot - slots.now()) / slots.SECOND) > 0:
            if wait > self._longest_sleep():
                reason = f"Limit {rule.name!r} has its next slot in {wait:.1f} s."
                raise Limited(reason, limit=rule.name, delay=wait + _lateness(rule), kept=kept, slot=slot)
            self._sleep(wait)

    def leave(self) -> None:
        """Give up the places that it held; what goes wrong is logged, and the place is free once its time is over."""
        for place in self._places:
            try:
                room.leave(place)
            except OutOfTime:
                clients.replace()
            except Exception as error:
                log("WARNING", "place of a limit not given up", error=str(error))

    def _enter(self, rule: Rule, value: str) -> None:
        key = places(self._limits.service, rule, value)
        end = time.monotonic() + self._longest_sleep()
        pause = 0.05
        while (place := room.enter(rule, key, _run_time())) is None:
            pause = min(2 * pause, 1.0)
            wait = random.uniform(pause / 2, pause)
            if time.monotonic() + wait < end:
                self._sleep(wait)
            elif self._limits.may_wait(self._record):
                looks = self._record.waited.looks if self._record.waited else 0
                wait = min(FIRST_LOOK * 2.0 ** min(looks, 10), LONGEST_LOOK) * random.uniform(0.5, 1)
                reason = f"Limit {rule.name!r} has {rule.at_once} at once already; it looks again in {wait:.1f} s."
                raise Limited(reason, limit=rule.name, delay=max(1.0, wait))
            else:
                return
        self._places.append(place)

    def _kept(self) -> str | None:
        waited = self._record.waited
        return waited.limit.partition("#")[0] if waited and waited.limit else None

    def _longest_sleep(self) -> float:
        return min(LONGEST_SLEEP, left() / 4) if self._patient else 0.0

    def _sleep(self, seconds: float) -> None:
        self._limits.sleeping += 1
        try:
            sleep(seconds)
        finally:
            self._limits.sleeping -= 1


def _lateness(rule: Rule) -> float:
    """Seconds after its slot at which a message may be sent for, before it if negative.

    SQS counts whole seconds, of which the part is cut off. Who comes before its slot sleeps, which is paid for; so
    where slots are good for long, a message is asked for up to a second later instead.
    """
    return min(1.0, max(slots.interval(rule) / slots.SECOND / 2 - ON_THE_WAY, -LEAD))


def _only_waits(failure: Failure) -> bool:
    """Whether the receive was spent on nothing but waiting."""
    head = failure.head.error if failure.head else None
    return isinstance(failure.error, NotAttempted) or (
        isinstance(failure.error, GroupBlocked) and isinstance(head, NotAttempted)
    )


def _value(rule: Rule, contract: Any, message: Message) -> str:
    """Whose share of the limit the message uses. Raises `Reject` if it does not say."""
    match rule.per:
        case None:
            return ""
        case "tenant":
            value = message.tenant
        case "group":
            value = message.group
        case field:
            value = getattr(contract, field, None)
    if value is None or value == "":
        raise Reject(f"Limit {rule.name!r} is per {rule.per}, which this message does not have.")
    return str(value)


def _run_time() -> float:
    """Seconds that the invocation still runs, at the most."""
    context = invocation.get()
    return context.get_remaining_time_in_millis() / 1000 if context else LONGEST_RUN
