"""The API as an OpenAPI 3.1 document, docs/openapi.json: what clients are generated from and the edge is tested on."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

import msgspec

from documents import reads
from documents.page import Pages
from functions.contracts.example import example
from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook
from stacks import names
from stacks.edge import lanes, parameters
from stacks.edge import mapping_template as template
from stacks.edge.answers import ANSWERS, NOT_SIGNED, RETRY_AFTER
from stacks.entry import Queue, Route, Topology

Document = dict[str, Any]
JSON = "application/json"
SECURITY: list[Document] = [{"sigv4": []}, {"apiKey": []}, {"bearer": []}]


def document(topology: Topology) -> Document:
    """The whole document."""
    routes = [(route, topology.queue(route.queue)) for route in topology.routes]
    stages = [stage for stage in names.STAGES if stage != names.LOCAL] or [names.LOCAL]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": names.PROJECT,
            "version": "1",
            "description": "Requests become messages. A 202 means that the queue holds exactly the bytes that were "
            "sent; anything else says what to do.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
                "variables": {
                    "api": {"default": "api-id"},
                    "region": {"default": "eu-central-1"},
                    "stage": {"default": stages[-1], "enum": stages},
                },
            }
        ],
        "security": SECURITY,
        "paths": _joined(
            chain((path for route, queue in routes for path in _paths(route, queue, topology)), reads.paths(topology))
        ),
        "components": {
            "schemas": _schemas(topology),
            "responses": _responses(topology),
            "headers": {
                **reads.headers(topology),
                template.CORRELATION_ID: {
                    "description": "Follows the request through every hop; quote it when you ask about the request.",
                    "required": True,
                    "schema": {"type": "string"},
                },
                template.TENANT: {
                    "description": "The tenant that the request was for, URL-encoded, where the route has one.",
                    "required": False,
                    "schema": {"type": "string"},
                },
                "Retry-After": {
                    "description": "Seconds to wait before the request is sent again.",
                    "required": True,
                    "schema": {"type": "integer", "examples": [RETRY_AFTER]},
                },
            },
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4 of service `execute-api`.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _joined(paths: Iterable[tuple[str, Document]]) -> Document:
    """The paths, each with all of its methods. What several routes feed is told apart by the method and a number."""
    joined: Document = {}
    known: set[str] = set()
    for path, methods in paths:
        for method, operation in methods.items():
            id_ = next(name for name in _ids(method, operation["operationId"]) if name not in known)
            known.add(id_)
            joined.setdefault(path, {})[method] = operation | {"operationId": id_}
    return joined


def _ids(method: str, name: str) -> Iterator[str]:
    yield from (name, f"{name}_{method}")
    yield from (f"{name}_{method}_{number}" for number in count(2))


def _paths(route: Route, queue: Queue, topology: Topology) -> Iterator[tuple[str, Document]]:
    """The route's path, or one for each of its senders."""
    if not route.senders:
        yield route.path, {route.method.lower(): _operation(route, queue, topology)}
    for sender in sorted(route.senders):
        operation = _operation(route, queue, topology, sender)
        operation |= {"operationId": f"{queue.name}_{sender}", "security": []}
        yield parameters.path(route, sender), {route.method.lower(): operation}


def _operation(route: Route, queue: Queue, topology: Topology, sender: str | None = None) -> Document:
    summary, _, details = inspect.cleandoc(route.accepts.__doc__ or "").partition("\n")
    unhappy = {answer["status"] for answer in _unhappy([route])}
    return {
        "operationId": queue.name,
        "summary": summary,
        **({"description": details.strip()} if details.strip() else {}),
        "parameters": parameters.of_route(route, queue, sender),
        "requestBody": {
            "required": True,
            "description": f"At most {template.largest_body(route)} bytes.",
            "content": {
                JSON: {
                    "schema": {"$ref": f"#/components/schemas/{route.accepts.__name__}"},
                    "examples": {route.accepts.__name__: {"value": example(route.accepts)}},
                }
            },
        },
        "responses": {
            "202": _accepted(route, topology),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(unhappy)},
        },
    }


def _accepted(route: Route, topology: Topology) -> Document:
    """The route's 202; where it says more than others do, in full."""
    more = reads.located(route, topology)
    if not more:
        return {"$ref": "#/components/responses/Accepted"}
    usual = _ACCEPTED
    return {**usual, "headers": usual["headers"] | more["headers"], "links": more["links"]}


