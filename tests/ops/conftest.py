"""A stage on this machine whose AWS is a fake, with every queue of the topology."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

import ops.stage
import ops.sweep
from ops.queue import known
from ops.stage import Stage
from stacks import names
from tests.ops.endpoint import Endpoint, running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which this machine keeps its state, journals, exports and records."""
    monkeypatch.setattr(ops.stage, "HOME", tmp_path)
    return tmp_path


@pytest.fixture
def aws(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """The fake AWS of stage local, where `ops.stage` finds it; an empty queue of its is empty at once."""
    monkeypatch.setattr(ops.sweep, "WAIT", 0)
    with running() as endpoint:
        for word, kind, name in known("local"):
            if kind != "work":
                dead = endpoint.sqs.create(name)
                if kind == "dead":
                    work = names.queue("local", word.removesuffix("-dlq"), fifo=name.endswith(".fifo"))
                    endpoint.sqs.create(work, dead)
        endpoint.tables = {names.resource("local", name): {} for name in ("failures", "redrives")}
        state = {"aws_endpoint_url": endpoint.url, "region": "us-east-1", "api_url": "", "account": "000000000000"}
        (home / "state.json").write_text(json.dumps(state))
        yield endpoint


@pytest.fixture
def stage(aws: Endpoint, home: Path) -> Stage:
    return Stage.open("local", home)


@pytest.fixture
def cloud(home: Path) -> Stage:
    """Stage dev on AWS, which a test reaches only through a stubber."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return Stage("dev", "eu-west-1", None, session, home=home)
