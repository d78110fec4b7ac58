"""The flow as a picture: docs/flow.md, and README.md between two markers if it has them.

Mermaid made from the topology; each integration is a box of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from documents.page import Pages
from functions.contracts.contract import Event
from stacks.entry import Integration, Topology

START, END = "<!-- flow:start -->", "<!-- flow:end -->"
HEAD = """\
# The flow

Made from `stacks/topology.py` by `make fix`; `make check` fails when it is out of date. Every queue has a dead-letter
queue of its own type; the number is how many attempts a message gets before SQS moves it there.

"""


def draw(topology: Topology) -> str:
    """The topology as a Mermaid flowchart, from the routes on the left to the last subscriber."""
    return "\n".join(["```mermaid", "flowchart LR", *(f"  {line}" for line in _lines(topology)), "```"])


def _lines(topology: Topology) -> Iterator[str]:
    routes = {route.name: f"route{number}" for number, route in enumerate(topology.routes)}
    for integration in topology.integrations:
        title = f"{integration.name} (retired)" if integration.retired else integration.name
        yield f'subgraph {integration.name.replace("-", "_")}_integration["{title}"]'
        yield from (f"  {line}" for line in _integration(integration, routes, _first(topology, integration)))
        yield "end"
    foreign = dict.fromkeys(entry.event for entry in topology.subscriptions if entry.event not in topology.events)
    for event in foreign:
        yield f'{_node(event)}{{{{"{event.__name__} of {event.source}"}}}}'
    for consumer in topology.consumers:
        yield from (f"{consumer.function}_function --> {_node(event)}" for event in consumer.publishes)
    for subscription in topology.subscriptions:
        yield f"{_node(subscription.event)} --> {subscription.queue}_queue"
    yield "classDef event fill:#fde9c8,stroke:#c77d0a,color:#3b2600"
    yield "classDef function fill:#d8e8fb,stroke:#2b6cb0,color:#102a43"
    for kind, members in (
        ("event", [_node(event) for event in (*topology.events, *foreign)]),
        ("function", [f"{consumer.function}_function" for consumer in topology.consumers]),
    ):
        if members:
            yield f"class {','.join(members)} {kind}"


def _integration(integration: Integration, routes: Mapping[str, str], events: Iterable[type[Event]]) -> Iterator[str]:
    for route in integration.open_routes():
        first, *others = route.queues
        yield f'{routes[route.name]}(["{route.name}"]) --> {first}_queue'
        yield from (f"{routes[route.name]} --> {queue}_queue" for queue in others)
    for schedule in () if integration.retired else integration.schedules:
        yield f'{schedule.name}_schedule[["{schedule.name}: {schedule.every}"]] --> {schedule.queue}_queue'
    limits = {consumer.function: [limit.words for limit in consumer.limits] for consumer in integration.consumers}
    for queue in integration.queues:
        kind = "FIFO queue" if queue.fifo else f"lane {queue.lane.lane}" if queue.lane else "queue"
        said = "; ".join(limits[queue.name])
        arrow = f'-- "{said}" -->' if said else "-->"
        node = f'{queue.name}_queue[/"{kind}, DLQ after {queue.receives}"/]'
        yield f'{node} {arrow} {queue.name}_function["{queue.name}"]'
    for consumer in integration.consumers:
        for plan in consumer.plans:
            yield f'{consumer.function}_function -. "{plan.command.__name__}, later" .-> {plan.queue}_queue'
        if consumer.sends_email:
            yield f'{consumer.function}_function --> {consumer.function}_mail>"e-mail"]'
    for event in events:
        yield f'{_node(event)}{{{{"{event.__name__}"}}}}'


def _first(topology: Topology, integration: Integration) -> Iterator[type[Event]]:
    """The events of which this integration is the first to publish them: a node can be in one box only."""
    for event in topology.events:
        publishers = (each for each in topology.integrations for by in each.consumers if event in by.publishes)
        if next(publishers) is integration:
            yield event


def _node(event: type[Event]) -> str:
    """The id of an event's node. Every id ends in its kind, so that none is another's, or a word of Mermaid's."""
    words = (*event.source.split("."), event.__name__) if "." in event.source else (event.__name__,)
    return re.sub("[^A-Za-z0-9]", "_", "_".join(words)) + "_event"


def redrawn(page: str, picture: str) -> str:
    """The page with the picture between its markers; a page without them as it is."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{START}\n{picture}\n{END}{after}" if start and end else page


def pages(topology: Topology, root: Path) -> Pages:
    """docs/flow.md and README.md with the picture of today."""
    picture, readme = draw(topology), root / "README.md"
    shown = {readme: redrawn(readme.read_text(), picture)} if readme.exists() else {}
    return shown | {root / "docs" / "flow.md": f"{HEAD}{picture}\n"}
