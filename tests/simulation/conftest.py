"""AWS in virtual time, as one worker sees it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from botocore.config import Config

from tests.sample.topology import SAMPLE
from tests.simulation.clock import Clock
from tests.simulation.faults import Faults, Plan
from tests.simulation.nature import Nature
from tests.simulation.runs import sandboxes
from tests.simulation.tables import Tables
from tests.simulation.wire import Service, Wire
from tests.simulation.worker import Worker
from tests.simulation.world import World

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})


class Bench:
    """Runs one piece of code as a worker, alone or with others, against services under a plan of faults."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.nature = Nature()
        self.tables = Tables({"things": "id", "others": "id"}, self.clock, Random("tables"), lambda *_: True)
        self.services: dict[str, Service] = {"dynamodb": self.tables}
        self.plan = Plan(lag=(0.01, 0.01))

    def client(self, service: str = "dynamodb") -> Any:
        """botocore's client of the service."""
        faults = Faults(self.plan, Random("faults"), self.clock)
        return _client(service, Wire(self._worker, self.services, faults.fate))

    def run(self, *bodies: Callable[[], Any], timeout: float = 900) -> list[Any]:
        """What each body returns or raises; they start together."""
        results: list[Any] = [None] * len(bodies)

        def runner(place: int) -> Callable[[], None]:
            def body() -> None:
                try:
                    results[place] = bodies[place]()
                except BaseException as error:
                    results[place] = error

            return body

        with self.nature.rules("bench"):
            for place in range(len(bodies)):
                worker = Worker(
                    str(place), "f", runner(place), clock=self.clock, timeout=timeout, skew=0, turn=self._turn
                )
                self.clock.at(self.clock.now, worker.resume)
            self.clock.run(self.clock.now + 2 * timeout)
        return results

    def _turn(self, worker: Worker | None) -> None:
        self.nature.worker = worker

    def _worker(self) -> Worker:
        assert self.nature.worker is not None
        return self.nature.worker


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def world() -> World:
    return World(SAMPLE, Plan(), sandboxes(), seed="test")


def _client(service: str, wire: Wire) -> Any:
    client = sandboxes().clients.take(f"bench {service}", service, CONFIG)
    client._endpoint.http_session = wire
    wire.connect_timeout, wire.read_timeout = 2, 5
    return client
