"""One local stack for all flow tests: the real emulator, the real CDK CLI, our gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.effects import Effects
from local.session import Session, running
from local.tap import Tap


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with running(tmp_path_factory.mktemp("local")) as session:
        yield session


@pytest.fixture(scope="session")
def effects(stack: Session) -> Effects:
    return Effects(stack.state.aws_endpoint_url)


@pytest.fixture(scope="session")
def tap(stack: Session) -> Tap:
    return Tap(stack.state.aws_endpoint_url)
