"""One local stack for all flow tests: the real emulator, the real CDK CLI, our gateway, the sample's integrations."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

import pytest

from local.effects import Effects
from local.session import Session, running
from local.tap import Tap
from tests.sample.local import CDK_APP
from tests.sample.timed import TIMED
from tests.sample.topology import SAMPLE

TIMED_APP = f"{shlex.quote(sys.executable)} -m tests.sample.timed_app"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with running(SAMPLE, tmp_path_factory.mktemp("local"), app=CDK_APP) as session:
        yield session


@pytest.fixture(scope="session")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Another one, of the map of schedules and of delays."""
    with running(TIMED, tmp_path_factory.mktemp("timed"), app=TIMED_APP) as session:
        yield session


@pytest.fixture(scope="session")
def done(timed: Session) -> Effects:
    return Effects(TIMED, timed.state.endpoint)


@pytest.fixture(scope="session")
def effects(stack: Session) -> Effects:
    return Effects(SAMPLE, stack.state.endpoint)


@pytest.fixture(scope="session")
def tap(stack: Session) -> Tap:
    return Tap(stack.state.endpoint)
