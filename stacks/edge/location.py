"""Where a 202 says that its outcome is read: `Location` and `Link-Template`, as the template of the answer sets them.

The template of an answer does not see the request's body any more. So `Location` names what is known without it: the
request, by its correlation id, or the thing, where the path of the request names it. Where the body names the thing,
`Link-Template` (RFC 9652) says how its address is made of it.

Both are relative to the request's own address, which may have a stage in front or a domain's base path.
https://www.rfc-editor.org/rfc/rfc9110#name-location
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from functions.contracts import tracked
from stacks import status
from stacks.entry import Integration, Route, Topology
from stacks.route import PARAMETER

LOCATION, LINK = "Location", "Link-Template"


def of(route: Route, topology: Topology) -> str:
    """Sets the headers of the route's 202; nothing where nothing can be read."""
    return "".join(_set(route, topology))


def names(route: Route, topology: Topology) -> list[str]:
    """The headers that it sets."""
    return [name for name in (LOCATION, LINK) if f"header.{name} " in of(route, topology)]


def _set(route: Route, topology: Topology) -> Iterator[str]:
    integration = _owner(route, topology)
    thing = status.things(integration, route) if not integration.retired else None
    if not (route.tracked or thing):
        return
    # A request may come with a slash at the end, from which on its relatives are one step further away.
    yield "#set($back = '')#set($asked = \"$!context.path\")#if($asked.endsWith('/'))#set($back = '../')#end"
    if route.tracked:
        yield f"#if($correlation.matches('{tracked.PATTERN}'))"
        place = _to(route, tracked.PATH, "correlation")
        yield f'#set($context.responseOverride.header.{LOCATION} = "${{back}}{place}")'
        yield "#end"
    if thing is None:
        return
    (parameter,) = PARAMETER.findall(thing)
    if parameter in route.parameters:
        if not route.tracked:
            # What was accepted matches the field's pattern, of which none has anything to encode or to escape.
            yield f"#set($thing = $util.urlEncode($input.params().get('path').get('{parameter}')))"
            yield f'#set($context.responseOverride.header.{LOCATION} = "${{back}}{_to(route, thing, "thing")}")'
    else:
        # A quote in a text of double quotes would end it.
        yield "#set($quote = '\"')"
        link = f"${{quote}}${{back}}{_to(route, thing, None)}${{quote}}; rel=${{quote}}status${{quote}}"
        yield f'#set($context.responseOverride.header.{LINK} = "{link}")'


def _owner(route: Route, topology: Topology) -> Integration:
    return next(each for each in topology.integrations if route in each.routes)


def _to(route: Route, path: str, variable: str | None) -> str:
    """The path as seen from the route's, with the variable in the place of its parameter."""
    found = os.path.relpath(path, PurePosixPath(route.path).parent)
    return found if variable is None else PARAMETER.sub(f"${{{variable}}}", found)
