"""What is counted of limits is seen with the permissions of the operator's role, as the stack of a topology has it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ops.stage
from functions.contracts.limit import KEY, TABLE
from local.aws import client
from local.emulator import Emulator
from ops.cli.app import app
from stacks import names
from tests.local.operated import operated
from tests.ops.limits.stages import LIMITS, limited

TOPOLOGY = limited()


@pytest.fixture
def stage(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    operated(emulator, tmp_path, TOPOLOGY, {TABLE: KEY})
    monkeypatch.setattr(ops.stage, "HOME", tmp_path)
    sqs, logs = client("sqs", emulator.endpoint), client("logs", emulator.endpoint)
    for word in LIMITS:
        fifo = TOPOLOGY.queue(word).fifo
        attributes = {"FifoQueue": "true"} if fifo else {}
        sqs.create_queue(QueueName=names.queue(names.LOCAL, word, fifo=fifo), Attributes=attributes)
        logs.create_log_group(logGroupName=names.log_group(names.LOCAL, word))
    return emulator


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["limits", *arguments, "--json"], obj=TOPOLOGY)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_operator_sees_what_is_counted_and_looks_up_a_key(stage: Emulator) -> None:
    dynamodb, table = client("dynamodb", stage.endpoint), names.resource(names.LOCAL, TABLE)
    given = {"N": str(int((time.time() + 100) * 1_000_000))}
    for id_ in ("open_ticket/crm/@0.1", "open_ticket/tenant/acme@2", "change_ticket/token/k@1"):
        dynamodb.put_item(TableName=table, Item={KEY: {"S": id_}, "given": given})
    note = {KEY: {"S": "change_ticket/waits/m1"}, "waits": {"N": "2"}}
    dynamodb.put_item(TableName=table, Item=note)
    found = told()
    assert found["problem"] is None
    crm, tenant = found["consumers"][0]["limits"]
    assert 8 <= crm["buckets"][0]["promised"] <= 9
    assert [each["key"] for each in tenant["buckets"]] == ["acme"]
    (own,) = told("open_ticket")["consumers"]
    assert own["limits"][1]["buckets"][0]["key"] == "acme"
    (looked_up,) = told("open_ticket", "--key", "acme")["consumers"]
    assert looked_up["limits"][1]["buckets"][0]["counted"]
    (others,) = told("open_ticket", "--key", "other")["consumers"]
    assert not others["limits"][1]["buckets"][0]["counted"]