def _schemas(topology: Topology) -> Document:
    contracts = (route.accepts for route in topology.routes)
    written = [body_of(contract) for contract in contracts if not issubclass(contract, ReceiveWebhook)]
    written += reads.answers(topology)
    _, schemas = msgspec.json.schema_components(written, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    reads.loosened(topology, schemas)
    text = {"type": "string"}
    return (
        schemas
        | reads.schemas(topology)
        | {
            ReceiveWebhook.__name__: {
                "description": "The sender's own JSON object; it is kept as it came.",
                "type": "object",
                "minProperties": 1,
            },
            "Accepted": _closed("The queue holds the message.", message_id=text, correlation_id=text),
            "Error": _closed("What went wrong and what to do.", message=text, correlation_id=text),
        }
    )


def _closed(words: str, **properties: Document) -> Document:
    return {
        "description": words,
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


_CORRELATED = {name: {"$ref": f"#/components/headers/{name}"} for name in (template.CORRELATION_ID, template.TENANT)}
_ACCEPTED: Document = {
    "description": "The queue holds exactly the bytes that were sent.",
    "headers": _CORRELATED,
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/Accepted"},
            "examples": {
                "accepted": {"value": {"message_id": "5fea7756-0ea4-451a-a703-a558b933e274", "correlation_id": "c-1"}}
            },
        }
    },
}


def _responses(topology: Topology) -> Document:
    again = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    made: Document = {"Accepted": _ACCEPTED}
    every = chain(_unhappy(topology.routes), reads.unhappy(topology))
    for answer in sorted(every, key=lambda answer: str(answer["status"])):
        response = made.setdefault(
            str(answer["status"]),
            {
                "description": _DESCRIPTIONS[answer["status"]],
                "headers": _CORRELATED | (again if answer["status"] in (429, 503) else {}),
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}, "examples": {}}},
            },
        )
        value = {"message": answer["message"], "correlation_id": "c-1"}
        response["content"][JSON]["examples"][answer["name"]] = {"value": value}
    return made


_DESCRIPTIONS = {
    400: "The request breaks a rule. Nothing was queued.",
    401: "The token is missing or not valid. Nothing was queued.",
    403: "The caller may not do this. Nothing was queued.",
    404: "There is no such route, or nothing of that name. Nothing was queued.",
    413: "The body is too large. Nothing was queued.",
    415: "The content type is not JSON. Nothing was queued.",
    429: "Too many requests. Nothing was queued.",
    500: "A fault on our side. Nothing was queued.",
    503: "The queue, or the table, is busy; the message is not known to be queued.",
    504: "AWS did not answer; a message may be queued or not.",
}
_MAPPED = (
    ("WRONG_CHARACTER", 400, template.CHARACTERS),
    ("QUEUE_UNREACHABLE", 500, template.OURS),
    ("QUEUE_BUSY", 503, template.BUSY),
    ("NOT_SIGNED", 403, NOT_SIGNED),
    ("NOT_A_TENANT", 403, template.NOT_A_TENANT),
)


def _unhappy(routes: Iterable[Route]) -> Iterator[Document]:
    """Every answer but the 202: those that the mapping makes, and those of API Gateway that have a fixed text."""
    yield from ({"name": name, "status": status, "message": message} for name, status, message in _MAPPED)
    every = list(routes)
    for route in every:
        if route.tenant_header is not None:
            yield {"name": "ANOTHER_TENANT", "status": 400, "message": template.another_tenant(route)}
    named = (route.choice for route in every if route.choice is not None and route.choice.header is not None)
    for number, message in enumerate(dict.fromkeys(map(lanes.wrong, named)), start=1):
        name = f"WRONG_LANE_{number}" if number > 1 else "WRONG_LANE"
        yield {"name": name, "status": 400, "message": f"{message} {template.NOTHING}"}
    for kind, status, says in (("WRONG_HEADER", 400, template.wrong_key), ("BODY_TOO_LARGE", 413, template.too_large)):
        for number, message in enumerate(dict.fromkeys(map(says, every)), start=1):
            yield {"name": f"{kind}_{number}" if number > 1 else kind, "status": status, "message": message}
    for answer in ANSWERS:
        if not answer.default:
            yield {"name": answer.kind, "status": answer.status, "message": _shown(answer.message)}


def _shown(message: str) -> str:
    """An answer of API Gateway's as a caller may read it."""
    known = {"httpMethod": "POST", "resourcePath": "/v1/things", "error.responseType": "BAD_REQUEST"}
    for variable, value in known.items():
        message = message.replace(f"$context.{variable}", value)
    return message


def pages(topology: Topology, root: Path) -> Pages:
    """The document; none where there is no route."""
    whole = json.dumps(document(topology), indent=2, ensure_ascii=False) + "\n" if topology.routes else None
    return {root / "docs" / "openapi.json": whole}
