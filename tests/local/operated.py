"""What belongs to a stage in the emulator, and its operator's role with the permissions that its stack gives it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# Read by the CDK's process when it starts, which importing aws_cdk does.
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App

from local.aws import client
from local.emulator import Emulator
from local.gateway.intrinsics import Resolver
from local.state import ACCOUNT, REGION, State
from stacks import names
from stacks import settings as stages
from stacks.entry import Topology
from stacks.operator import Operator
from tests.local.roles import make


def operated(emulator: Emulator, folder: Path, topology: Topology, tables: Mapping[str, str]) -> None:
    """Makes the role of that map's operator and these tables, by name and key, and writes down where they are."""
    cdk = App(context=names.CONTEXT, outdir=str(folder / "cdk.out"))
    stack = Operator(cdk, settings=stages.read(names.LOCAL, names.CONTEXT["stages"]), topology=topology)
    template = json.loads((Path(cdk.synth().directory) / f"{stack.artifact_id}.template.json").read_text())
    resolver = Resolver(resources=template["Resources"], account=ACCOUNT, region=REGION)
    (role,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    statements = [
        statement
        for each in template["Resources"].values()
        if each["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for statement in resolver.resolve(each["Properties"])["PolicyDocument"]["Statement"]
    ]
    name = resolver.resolve(role["Properties"])["RoleName"]
    iam = client("iam", emulator.endpoint)
    with suppress(iam.exceptions.NoSuchEntityException):  # that of the test before, of another map
        iam.delete_role_policy(RoleName=name, PolicyName="all")
        iam.delete_role(RoleName=name)
    make(emulator, *statements, name=name)
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
    ).write(folder)
    dynamodb = client("dynamodb", endpoint)
    for table, key in tables.items():
        dynamodb.create_table(
            TableName=names.resource(names.LOCAL, table),
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
