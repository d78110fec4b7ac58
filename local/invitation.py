"""The first thing to try on a fresh local stack: a request to its first route."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from textwrap import indent

from functions.contracts.example import VALUE, example, in_the_path
from stacks import names, settings
from stacks.entry import Route, Topology

WIDTH = 70
"""Characters of a body that is written in one line."""


def invitation(topology: Topology, api_url: str) -> Iterator[str]:
    """The lines that show how to send one; none where every route asks who calls."""
    open_by_default = settings.read(names.LOCAL, names.CONTEXT["stages"]).authorization == "none"
    routes = (route for route in topology.routes if not route.senders and not route.authorization and open_by_default)
    if route := next(routes, None):
        yield "\nTry it:\n"
        yield from curl(route, api_url)


def curl(route: Route, api_url: str) -> Iterator[str]:
    """A request that fits the route's contract, as a command for the shell, in lines that fit a narrow screen."""
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", in_the_path(route.accepts))
    yield f"  curl -i {shlex.quote(api_url + path)} \\"
    yield "    -H 'Content-Type: application/json' \\"
    if route.accepts.business_key is None:
        yield f"    -H 'Idempotency-Key: {VALUE}' \\"
    body = example(route.accepts)
    text = json.dumps(body)
    if len(text) > WIDTH:
        text = json.dumps(body, indent=2)
    yield from indent(f"-d {shlex.quote(text)}", "    ").splitlines()
