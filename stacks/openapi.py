"""The API as an OpenAPI 3.1 document, docs/openapi.json: what clients are generated from and the edge is tested on.

`python -m stacks.openapi` writes it; with `--check` it only reads, and exits 1 if it is out of date.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from functions.contracts.contract import Command
from functions.contracts.webhooks import SCHEMES, ReceiveWebhook, Scheme
from stacks.entry import Queue, Route, Topology
from stacks.page import ROOT, write
from stacks.parts import mapping_template as template
from stacks.parts.answers import ANSWERS, ITS_OWN, NOT_SIGNED, RETRY_AFTER
from stacks.topology import TOPOLOGY

PATH = ROOT / "docs" / "openapi.json"
Document = dict[str, Any]
IDENTIFIER = {"type": "string", "pattern": f"^{template.IDENTIFIER}$"}
JSON = "application/json"
SECURITY: list[Document] = [{"sigv4": []}, {"apiKey": []}, {"bearer": []}]


def document(topology: Topology) -> Document:
    """The whole document."""
    routes = [(route, topology.queue(route.queue)) for route in topology.routes]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace",
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
                    "stage": {"default": "prod"},
                },
            }
        ],
        "security": SECURITY,
        "paths": dict(path for route, queue in routes for path in _paths(route, queue)),
        "components": {
            "schemas": _schemas(route.accepts for route in topology.routes),
            "responses": _responses(),
            "headers": {
                template.CORRELATION_ID: {
                    "description": "Follows the request through every hop; quote it when you ask about the request.",
                    "required": True,
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


def _paths(route: Route, queue: Queue) -> Iterator[tuple[str, Document]]:
    """The route's path, or one for each of its senders."""
    if not route.senders:
        yield route.path, {route.method.lower(): _operation(route, queue)}
    for sender, name in sorted(route.senders.items()):
        operation = _operation(route, queue) | {"operationId": f"{queue.name}_{sender}", "security": []}
        operation["parameters"] = [
            *(one for one in operation["parameters"] if one["name"] != "source"),
            *_signature(SCHEMES[name]),
        ]
        yield route.path.replace("{source}", sender), {route.method.lower(): operation}


def _operation(route: Route, queue: Queue) -> Document:
    summary, _, details = inspect.cleandoc(route.accepts.__doc__ or "").partition("\n")
    unhappy = {answer["status"] for answer in _unhappy()}
    return {
        "operationId": queue.name,
        "summary": summary,
        **({"description": details.strip()} if details.strip() else {}),
        "parameters": [*_path_parameters(route), *_headers(route, queue)],
        "requestBody": {
            "required": True,
            "description": f"At most {template.LARGEST_BODY} bytes.",
            "content": {
                JSON: {
                    "schema": {"$ref": f"#/components/schemas/{route.accepts.__name__}"},
                    "examples": {route.accepts.__name__: {"value": example(route.accepts)}},
                }
            },
        },
        "responses": {
            "202": {"$ref": "#/components/responses/Accepted"},
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(unhappy)},
        },
    }


def _path_parameters(route: Route) -> Iterator[Document]:
    for name in route.parameters:
        words = "Keeps the order of what is sent for it." if name == route.group else ""
        yield {
            "name": name,
            "in": "path",
            "required": True,
            **({"description": words} if words else {}),
            "schema": IDENTIFIER,
        }


def _headers(route: Route, queue: Queue) -> Iterator[Document]:
    yield _header(
        template.KEY,
        "Names the effect that the request asks for: the same key asks for the same effect again, which happens once.",
        IDENTIFIER,
        required=queue.fifo,
    )
    yield _header(
        template.CORRELATION_ID,
        f"Taken over if it matches {template.CORRELATION}; otherwise the request gets one.",
        {"type": "string"},
    )
    if route.tenant not in (None, "caller"):
        yield _header(
            str(route.tenant), "The tenant that the request is for; tenants share a queue fairly.", IDENTIFIER
        )
    if route.delay:
        words = "Seconds for which the message is held back."
        yield _header(template.DELAY_SECONDS, words, {"type": "integer", "minimum": 0, "maximum": 900})


