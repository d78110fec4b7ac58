"""The sample at another moment of its life: an integration retired, or gone. The doors read it from the environment."""

from __future__ import annotations

import os
from dataclasses import replace

from stacks.entry import Topology
from tests.sample.topology import SAMPLE

RETIRED = "SAMPLE_RETIRED"
"""The environment variable that names a retired integration."""
GONE = "SAMPLE_GONE"
"""The environment variable that names an integration whose entry was deleted."""


def now() -> Topology:
    """The sample as the environment says."""
    retired, gone = os.environ.get(RETIRED), os.environ.get(GONE)
    return replace(
        SAMPLE,
        integrations=tuple(
            replace(each, retired=each.name == retired) for each in SAMPLE.integrations if each.name != gone
        ),
    )
