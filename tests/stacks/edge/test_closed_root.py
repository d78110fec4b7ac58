"""An API whose routes are all retired takes nothing, and says so in our words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.entry import Topology
from tests.sample.topology import SAMPLE
from tests.stacks.edge.api import methods
from tests.stacks.templates import Templates, synthesize

RETIRED = replace(SAMPLE, integrations=tuple(replace(each, retired=True) for each in SAMPLE.integrations))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("closed"), "prod", RETIRED)


def test_the_api_stays_so_that_its_deployment_loses_every_route(closed: Templates, prod: Templates) -> None:
    assert set(closed.stacks) == set(prod.stacks)
    assert methods(closed) == {}
    names = [
        {name for name, each in of.stacks["ingress"]["Resources"].items() if each["Type"] == "AWS::ApiGateway::RestApi"}
        for of in (closed, prod)
    ]
    assert names[0] == names[1] != set()


def test_what_is_left_is_one_signed_method_that_answers_404_and_reaches_nothing(closed: Templates) -> None:
    (method,) = closed.properties("AWS::ApiGateway::Method")
    assert (method["HttpMethod"], method["AuthorizationType"]) == ("GET", "AWS_IAM")
    integration = method["Integration"]
    assert (integration["Type"], integration["PassthroughBehavior"]) == ("MOCK", "NEVER")
    assert json.loads(integration["RequestTemplates"]["application/json"]) == {"statusCode": 404}
    (answer,) = integration["IntegrationResponses"]
    assert answer["StatusCode"] == "404"
    override, _, body = answer["ResponseTemplates"]["application/json"].partition(")")
    assert override == "#set($context.responseOverride.header.X-Correlation-Id = $context.requestId"
    assert json.loads(body) == {
        "message": "There is no such route.",
        "correlation_id": "$context.requestId",
    }
    (response,) = method["MethodResponses"]
    assert response["StatusCode"] == "404"
    assert response["ResponseParameters"].keys() == {"method.response.header.X-Correlation-Id"}


def test_whatever_else_is_asked_of_it_is_answered_404_as_well(closed: Templates) -> None:
    kind = ("AWS::ApiGateway::GatewayResponse", "ResponseType", "MISSING_AUTHENTICATION_TOKEN")
    assert closed.named(*kind)["StatusCode"] == "404"


def test_a_stage_that_asks_nobody_asks_nobody_here_either(tmp_path: Path) -> None:
    (method,) = synthesize(tmp_path, "local", RETIRED).properties("AWS::ApiGateway::Method")
    assert method["AuthorizationType"] == "NONE"


def test_keys_that_callers_hold_are_the_same_when_a_route_comes_back(tmp_path: Path) -> None:
    def keys(folder: str, of: Topology) -> set[str]:
        templates = synthesize(tmp_path / folder, "dev", of, authorization="api_key")
        resources = templates.stacks["ingress"]["Resources"]
        return {name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::ApiKey"}

    assert keys("retired", RETIRED) == keys("before", SAMPLE) != set()
