"""What a request can be sent to: every route of the map, one for each sender of webhooks, and whatever can be read."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.contracts.contract import Command
from functions.contracts.example import example, in_the_path
from ops.errors import UsageError
from stacks import status
from stacks.edge import parameters
from stacks.entry import Integration, Route, Topology
from stacks.status import Read


@dataclass(frozen=True)
class Target:
    """A route as a caller sees it; of webhooks that of one `sender`.

    `parameters` are OpenAPI's, those of the path and headers; `body` is the contract of the body, None where there is
    none. `integration` is None of what is the platform's own.
    """

    route: Route
    path: str
    integration: str | None
    summary: str
    details: str
    parameters: tuple[dict[str, Any], ...]
    body: type[Command] | None
    sender: str | None = None

    @property
    def name(self) -> str:
        """How people call it: `POST /v1/tickets`."""
        return f"{self.route.method} {self.path}"

    @property
    def in_path(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(each["name"] for each in self.parameters if each["in"] == "path")

    @property
    def example(self) -> Any:
        """A body that fits the contract. Raises `ValueError` where there is none."""
        if self.body is None:
            raise ValueError(f"{self.name} takes no body")
        return example(self.body)

    def value(self, name: str) -> str | None:
        """What may stand in the path for that parameter; None where nobody can say."""
        return in_the_path(self.route.accepts) if self.body is not None and name in self.in_path else None


def targets(topology: Topology) -> Iterator[Target]:
    """All of them, integration by integration, what can be read after what can be asked for."""
    reads = status.reads(topology)
    for integration in topology.integrations:
        for route in integration.open_routes():
            yield from _of_route(route, integration, topology)
        tables = {table.name for table in integration.tables}
        yield from (_of_read(read, integration.name) for read in reads if read.table in tables)
    yield from (_of_read(read, None) for read in reads if read.of_requests)


def find(topology: Topology, text: str) -> Target:
    """The one that is called so: by method and path, by path, or by the word of its queue. Raises `UsageError`."""
    every = [*targets(topology)]
    wanted = " ".join(text.split())
    method, _, path = wanted.partition(" ")
    named = [each for each in every if each.name == f"{method.upper()} {path}" or each.path == wanted]
    found = named or [each for each in every if each.body is not None and each.route.queue == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text} may be {' or '.join(each.name for each in found)}: say which.")
    names = [each.name for each in every]
    near = difflib.get_close_matches(wanted, [*names, *(each.path for each in every)], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"There is no route {text!r}.{hint} There is: {', '.join(names) or 'none'}.")


def _of_route(route: Route, integration: Integration, topology: Topology) -> Iterator[Target]:
    summary, details = _said(route.accepts)
    queue = topology.queue(route.queue)
    senders: list[str | None] = [*sorted(route.senders)]
    for sender in senders or [None]:
        yield Target(
            route,
            parameters.path(route, sender),
            integration.name,
            summary,
            details,
            tuple(parameters.of_route(route, queue, sender)),
            route.accepts,
            sender,
        )


def _of_read(read: Read, integration: str | None) -> Target:
    summary, details = _said(read.answers)
    return Target(
        read.route, read.route.path, integration, summary, details, tuple(parameters.of_read(read)), body=None
    )


def _said(contract: type) -> tuple[str, str]:
    """The first line of what it says of itself, and the rest, as plain words."""
    summary, _, details = inspect.cleandoc(contract.__doc__ or "").replace("`", "").partition("\n")
    return summary, details.strip()
