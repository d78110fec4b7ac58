"""The maps of schedules, of delays and of lanes in one, for a stack that all are tried on."""

from __future__ import annotations

from stacks.entry import Topology
from tests.sample.delayed import DELAYED
from tests.sample.laned import LANED
from tests.sample.scheduled import SCHEDULED

TIMED = Topology(
    package="tests.sample", integrations=(*SCHEDULED.integrations, *DELAYED.integrations, *LANED.integrations)
)
