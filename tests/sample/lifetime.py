"""The sample at another moment of its life: an integration retired, or gone, a consumer limited, statuses to be read.

The doors read it from the environment.
"""

from __future__ import annotations

import os
from dataclasses import replace

from stacks.entry import Limit, Topology
from tests.sample.statuses import readable
from tests.sample.topology import SAMPLE

LIMIT = Limit("crm", rate=0.5, at_once=2)
RETIRED = "SAMPLE_RETIRED"
"""The environment variable that names a retired integration."""
GONE = "SAMPLE_GONE"
"""The environment variable that names an integration whose entry was deleted."""
LIMITED = "SAMPLE_LIMITED"
"""The environment variable that names a consumer with a limit, which lets through one message in two seconds."""


READABLE = "SAMPLE_READABLE"
"""The environment variable with which tickets, and requests for them, can be read."""


def now() -> Topology:
    """The sample as the environment says."""
    return readable(_now()) if os.environ.get(READABLE) else _now()


def _now() -> Topology:
    retired, gone, limited = (os.environ.get(name) for name in (RETIRED, GONE, LIMITED))
    return replace(
        SAMPLE,
        integrations=tuple(
            replace(
                each,
                retired=each.name == retired,
                consumers=tuple(
                    replace(one, limits=(LIMIT,) if one.function == limited else ()) for one in each.consumers
                ),
            )
            for each in SAMPLE.integrations
            if each.name != gone
        ),
    )
