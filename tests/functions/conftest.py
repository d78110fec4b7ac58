"""AWS for unit tests: a rehearsal inside the process, or fakes that a test scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.runtime import clients
from functions.runtime.settings import Settings
from local.rehearsal import Rehearsal, rehearsal
from local.rehearsal import environment as rehearsed_environment
from tests.functions.fakes import Fakes

Aws = Rehearsal


class Context:
    """The Lambda context, as far as functions use it."""

    function_name = "headrace-test-function"
    aws_request_id = "request-1"

    def __init__(self, remaining: float = 30) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining * 1000)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def settings(environment: None) -> Settings:
    return Settings.read()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in rehearsed_environment("test").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws() -> Iterator[Aws]:
    forget_clients()
    with rehearsal("test") as aws:
        yield aws
    forget_clients()


@pytest.fixture
def fakes(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    monkeypatch.setenv("QUEUE_URL", "https://sqs.example/queue")
    fakes = Fakes()
    forget_clients()
    clients.made.update(events=fakes.events, sqs=fakes.sqs, dynamodb=fakes.dynamodb)
    yield fakes
    forget_clients()


def forget_clients() -> None:
    clients.made.clear()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines logged since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
