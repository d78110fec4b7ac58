"""What of the OpenAPI document is about reading: the operations of statuses, their schemas, and where a 202 leads."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from functions.contracts import envelope, tracked
from stacks import status
from stacks.edge import location, parameters, read_template
from stacks.edge import mapping_template as template
from stacks.entry import Route, Topology
from stacks.status import Read

Document = dict[str, Any]
JSON = "application/json"
ERRORS = ("400", "401", "403", "415", "429", "500", "503", "504")
"""The statuses of answers that every operation may get."""
UNKNOWN = "UnknownRequest"
"""The schema of what is said of a request that nobody has attempted."""


def paths(topology: Topology) -> Iterator[tuple[str, Document]]:
    """Every path that can be read, with its operation."""
    for read in status.reads(topology):
        yield read.route.path, {"get": _operation(read)}


def answers(topology: Topology) -> list[type[Struct]]:
    """The contracts of what is answered."""
    return list(dict.fromkeys(read.answers for read in status.reads(topology)))


def schemas(topology: Topology) -> Document:
    """The schemas beside those of contracts."""
    if not status.tracked_routes(topology):
        return {}
    text = {"type": "string"}
    properties = {"status": {"const": tracked.UNKNOWN}, "message": text, "correlation_id": text}
    return {
        UNKNOWN: {
            "description": "Nobody has attempted the request yet, or it was never accepted, which its 202 would say.",
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
    }


def loosened(topology: Topology, schemas: Document) -> None:
    """Let the schema of a thing require only what the path says: an item may lack any attribute."""
    for read in status.reads(topology):
        if not read.of_requests:
            schema = schemas[read.answers.__name__]
            schema["required"] = [name for name in schema.get("required", ()) if name == read.key]


def headers(topology: Topology) -> Document:
    """The headers of answers that only these have."""
    if not status.reads(topology):
        return {}
    return {
        read_template.ETAG: {
            "description": "Changes with what is answered; send it back as If-None-Match.",
            "required": False,
            "schema": {"type": "string"},
        },
        read_template.CACHE: {
            "description": "The answer is one caller's, and is asked for anew each time.",
            "required": True,
            "schema": {"type": "string"},
        },
        location.LOCATION: {
            "description": "Where the outcome is read, relative to the request's own address; absent where the "
            "correlation id cannot stand in a path.",
            "required": False,
            "schema": {"type": "string", "format": "uri-reference"},
        },
        location.LINK: {
            "description": "How the address of what was asked for is made of the body's field (RFC 9652).",
            "required": False,
            "schema": {"type": "string"},
        },
    }


def located(route: Route, topology: Topology) -> Document:
    """What a 202 of the route says beside other 202s: its headers, and the operations they lead to."""
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in location.names(route, topology)}
    if not named:
        return {}
    links: Document = {}
    for read in status.reads(topology):
        word = _id(read)
        if read.of_requests and route.tracked:
            links[word] = {
                "operationId": word,
                "parameters": {read.parameter: f"$response.body#/{envelope.CORRELATION_ID}"},
            }
        elif read.route.accepts is route.accepts and not read.of_requests:
            where = "request.path." if read.parameter in route.parameters else "request.body#/"
            links[word] = {"operationId": word, "parameters": {read.parameter: f"${where}{read.parameter}"}}
    return {"headers": named, "links": links}


def unhappy(topology: Topology) -> Iterator[Document]:
    """The answers that say no, as `documents.openapi` lists those of routes."""
    found = status.reads(topology)
    if not found:
        return
    yield {"name": "NOT_THERE", "status": 404, "message": read_template.NOT_THERE}
    yield {"name": "NOT_READ", "status": 500, "message": read_template.OURS}
    yield {"name": "READ_BUSY", "status": 503, "message": read_template.BUSY}
    for number, message in enumerate(dict.fromkeys(map(read_template.wrong, found)), start=1):
        yield {"name": f"WRONG_NAME_{number}" if number > 1 else "WRONG_NAME", "status": 400, "message": message}


def _id(read: Read) -> str:
    return "request_status" if read.of_requests else f"{read.table}_status"


def _operation(read: Read) -> Document:
    summary, _, details = inspect.cleandoc(read.answers.__doc__ or "").partition("\n")
    schema: Document = {"$ref": f"#/components/schemas/{read.answers.__name__}"}
    if read.of_requests:
        schema = {"oneOf": [schema, {"$ref": f"#/components/schemas/{UNKNOWN}"}]}
    said = {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in (template.CORRELATION_ID, template.TENANT, read_template.ETAG, read_template.CACHE)
    }
    errors = (*ERRORS, "404")
    return {
        "operationId": _id(read),
        "summary": summary,
        **({"description": details.strip()} if details.strip() else {}),
        "parameters": parameters.of_read(read),
        "responses": {
            "200": {"description": "What is known of it.", "headers": said, "content": {JSON: {"schema": schema}}},
            "304": {"description": "It is as the caller has it already.", "headers": said},
            **{code: {"$ref": f"#/components/responses/{code}"} for code in sorted(errors)},
        },
    }
