"""The running API answers as its document says, whatever it is sent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft4Validator
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from documents.openapi import document
from functions.contracts.example import example
from local.gateway.server import Gateway
from stacks.edge.model_schema import draft4
from stacks.entry import Route
from tests.examples import examples
from tests.local.gateway.receiver import Receiver
from tests.sample.topology import SAMPLE

ALWAYS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
API = schemathesis.pytest.from_fixture("api")
"""The cases are built when the test runs: that takes seconds, and every worker collects the test."""


@pytest.fixture(scope="module")
def api() -> BaseSchema:
    schema = schemathesis.openapi.from_dict(document(SAMPLE))
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return schema


@pytest.fixture(scope="module")
def origin(gateway: Gateway) -> str:
    return gateway.url


@API.parametrize()
@settings(
    max_examples=examples(40),
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_as_documented(case: Case[Any], origin: str, receiver: Receiver) -> None:
    response = case.call(base_url=origin)
    case.validate_response(response, checks=ALWAYS + judged(case))
    assert len(receiver.taken) == (response.status_code == 202)
    receiver.taken.clear()


def judged(case: Case[Any]) -> list[Any]:
    """The checks that tell good requests from bad ones, where the document means the same by that as HTTP and draft 4.

    A header that the document does not name is no fault, and 1.0 is no integer to a model of API Gateway. No schema
    says what is past, or that of two headers one may come.
    """
    if any(name.lower() == "delay-until" for name in case.headers or {}):
        return []
    unknown = any("unknown" in name.lower() for name in case.headers or {})
    return (
        [] if unknown or _whole_floats(case.body) else [checks.negative_data_rejection, checks.positive_data_acceptance]
    )


def _whole_floats(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_whole_floats, value.values()))
        case list():
            return any(map(_whole_floats, value))
        case float():
            return value.is_integer()
    return False


@pytest.mark.parametrize("route", SAMPLE.routes, ids=lambda route: route.name)
def test_every_example_fits_its_model(route: Route) -> None:
    Draft4Validator(draft4(route.accepts)).validate(example(route.accepts))
