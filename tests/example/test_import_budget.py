"""A cold start of the example's functions loads what it needs and nothing else."""

from __future__ import annotations

import pytest

from stacks.entry import Consumer
from stacks.topology import TOPOLOGY
from tests.functions.runtime.cold_start import too_much


@pytest.mark.parametrize("consumer", TOPOLOGY.consumers, ids=lambda consumer: consumer.function)
def test_a_cold_start_stays_within_its_budget(consumer: Consumer) -> None:
    assert too_much(TOPOLOGY.module(consumer.function), consumer) == set()
