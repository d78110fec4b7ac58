"""What is parked is seen and opened with the permissions of the operator's role, as the stack of a topology has it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

# Read by the CDK's process when it starts, which importing aws_cdk does.
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App

import ops.stage
from functions.contracts.parked import Place
from local.aws import client
from local.emulator import Emulator
from local.gateway.intrinsics import Resolver
from local.state import ACCOUNT, REGION, State
from ops.cli.app import app
from stacks import names
from stacks import settings as stages
from stacks.operator import Operator
from tests.local.roles import make
from tests.simulation.order_kinds import on_poison

PARKS, WORD, GROUP = on_poison("park"), "change_ticket", "change_ticket/g-1"


@pytest.fixture
def operated(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The operator's role, and what it is about."""
    cdk = App(context=names.CONTEXT, outdir=str(tmp_path / "cdk.out"))
    stack = Operator(cdk, settings=stages.read(names.LOCAL, names.CONTEXT["stages"]), topology=PARKS)
    template = json.loads((Path(cdk.synth().directory) / f"{stack.artifact_id}.template.json").read_text())
    resolver = Resolver(resources=template["Resources"], account=ACCOUNT, region=REGION)
    (role,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    statements = [
        statement
        for each in template["Resources"].values()
        if each["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for statement in resolver.resolve(each["Properties"])["PolicyDocument"]["Statement"]
    ]
    make(emulator, *statements, name=resolver.resolve(role["Properties"])["RoleName"])
    endpoint = emulator.endpoint
    State(
        api_url="",
        aws_endpoint_url=endpoint.url,
        region=REGION,
        account=ACCOUNT,
        access_key_id=endpoint.access_key_id,
        secret_access_key=endpoint.secret_access_key,
        ca_bundle=endpoint.ca_bundle,
        pid=os.getpid(),
    ).write(tmp_path)
    monkeypatch.setattr(ops.stage, "HOME", tmp_path)
    monkeypatch.setattr("ops.sqs.sweep.WAIT", 0)
    dynamodb, sqs = client("dynamodb", endpoint), client("sqs", endpoint)
    for table in (names.FAILURES, names.REDRIVES, names.PARKED):
        key = names.SHARED_TABLES[table]
        dynamodb.create_table(
            TableName=names.resource(names.LOCAL, table),
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    for name in (names.queue, names.dead_letter_queue):
        sqs.create_queue(QueueName=name(names.LOCAL, WORD, fifo=True), Attributes={"FifoQueue": "true"})
    return emulator


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], obj=PARKS, env={"COLUMNS": "170"})
    assert result.exit_code == 0, result.output
    assert "not authorized" not in result.output
    return str(result.stdout)


def test_the_operator_sees_what_is_parked_and_opens_a_group(operated: Emulator) -> None:
    places = [Place(f"{number:020d}", f"{number}@1", int(time.time()) + 1000) for number in range(2)]
    item = {"group": {"S": GROUP}, **{place.name: {"S": place.value} for place in places}}
    dynamodb, table = client("dynamodb", operated.endpoint), names.resource(names.LOCAL, names.PARKED)
    dynamodb.put_item(TableName=table, Item=item)
    assert "g-1: 1 behind" in run("parked", WORD)
    assert "Took the places of 2" in run("parked", WORD, "--open", "g-1", "--yes")
    left = dynamodb.get_item(TableName=table, Key={"group": {"S": GROUP}}).get("Item", {})
    assert not [name for name in left if name.startswith("s")]
    assert dynamodb.scan(TableName=names.resource(names.LOCAL, names.REDRIVES))["Count"] == 1, "the audit record"
