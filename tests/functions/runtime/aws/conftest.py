"""An environment as Lambda's, and a service in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functions.runtime.aws.server import OPEN, Server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a token")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return monkeypatch


@pytest.fixture
def server(environment: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    yield server
    server.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("functions.runtime.aws.service.time.sleep", made.append)
    return made


@pytest.fixture(autouse=True)
def what_is_open_is_closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()
