"""The map: every integration of this project, and all that each of them owns.

The stacks build it, the operator's command lists and redrives by it, the local run and the documents show it. To add an
integration, write its contract and its function, then add its entry here; `python -m scaffold` does it for you.
"""

from __future__ import annotations

from stacks.entry import Topology

TOPOLOGY = Topology()
