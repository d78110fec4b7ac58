"""Where routes stand in the API: which verbs and paths there may be, and which of them get on with each other."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacks import status

if TYPE_CHECKING:
    from stacks.entry import Topology
    from stacks.route import Route

VERBS = ("POST", "PUT", "PATCH")
"""The methods whose requests have a body, which becomes the message. ANY would be all of them at once, and more."""
SEGMENT = re.compile(r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._:-]+")
"""A part of a path, as API Gateway takes it, that is no parameter; in a policy it means only itself.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-resource.html"""
PATH = re.compile(rf"(?:/(?:{SEGMENT.pattern}|\{{[a-z_]+\}}))+")


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the verbs and paths of the routes, one sentence each."""
    there: dict[str, tuple[str, str]] = {}
    # One that is retired is still a method, in its place.
    for route in (*topology.routes, *topology.retired_routes):
        if route.method not in VERBS:
            yield f"Route {route.name}: method {route.method!r} is none of {', '.join(VERBS)}; write one of them."
        yield from _path(f"Route {route.name}", route, there)


def readable(topology: Topology) -> Iterator[str]:
    """What is wrong with the paths of statuses, beside those of the routes; one sentence each."""
    there: dict[str, tuple[str, str]] = {}
    for route in (*topology.routes, *topology.retired_routes):
        deque(_path("", route, there), maxlen=0)
    for each in (*(one.route for one in status.reads(topology)), *status.closed(topology)):
        yield from _path(f"Status {each.name}", each, there)


def _path(entry: str, route: Route, there: dict[str, tuple[str, str]]) -> Iterator[str]:
    """What is wrong with the path, of which `there` says what parameters there are already, and whose."""
    if not PATH.fullmatch(route.path):
        yield (
            f"{entry}: a path is words of letters, digits and '._:-', or whole {{parameters}}, each "
            "after a '/'; correct it."
        )
    before = ""
    # https://github.com/amazon-archives/aws-apigateway-importer/issues/202
    for part in route.path.split("/")[1:]:
        if part.startswith("{"):
            other, name = there.setdefault(before, (part, route.name))
            if other != part:
                yield (f"{entry}: {part} stands where {name} has {other}, and API Gateway takes one there; rename one.")
        before += f"/{part}"
