"""The sample's map with a consumer changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stacks.entry import Topology
from tests.sample.topology import SAMPLE


def changed_consumer(function: str, topology: Topology = SAMPLE, **changes: Any) -> Topology:
    """The sample, or another map of its, with the consumer changed."""
    integrations = tuple(
        replace(
            each,
            consumers=tuple(replace(c, **changes) if c.function == function else c for c in each.consumers),
        )
        for each in topology.integrations
    )
    return replace(topology, integrations=integrations)
