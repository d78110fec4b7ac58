"""A stage in the cloud, whose EventBridge answers as AWS documents it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from ops.cli import replay as commands
from ops.replay import run
from ops.stage import Stage
from stacks import names
from tests.aws.client import Client
from tests.ops.replay.eventbridge import EventBridge
from tests.sample.topology import SAMPLE


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    """One for all tests: it reads the models of services once."""
    made = botocore.session.Session()
    made.set_credentials("test", "test")
    return made


class Records:
    """The table of redrives, and who somebody is."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def put_item(self, *, TableName: str, Item: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        assert TableName == names.resource("cloud", names.REDRIVES)
        self.kept.append(Item)
        return {}

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": self.kept}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:sts::000000000000:assumed-role/operator/ada"}


@pytest.fixture
def cloud(home: Path, session: botocore.session.Session) -> Stage:
    stage = Stage("cloud", "eu-west-1", None, SAMPLE, session, home=home)
    records = Records()
    stage._clients["dynamodb"], stage._clients["sts"] = Client("dynamodb", records), Client("sts", records)
    return stage


@pytest.fixture
def cloudwatch(cloud: Stage) -> Iterator[Stubber]:
    with Stubber(cloud.client("cloudwatch")) as stubber:
        yield stubber


@pytest.fixture
def aws(cloud: Stage, cloudwatch: Stubber, monkeypatch: pytest.MonkeyPatch) -> EventBridge:
    """The stage that the commands open, which looks again at once."""
    monkeypatch.setattr(commands, "opened", lambda _: cloud)
    monkeypatch.setattr(run, "_pause", lambda *_: 0)
    return EventBridge(cloud)
