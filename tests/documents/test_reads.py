"""The OpenAPI document says what can be read, and where a 202 leads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from documents.openapi import document
from functions.contracts import tracked
from tests.documents.test_openapi import references
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

WHOLE = document(STATUSES)
THING = WHOLE["paths"]["/v1/tickets/{ticket_id}"]["get"]
REQUEST = WHOLE["paths"][tracked.PATH]["get"]


def test_a_map_without_statuses_has_the_document_that_it_had() -> None:
    plain = document(SAMPLE)
    assert not any("get" in each for each in plain["paths"].values())
    assert "ETag" not in plain["components"]["headers"]
    assert "RequestStatus" not in plain["components"]["schemas"]


def test_every_reference_leads_somewhere() -> None:
    for reference in references(WHOLE):
        found: Any = WHOLE
        for word in reference.removeprefix("#/").split("/"):
            found = found[word]
        assert found


def test_both_are_operations_with_names_of_their_own() -> None:
    assert (THING["operationId"], REQUEST["operationId"]) == ("tickets_status", "request_status")
    assert THING["summary"] == "A ticket, as those read it who opened it."
    assert [each["name"] for each in THING["parameters"]] == [
        "ticket_id",
        "X-Correlation-Id",
        "If-None-Match",
        "X-Tenant-Id",
    ]


@pytest.mark.parametrize(
    ("operation", "value", "fits"),
    [
        (THING, {"ticket_id": "tic-1"}, True),
        (THING, {"ticket_id": "tic-1", "language": "EN", "wanted": [{"agent": "ada", "hours": 1}]}, True),
        (THING, {"language": "EN"}, False),
        (REQUEST, {"status": "accepted_or_unknown", "message": "x", "correlation_id": "c"}, True),
        (REQUEST, {"status": "done", "route": "POST /x", "received_at": 1, "changed_at": 2}, True),
        (REQUEST, {"status": "dead", "route": "r", "received_at": 1, "changed_at": 2, "cause": {"error": "X"}}, True),
        (REQUEST, {"status": "gone"}, False),
    ],
)
def test_the_schemas_are_of_what_is_answered(operation: Any, value: Any, fits: bool) -> None:
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert Draft202012Validator({**schema, "components": WHOLE["components"]}).is_valid(value) == fits


def test_a_202_leads_to_its_request_and_to_its_thing() -> None:
    accepted = WHOLE["paths"]["/v1/tickets"]["post"]["responses"]["202"]
    assert {"Location", "Link-Template"} <= set(accepted["headers"])
    assert accepted["links"] == {
        "tickets_status": {"operationId": "tickets_status", "parameters": {"ticket_id": "$request.body#/ticket_id"}},
        "request_status": {
            "operationId": "request_status",
            "parameters": {"correlation_id": "$response.body#/correlation_id"},
        },
    }
    change = WHOLE["paths"]["/v1/tickets/{ticket_id}/changes"]["post"]["responses"]["202"]
    assert list(change["links"]) == ["request_status"]


def test_a_command_of_the_path_leads_to_its_thing_by_the_path() -> None:
    tickets = STATUSES.integrations[0]
    change = tickets.routes[1].accepts
    routes = tuple(replace(route, tracked=False) for route in tickets.routes)
    by_path = replace(tickets, routes=routes, statuses=(replace(tickets.statuses[0], of=change),))
    whole = document(replace(STATUSES, integrations=(by_path, *STATUSES.integrations[1:])))
    accepted = whole["paths"]["/v1/tickets/{ticket_id}/changes"]["post"]["responses"]["202"]
    assert accepted["links"]["tickets_status"]["parameters"] == {"ticket_id": "$request.path.ticket_id"}
    assert "Location" in accepted["headers"]
    assert "Link-Template" not in accepted["headers"]