def _signature(scheme: Scheme) -> Iterator[Document]:
    words = "HMAC-SHA256 over " + ("`<t>.<body>`" if scheme.timed else "the body") + f", in {scheme.encoding}."
    yield _header(scheme.header, words, {"type": "string", "pattern": f"^{scheme.pattern}$"}, required=True)
    if scheme.occasion:
        yield _header(scheme.occasion, "What the delivery is about; not covered by the signature.", {"type": "string"})


def _header(name: str, words: str, schema: Document, *, required: bool = False) -> Document:
    return {"name": name, "in": "header", "required": required, "description": words, "schema": schema}


def _schemas(contracts: Iterable[type[Command]]) -> Document:
    written = [contract for contract in contracts if not issubclass(contract, ReceiveWebhook)]
    _, schemas = msgspec.json.schema_components(written, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    text = {"type": "string"}
    return schemas | {
        ReceiveWebhook.__name__: {
            "description": "The sender's own JSON object; it is kept as it came.",
            "type": "object",
            "minProperties": 1,
        },
        "Accepted": _closed("The queue holds the message.", message_id=text, correlation_id=text),
        "Error": _closed("What went wrong and what to do.", message=text, correlation_id=text),
    }


def _closed(words: str, **properties: Document) -> Document:
    return {
        "description": words,
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _responses() -> Document:
    correlated = {template.CORRELATION_ID: {"$ref": f"#/components/headers/{template.CORRELATION_ID}"}}
    again = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    made: Document = {
        "Accepted": {
            "description": "The queue holds exactly the bytes that were sent.",
            "headers": correlated,
            "content": {
                JSON: {
                    "schema": {"$ref": "#/components/schemas/Accepted"},
                    "examples": {
                        "accepted": {
                            "value": {"message_id": "5fea7756-0ea4-451a-a703-a558b933e274", "correlation_id": "c-1"}
                        }
                    },
                }
            },
        }
    }
    for answer in sorted(_unhappy(), key=lambda answer: str(answer["status"])):
        response = made.setdefault(
            str(answer["status"]),
            {
                "description": _DESCRIPTIONS[answer["status"]],
                "headers": correlated | (again if answer["status"] in (429, 503) else {}),
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
    404: "There is no such route. Nothing was queued.",
    413: "The body is too large. Nothing was queued.",
    415: "The content type is not JSON. Nothing was queued.",
    429: "Too many requests. Nothing was queued.",
    500: "A fault on our side. Nothing was queued.",
    503: "The queue is busy; the message is not known to be queued.",
    504: "SQS did not answer; the message may be queued or not.",
}
_MAPPED = (
    ("WRONG_HEADER", 400, f"{template.KEY} {template.WRONG_IDENTIFIER}"),
    ("WRONG_CHARACTER", 400, template.CHARACTERS),
    ("BODY_TOO_LARGE", 413, template.TOO_LARGE),
    ("QUEUE_UNREACHABLE", 500, template.OURS),
    ("QUEUE_BUSY", 503, template.BUSY),
    ("NOT_SIGNED", 403, NOT_SIGNED),
)


def _unhappy() -> Iterator[Document]:
    """Every answer but the 202: those that the mapping makes, and those of API Gateway that have a fixed text."""
    yield from ({"name": name, "status": status, "message": message} for name, status, message in _MAPPED)
    for answer in ANSWERS:
        if not answer.default:
            shown = answer.message.replace("$context.error.validationErrorString", "[…]").replace(
                ITS_OWN, f"Missing required request parameters: [{template.KEY}]"
            )
            yield {"name": answer.kind, "status": answer.status, "message": shown}


def example(contract: type[Command]) -> Any:
    """A value that fits the contract, made of its fields' examples."""
    if issubclass(contract, ReceiveWebhook):
        return {"id": "evt_1", "type": "invoice.paid"}
    whole = msgspec.json.schema(contract)
    return _example(whole, whole["$defs"])


def _example(schema: Document, definitions: Document) -> Any:
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: _example(schema["properties"][name], definitions) for name in schema.get("required", ())}
        case "array":
            return [_example(schema["items"], definitions)]
    raise ValueError(f"Give the field an example, so that the document can show one: {schema}")


def main(path: Path, *, check: bool) -> int:
    """Write the document or check it; the exit status."""
    content = json.dumps(document(TOPOLOGY), indent=2, ensure_ascii=False) + "\n"
    return write({path: content}, check=check)


if __name__ == "__main__":
    sys.exit(main(PATH, check="--check" in sys.argv))
