"""Runs of one schedule, their workers and their deaths, against the table by DynamoDB's own conditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from functions.contracts.run import Run
from functions.runtime import overlap
from functions.runtime.message import Message
from functions.runtime.outcome import Done, Failure
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, plain, typed
from tests.aws.dynamodb import Tables
from tests.aws.errors import ServiceError
from tests.functions.events import record

MINUTE = 60
BASE = 1_800_000_000
LEFT = 10.0
"""Seconds that a worker has."""
SETTINGS = Settings(receives=3)


class Runs:
    """The table, as `overlap` writes to it."""

    def __init__(self) -> None:
        self.tables = Tables({"runs": "schedule"})

    def update(self, key: dict[str, Any], change: str, *, condition: str, values: dict[str, Any]) -> None:
        try:
            self.tables.update_item(
                TableName="runs",
                Key=typed(key),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=typed(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ServiceError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            raise ConditionFailed(
                {name: plain(item) for name, item in self.tables.items["runs"].items()}[key["schedule"]]
            ) from None


@dataclass
class Sent:
    """The message of a run; `until` is when its worker is over."""

    minute: int
    attempt: int = 0
    until: float = 0


class World:
    """What may happen, each by a number that says to which message; nothing happens where there is none."""

    def __init__(self) -> None:
        self.now = float(BASE)
        self.runs = Runs()
        self.waiting: list[Sent] = []
        self.working: list[Sent] = []

    def send(self, _: int) -> None:
        self.now = BASE + (self.now - BASE) // MINUTE * MINUTE + MINUTE
        self._die()
        self.waiting.append(Sent(round((self.now - BASE) / MINUTE)))

    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self._die()

    def begin(self, which: int) -> None:
        if not self.waiting:
            return
        sent = self.waiting.pop(which % len(self.waiting))
        sent.attempt += 1
        if sent.attempt > SETTINGS.receives:
            return  # SQS moves it
        with self._table():
            if overlap.begin(self._record(sent), SETTINGS, LEFT) is None:
                sent.until = self.now + LEFT
                self.working.append(sent)

    def end(self, which: int) -> None:
        if sent := self._taken(which):
            self._finish(sent, dead=False)

    def fail(self, which: int) -> None:
        if sent := self._taken(which):
            self._finish(sent, dead=True)
            self.waiting.append(sent)

    def kill(self, which: int) -> None:
        if sent := self._taken(which):
            self.waiting.append(sent)

    def settle(self) -> None:
        while self.working:
            self.kill(0)
        self.waiting.clear()
        self.now += 24 * 60 * MINUTE

    def next_run_begins(self) -> bool:
        self.send(0)
        self.begin(0)
        return bool(self.working)

    def _die(self) -> None:
        for sent in [each for each in self.working if each.until <= self.now]:
            self.working.remove(sent)
            self.waiting.append(sent)

    def _taken(self, which: int) -> Sent | None:
        return self.working.pop(which % len(self.working)) if self.working else None

    def _finish(self, sent: Sent, *, dead: bool) -> None:
        one = self._record(sent)
        outcome: Done | Failure = (
            Failure(one, RuntimeError("no"), "no") if dead else Done(one, _message(one), (), False)
        )
        with self._table():
            assert overlap.finish({one.id: outcome}, SETTINGS, 1.0) == {}

    def _record(self, sent: Sent) -> Record:
        at = BASE + sent.minute * MINUTE
        run = Run("s", f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}", skips=True)
        said: dict[str, Any] = {"message_id": f"m{sent.minute}", "attempt": sent.attempt, **run.attributes()}
        return Record.read(record("{}", **said))

    def _table(self) -> Any:
        return patch.multiple(overlap, RUNS=self.runs, _now=lambda: round(self.now * 1000))


def _message(one: Record) -> Message:
    return Message(id=one.id, key="k", cause="c", causation_id=one.id, correlation_id="c")
