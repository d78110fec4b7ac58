"""The flow as a picture: Mermaid made from the topology, in README.md and docs/flow.md between two markers.

`python -m stacks.diagram` writes it; with `--check` it only reads, and exits 1 if a picture is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from stacks.entry import Topology
from stacks.page import ROOT, write
from stacks.topology import TOPOLOGY

PAGES = (ROOT / "README.md", ROOT / "docs" / "flow.md")
START, END = "<!-- flow:start -->", "<!-- flow:end -->"


def draw(topology: Topology) -> str:
    """The topology as a Mermaid flowchart, from the routes on the left to the last subscriber."""
    return "\n".join(["```mermaid", "flowchart LR", *(f"  {line}" for line in _lines(topology)), "```"])


def _lines(topology: Topology) -> Iterator[str]:
    for number, route in enumerate(topology.routes):
        yield f'route{number}(["{route.name}"]) --> {route.queue}_queue'
    for queue in topology.queues:
        kind = "FIFO queue" if queue.fifo else "queue"
        yield f'{queue.name}_queue[/"{kind}, DLQ after {queue.receives}"/] --> {queue.name}["{queue.name}"]'
    for consumer in topology.consumers:
        if consumer.sends_email:
            yield f'{consumer.function} --> {consumer.function}_mail>"e-mail"]'
        for event in consumer.publishes:
            yield f"{consumer.function} --> {event.__name__}{{{{{event.__name__}}}}}"
    for subscription in topology.subscriptions:
        yield f"{subscription.event.__name__} --> {subscription.queue}_queue"
    yield "classDef event fill:#fde9c8,stroke:#c77d0a,color:#3b2600"
    yield "classDef function fill:#d8e8fb,stroke:#2b6cb0,color:#102a43"
    events = sorted({event.__name__ for consumer in topology.consumers for event in consumer.publishes})
    yield f"class {','.join(events)} event"
    yield f"class {','.join(consumer.function for consumer in topology.consumers)} function"


def redrawn(page: str, picture: str) -> str:
    """The page with the picture between its markers. Raises `ValueError` if it has no markers."""
    before, after = page.split(START)[0], page.split(END)[1:]
    if START not in page or not after:
        raise ValueError(f"the page has no {START} … {END}")
    return f"{before}{START}\n{picture}\n{END}{after[0]}"


if __name__ == "__main__":
    sys.exit(write({path: redrawn(path.read_text(), draw(TOPOLOGY)) for path in PAGES}, check="--check" in sys.argv))
