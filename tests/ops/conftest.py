"""A stage on this machine whose AWS is a fake, with every queue of the topology."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import botocore.session
import pytest
import typer.main
import typer.testing
from botocore.retries import standard

import ops.redrive.linger
import ops.redrive.native
import ops.redrive.native_run
import ops.sqs.sweep
import ops.stage
from ops.observe import question
from ops.queue import known
from ops.stage import Stage
from stacks import names
from tests.aws.queues import REGION
from tests.ops import virtual_time
from tests.ops.endpoint import Endpoint, running
from tests.sample.topology import SAMPLE

# The command is built from its functions' signatures once; it keeps nothing of a call.
vars(typer.testing)["_get_command"] = cache(typer.main.get_command)


@pytest.hookimpl(tryfirst=True)  # pytest's own refuses coroutines
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an `async def` test on a loop whose clock jumps."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    virtual_time.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures wait for every answer, however busy this machine is: a test that wants one late says so."""
    monkeypatch.setattr(question, "PATIENCE", 60.0)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore tries again at once: how long it waits is drawn, up to 20 seconds, and no test is about it."""
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0.001)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which this machine keeps its state, journals, exports and records."""
    monkeypatch.setattr(ops.stage, "HOME", tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def aws(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """The fake AWS of stage local, where `ops.stage` finds it; an empty queue of its is empty at once."""
    monkeypatch.setattr(ops.sqs.sweep, "WAIT", 0)
    monkeypatch.setattr(ops.redrive.native, "EVERY", 0.01)
    monkeypatch.setattr(ops.redrive.linger, "LINGER", 0.0)
    monkeypatch.setattr(ops.redrive.native_run, "LINGER", 0.0)
    monkeypatch.setattr(ops.redrive.native_run, "STEP", 0.05)
    with running() as endpoint:
        for word, kind, name in known(names.LOCAL, SAMPLE):
            if kind != "work":
                dead = endpoint.sqs.create(name)
                if kind == "dead":
                    work = names.queue(names.LOCAL, word.removesuffix("-dlq"), fifo=name.endswith(".fifo"))
                    endpoint.sqs.create(work, dead)
        endpoint.tables = {
            names.resource(names.LOCAL, name): {} for name in (names.FAILURES, names.REDRIVES, names.PARKED)
        }
        state = {"aws_endpoint_url": endpoint.url, "region": REGION, "api_url": "", "account": "000000000000"}
        state |= {"access_key_id": "key", "secret_access_key": "hidden", "ca_bundle": ""}
        (home / "state.json").write_text(json.dumps(state))
        yield endpoint


@pytest.fixture
def stage(aws: Endpoint, home: Path) -> Stage:
    return Stage.open(names.LOCAL, SAMPLE, home)


@pytest.fixture
def other(aws: Endpoint, home: Path) -> Stage:
    """The stage as another machine reaches it."""
    there = home / "other"
    there.mkdir()
    (there / "state.json").write_text((home / "state.json").read_text())
    return replace(Stage.open(names.LOCAL, SAMPLE, there), locks=there / "locks")


@pytest.fixture
def cloud(home: Path) -> Stage:
    """A stage on AWS, which a test reaches only through a stubber."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return Stage("cloud", "eu-west-1", None, SAMPLE, session, home=home)
