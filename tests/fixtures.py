"""AWS for unit tests, wherever they stand: a rehearsal inside the process, or fakes that a test scripts.

What these functions find is what `topology` says: the project's own, unless a folder's `conftest.py` says another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # Imported where they are used: most tests need neither moto nor a client.
    from functions.runtime.settings import Settings
    from local.rehearsal import Rehearsal
    from stacks.entry import Topology
    from tests.functions.fakes import Fakes

STAGE = "test"


class Context:
    """The Lambda context, as far as functions use it."""

    function_name = "test-function"
    aws_request_id = "request-1"

    def __init__(self, remaining: float = 30) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining * 1000)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture(scope="session")
def topology() -> Topology:
    from stacks.topology import TOPOLOGY

    return TOPOLOGY


@pytest.fixture
def environment(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    from local.rehearsal import environment

    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(topology, STAGE).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def settings(environment: None) -> Settings:
    from functions.runtime.settings import Settings

    return Settings.read()


@pytest.fixture
def aws(topology: Topology) -> Iterator[Rehearsal]:
    from local.rehearsal import rehearsal

    forget_clients()
    with rehearsal(topology, STAGE) as aws:
        yield aws
    forget_clients()


@pytest.fixture
def fakes(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    from functions.runtime import clients
    from tests.functions.fakes import Fakes

    monkeypatch.setenv("QUEUE_URL", "https://sqs.example/queue")
    fakes = Fakes()
    forget_clients()
    clients.made.update(fakes.clients())
    yield fakes
    forget_clients()


def forget_clients() -> None:
    """Let the process be as new: no clients, nothing that an earlier batch left in memory."""
    from functions.runtime import breaker, clients, failures, plans, secret
    from functions.runtime.aws import connection
    from functions.runtime.unfinished import unfinished

    clients.made.clear()
    clients._running.set(None)
    for memory in (
        clients._own,
        connection._known,
        secret._failed,
        breaker._memory,
        failures._waiting,
        failures._guesses,
        plans._begun,
        unfinished,
    ):
        memory.clear()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines logged since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
