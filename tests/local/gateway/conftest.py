"""One API of stage local, served by our gateway to a loopback SQS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.gateway.server import Gateway
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.client import Client
from tests.local.gateway.receiver import Receiver, listening


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("ingress") / "cdk.out")


@pytest.fixture(scope="session")
def _receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    _receiver.reset()
    return _receiver


@pytest.fixture(scope="session")
def gateway(assembly: Path, _receiver: Receiver) -> Iterator[Gateway]:
    with Gateway(assembly=assembly, endpoint_url=_receiver.url) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with Client(gateway.url) as client:
        yield client
