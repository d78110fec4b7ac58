"""The platform's functions and their runtime are tested on the sample, which every project has."""

from __future__ import annotations

import pytest

from stacks.entry import Topology
from tests.sample.topology import SAMPLE


@pytest.fixture(scope="session")
def topology() -> Topology:
    return SAMPLE
