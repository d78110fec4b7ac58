"""The maps of schedules and of delays in one, for a stack that both are tried on."""

from __future__ import annotations

from stacks.entry import Topology
from tests.sample.delayed import DELAYED
from tests.sample.scheduled import SCHEDULED

TIMED = Topology(package="tests.sample", integrations=(*SCHEDULED.integrations, *DELAYED.integrations))
