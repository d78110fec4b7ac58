"""The OpenAPI document says what callers send, sender by sender, and every answer that they may get."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from documents.openapi import document, pages
from stacks import names
from stacks.edge.answers import ANSWERS
from stacks.entry import Topology
from tests.sample.topology import SAMPLE


def references(node: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Every operation with its path."""
    return [(path, operation) for path, each in document(SAMPLE)["paths"].items() for operation in each.values()]


def test_every_route_is_a_path_and_a_route_for_webhooks_is_one_for_each_sender() -> None:
    expected = set()
    for route in SAMPLE.routes:
        expected |= {route.path.replace("{source}", sender) for sender in route.senders} or {route.path}
    assert {path for path, _ in operations()} == expected


def test_every_operation_has_a_name_of_its_own_and_the_parameters_of_its_path() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(ids) == len(set(ids))
    for path, operation in operations():
        described = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path)), path


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    whole = document(SAMPLE)
    for reference in references(whole):
        found: Any = whole
        for word in reference.removeprefix("#/").split("/"):
            found = found[word]
        assert found
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_example_of_a_body_fits_its_schema() -> None:
    whole = document(SAMPLE)
    for path, operation in operations():
        content = operation["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator({**content["schema"], "components": whole["components"]})
        for example in content["examples"].values():
            assert validator.is_valid(example["value"]), path


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if not answer.default], ids=lambda answer: answer.kind)
def test_every_answer_of_the_gateway_is_in_the_document(answer: Any) -> None:
    response = document(SAMPLE)["components"]["responses"][str(answer.status)]
    example = response["content"]["application/json"]["examples"][answer.kind]["value"]
    assert example["message"].split("POST")[0].split(":")[0] == answer.message.split("$")[0].split(":")[0]
    assert "$" not in example["message"]


def test_the_stages_are_the_projects_own() -> None:
    (server,) = document(SAMPLE)["servers"]
    stage = server["variables"]["stage"]
    deployed = [each for each in names.STAGES if each != names.LOCAL]
    assert stage["enum"] == (deployed or [names.LOCAL])
    assert stage["default"] in stage["enum"]
    assert document(SAMPLE)["info"]["title"] == names.PROJECT


def test_a_project_without_routes_has_no_document(tmp_path: Path) -> None:
    assert list(pages(Topology(), tmp_path).values()) == [None]
    (whole,) = pages(SAMPLE, tmp_path).values()
    assert json.loads(whole or "") == document(SAMPLE)


def test_two_methods_of_one_path_and_two_routes_of_one_queue_are_all_there() -> None:
    tickets = SAMPLE.integration("tickets")
    (post, *others) = tickets.routes
    more = (replace(post, method="PUT"), replace(post, path="/v2/tickets"), replace(post, path="/v3/tickets"))
    topology = Topology(
        package=SAMPLE.package,
        integrations=tuple(
            replace(each, routes=(post, *others, *more)) if each is tickets else each for each in SAMPLE.integrations
        ),
    )
    paths = document(topology)["paths"]
    assert set(paths["/v1/tickets"]) == {"post", "put"}
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids)) == len(topology.routes) + len(SAMPLE.routes[-1].senders) - 1
