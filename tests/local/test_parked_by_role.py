"""What is parked is seen and opened with the permissions of the operator's role, as the stack of a topology has it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ops.stage
from functions.contracts.parked import Place
from local.aws import client
from local.emulator import Emulator
from ops import audit
from ops.cli.app import app
from stacks import names
from tests.local.operated import operated
from tests.simulation.order_kinds import on_poison

PARKS, WORD, GROUP = on_poison("park"), "change_ticket", "change_ticket/g-1"


@pytest.fixture
def stage(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The operator's role, and what it is about."""
    tables = (names.FAILURES, names.REDRIVES, names.PARKED)
    operated(emulator, tmp_path, PARKS, {table: names.SHARED_TABLES[table] for table in tables})
    monkeypatch.setattr(ops.stage, "HOME", tmp_path)
    monkeypatch.setattr("ops.sqs.sweep.WAIT", 0)
    sqs = client("sqs", emulator.endpoint)
    for name in (names.queue, names.dead_letter_queue):
        sqs.create_queue(QueueName=name(names.LOCAL, WORD, fifo=True), Attributes={"FifoQueue": "true"})
    return emulator


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], obj=PARKS, env={"COLUMNS": "170"})
    assert result.exit_code == 0, result.output
    assert "not authorized" not in result.output
    return str(result.stdout)


def test_the_operator_sees_what_is_parked_and_opens_a_group(stage: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [Place(f"{number:020d}", f"{number}@1", int(time.time()) + 1000) for number in range(2)]
    item = {"group": {"S": GROUP}, **{place.name: {"S": place.value} for place in places}}
    dynamodb, table = client("dynamodb", stage.endpoint), names.resource(names.LOCAL, names.PARKED)
    dynamodb.put_item(TableName=table, Item=item)
    assert "g-1: 1 behind" in run("parked", WORD)
    late, begin = [Place("2".zfill(20), "2@1", int(time.time()) + 1000)], audit.begin

    def meanwhile(*asked: Any) -> audit.Audit:
        for place in late:
            dynamodb.put_item(TableName=table, Item=item | {place.name: {"S": place.value}, "turn": {"S": "theirs"}})
        late.clear()
        return begin(*asked)

    monkeypatch.setattr(audit, "begin", meanwhile)
    assert "g-1 in change_ticket away: 0@1, 1@1, 2@1." in run("parked", WORD, "--open", "g-1", "--yes")
    left = dynamodb.get_item(TableName=table, Key={"group": {"S": GROUP}}).get("Item", {})
    assert not [name for name in left if name.startswith("s")]
    assert dynamodb.scan(TableName=names.resource(names.LOCAL, names.REDRIVES))["Count"] == 1, "the audit record"
