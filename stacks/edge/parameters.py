"""What a caller may say beside the body, in the path and in headers, as OpenAPI has it: for its document, and for who
tries a route. https://spec.openapis.org/oas/v3.1.0#parameter-object
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from functions.contracts.path import path_field
from functions.contracts.webhooks import SCHEMES, Scheme
from stacks.edge import delays
from stacks.edge import mapping_template as template
from stacks.entry import Queue, Route
from stacks.lanes import NORMAL
from stacks.status import Read

Document = dict[str, Any]
IDENTIFIER = {"type": "string", "pattern": f"^{template.IDENTIFIER}$"}
SENDER = "source"
"""The path's parameter that tells senders of webhooks apart."""
IF_NONE_MATCH = "If-None-Match"


def path(route: Route, sender: str | None = None) -> str:
    """The path of the route, that of one sender where it has any."""
    return route.path if sender is None else route.path.replace(f"{{{SENDER}}}", sender)


def of_route(route: Route, queue: Queue, sender: str | None = None) -> list[Document]:
    """The parameters of a route, or of one of its senders."""
    found = [*_path_parameters(route), *_headers(route, queue)]
    if sender is None:
        return found
    return [*(one for one in found if one["name"] != SENDER), *_signature(SCHEMES[route.senders[sender]])]


def of_read(read: Read) -> list[Document]:
    """The parameters of what can be read."""
    known: list[Document] = [
        {
            "name": read.parameter,
            "in": "path",
            "required": True,
            "description": "The request's correlation id." if read.of_requests else "What the thing is called.",
            "schema": {"type": "string", "pattern": f"^{read.pattern}$"},
        },
        _header(
            template.CORRELATION_ID,
            f"Of this request itself; taken over if it matches {template.CORRELATION}.",
            {"type": "string"},
        ),
        _header(
            IF_NONE_MATCH, "An ETag of an earlier answer: while it is still so, 304 says that.", {"type": "string"}
        ),
    ]
    if read.route.tenant_header is not None:
        words = "The tenant whose it is, if that is another than who calls."
        known.append(_header(read.route.tenant_header, words, IDENTIFIER))
    return known


def _path_parameters(route: Route) -> Iterator[Document]:
    field = path_field(route.accepts)
    for name in route.parameters:
        words = "Keeps the order of what is sent for it." if name == route.group else ""
        yield {
            "name": name,
            "in": "path",
            "required": True,
            **({"description": words} if words else {}),
            "schema": msgspec.json.schema(field.type) if field and field.name == name else IDENTIFIER,
        }


def _headers(route: Route, queue: Queue) -> Iterator[Document]:
    yield _header(
        template.KEY,
        "Names the effect that the request asks for: the same key asks for the same effect again, which happens once.",
        {"type": "string", "pattern": f"^[!-~]{{1,{template.longest_key(route)}}}$"},
        required=queue.fifo,
    )
    yield _header(
        template.CORRELATION_ID,
        f"Taken over if it matches {template.CORRELATION}; otherwise the request gets one.",
        {"type": "string"},
    )
    if route.tenant_header is not None:
        words = f"The tenant that the request is for, if that is another than who calls. {_trusted(route)}"
        yield _header(route.tenant_header, words, IDENTIFIER)
    if route.choice is not None and route.choice.header is not None:
        words = f"How urgent the request is; without it {NORMAL}."
        yield _header(route.choice.header, words, {"type": "string", "enum": [*route.choice.queues]})
    if route.delay:
        words = "Seconds for which the message is held back; not together with Delay-Until."
        yield _header(delays.SECONDS, words, {"type": "integer", "minimum": 0, "maximum": delays.YEAR})
        words = "The time until which the message is held back, in UTC: not past, and at most a year ahead."
        until = {"type": "string", "format": "date-time", "pattern": f"^({delays.TIME})$"}
        yield _header(delays.UNTIL, words, until)


# What callers of each kind of authorization are called.
CALLERS = {"iam": "signed by an AWS identity", "api_key": "with an API key", "jwt": "with a token"}


def _trusted(route: Route) -> str:
    kinds = [CALLERS[kind] for kind in route.trusts]
    return f"Requests {' or '.join(kinds)} may name one; of others a tenant that they are not is a 400."


def _signature(scheme: Scheme) -> Iterator[Document]:
    words = "HMAC-SHA256 over " + ("`<t>.<body>`" if scheme.timed else "the body") + f", in {scheme.encoding}."
    yield _header(scheme.header, words, {"type": "string", "pattern": f"^{scheme.pattern}$"}, required=True)
    if scheme.topic:
        words = "What the delivery is about; not covered by the signature."
        yield _header(scheme.topic, words, {"type": "string", "pattern": f"^({template.TOPIC})?$"})


def _header(name: str, words: str, schema: Document, *, required: bool = False) -> Document:
    return {"name": name, "in": "header", "required": required, "description": words, "schema": schema}
