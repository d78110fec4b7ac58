"""The API's template: what stands between a caller and a queue, on every stage."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aws_cdk import App

from stacks import names
from stacks.edge.content_type import PATTERN, SPELLINGS
from stacks.entry import Authorization, Topology
from stacks.ingress import Ingress, open_paths
from stacks.invariants.velocity import unencoded
from stacks.settings import SettingsError
from tests.sample.topology import SAMPLE
from tests.stacks.edge.api import methods
from tests.stacks.templates import STAGES, WEB_ACL, Templates, context, listed, settings_of, templates_in

# What our templates call: methods of java.lang.String and java.util.Map, and API Gateway's own.
METHODS = {
    *("get", "keySet", "contains", "matches", "length", "toLowerCase", "toUpperCase", "hashCode", "replaceAll"),
    *("startsWith", "substring", "compareTo", "indexOf"),
    *("params", "path", "urlEncode", "base64Encode"),
}


def test_every_route_is_a_method_that_feeds_its_queue(kind: Templates) -> None:
    assert set(methods(kind)) == {route.queue for route in SAMPLE.routes}


def test_nothing_but_a_mapped_body_reaches_sqs(kind: Templates) -> None:
    for method in methods(kind).values():
        assert method["Integration"]["PassthroughBehavior"] == "NEVER"
        templates = method["Integration"]["RequestTemplates"]
        assert list(templates) == list(SPELLINGS)
        assert len(set(templates.values())) == 1


def test_every_body_is_checked_against_the_contract_however_its_type_is_spelled(kind: Templates) -> None:
    validators = {
        name: resource["Properties"]
        for name, resource in kind.stacks["ingress"]["Resources"].items()
        if resource["Type"] == "AWS::ApiGateway::RequestValidator"
    }
    for route in SAMPLE.routes:
        method = methods(kind)[route.queue]
        assert set(method["RequestModels"]) == set(SPELLINGS)
        assert len({json.dumps(model) for model in method["RequestModels"].values()}) == 1
        validator = validators[method["RequestValidatorId"]["Ref"]]
        assert validator["ValidateRequestBody"]
        assert validator["ValidateRequestParameters"]


def test_no_header_is_required_by_api_gateway_which_would_compare_its_case(kind: Templates) -> None:
    for method in methods(kind).values():
        assert method["RequestParameters"]["method.request.header.Idempotency-Key"] is False
        assert not any(method["RequestParameters"].values())


def test_the_template_knows_the_spellings_and_no_other() -> None:
    assert all(re.fullmatch(PATTERN, each) for each in SPELLINGS)
    others = (f"{SPELLINGS[0]};", f" {SPELLINGS[0]}", SPELLINGS[0].upper(), f"{SPELLINGS[1]}; a=b", "")
    assert not any(re.fullmatch(PATTERN, each) for each in others)


def test_a_route_may_send_to_its_queue_and_do_nothing_else(kind: Templates) -> None:
    resources = kind.stacks["ingress"]["Resources"]
    for route in SAMPLE.routes:
        role = resources[methods(kind)[route.queue]["Integration"]["Credentials"]["Fn::GetAtt"][0]]["Properties"]
        assert "ManagedPolicyArns" not in role
        (policy,) = role["Policies"]
        statement, *of_keys = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], listed(statement["Action"])) == ("Allow", ["sqs:SendMessage"])
        assert all(set(each["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"} for each in of_keys)
        (resource,) = listed(statement["Resource"])
        name = names.queue(kind.stage, route.queue, fifo=SAMPLE.queue(route.queue).fifo)
        assert json.dumps(resource).endswith(f':{name}"]]}}')
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
        # API Gateway sets no source when it assumes this role: a condition on it would refuse every request.
        assert "Condition" not in trust


def test_every_value_of_a_caller_is_encoded_on_its_way_to_sqs(kind: Templates) -> None:
    for method in methods(kind).values():
        template = method["Integration"]["RequestTemplates"][SPELLINGS[0]]
        assert unencoded(template) == []
        assert "\n" not in template
        assert template.count("$input.body") == len(re.findall(r"\((\"|)\$input\.body(\)|\.hashCode)", template))


def test_templates_call_only_what_java_and_api_gateway_have(kind: Templates) -> None:
    for method in methods(kind).values():
        integration = method["Integration"]
        templates = [*integration["RequestTemplates"].values()]
        for answer in integration["IntegrationResponses"]:
            templates += answer["ResponseTemplates"].values()
        for template in templates:
            assert set(re.findall(r"\.(\w+)\(", template)) <= METHODS
            assert len(template) < 300 * 1024


def test_only_a_success_of_sqs_is_answered_as_one(kind: Templates) -> None:
    for method in methods(kind).values():
        responses = method["Integration"]["IntegrationResponses"]
        answers = {answer["StatusCode"]: answer.get("SelectionPattern") for answer in responses}
        assert answers == {"202": r"2\d{2}", "400": r"4\d{2}", "503": r"5\d{2}", "500": None}
        assert set(answers) <= {response["StatusCode"] for response in method["MethodResponses"]}


def test_every_request_is_logged_and_limited(kind: Templates) -> None:
    (stage,) = kind.properties("AWS::ApiGateway::Stage", "ingress")
    assert json.loads(stage["AccessLogSetting"]["Format"])["correlation_id"]
    limits = {setting["ResourcePath"]: setting for setting in stage["MethodSettings"]}
    assert (limits["/*"]["ThrottlingRateLimit"], limits["/*"]["ThrottlingBurstLimit"]) == (1000, 2000)
    for route in SAMPLE.routes:
        if route.rate is not None:
            own = limits["/" + route.path.replace("/", "~1")]
            assert (own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"]) == (route.rate, route.burst)
            assert own["MetricsEnabled"]


def test_the_grant_to_write_logs_outlives_the_stack_because_other_apis_use_it(kind: Templates) -> None:
    (account,) = kind.resources("AWS::ApiGateway::Account", "ingress")
    role = kind.stacks["ingress"]["Resources"][account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]]
    assert account["DeletionPolicy"] == role["DeletionPolicy"] == "Retain"


def test_a_change_of_a_contract_or_a_template_is_a_new_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deployment(folder: str) -> str:
        app = App(context=context("dev"), outdir=str(tmp_path / folder))
        Ingress(app, settings=settings_of("dev"), topology=SAMPLE)
        app.synth(skip_validation=True)
        resources = templates_in(tmp_path / folder, "dev").stacks["ingress"]["Resources"]
        (name,) = (name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGateway::Deployment")
        return str(name)

    before = deployment("before")
    assert deployment("again") == before
    with monkeypatch.context() as patch:
        patch.setattr("stacks.edge.api_to_queue.draft4", lambda _contract: {"type": "object", "minProperties": 2})
        assert deployment("after") != before
    # The template stands in the mappings, not in the method, whose change is one anyway.
    monkeypatch.setattr("stacks.edge.mapping_template._NO_BODY", "Action=SendMessage")
    assert deployment("later") != before


@pytest.mark.parametrize("stage", ["keys", "inside"])
def test_a_private_api_is_reached_through_its_endpoints_only(stage: str, request: pytest.FixtureRequest) -> None:
    (api,) = request.getfixturevalue(stage).properties("AWS::ApiGateway::RestApi")
    endpoints = STAGES[stage]["vpc_endpoints"]
    assert api["EndpointConfiguration"] == {"Types": ["PRIVATE"], "VpcEndpointIds": endpoints}
    allow, deny = api["Policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Principal"] == {"AWS": "*"}
    assert deny["Resource"] == "execute-api:/*"
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": endpoints}}


def test_the_policy_of_a_private_api_lets_nobody_call_what_is_signed_or_asks_for_a_token(inside: Templates) -> None:
    """What it allows would do instead of the caller's permission, or of what the authorizer says."""
    (api,) = inside.properties("AWS::ApiGateway::RestApi")
    assert api["Policy"]["Statement"][0]["Resource"] == "execute-api:/inside/POST/v1/webhooks/*"


def test_the_policy_of_a_private_api_lets_holders_of_keys_call(keys: Templates) -> None:
    (api,) = keys.properties("AWS::ApiGateway::RestApi")
    routes = [f"execute-api:/keys/POST{re.sub('{[a-z_]+}', '*', route.path)}" for route in SAMPLE.routes]
    assert api["Policy"]["Statement"][0]["Resource"] == routes


@pytest.mark.parametrize("asked", ["iam", "jwt"])
def test_a_private_path_that_anybody_may_call_covers_none_that_asks_its_caller(asked: Authorization) -> None:
    webhooks = SAMPLE.integration("webhooks")
    wide = replace(webhooks, routes=(replace(webhooks.routes[0], path="/v1/{source}"),))
    topology = replace(SAMPLE, integrations=(SAMPLE.integration("tickets"), SAMPLE.integration("agents"), wide))
    with pytest.raises(SettingsError, match=r"anybody call POST .* would let them call POST /v1/tickets"):
        open_paths(settings_of("inside", authorization=asked), topology)


@pytest.mark.parametrize(
    ("judged", "anybodys"),
    [
        ("/v1/{ticket_id}/a/b", "/v1/webhooks/{source}"),
        ("/v1/webhooks/a/b", "/v1/webhooks/{source}"),
        ("/v1/{ticket_id}", "/v1/webhooks"),
        ("/{ticket_id}/x/y", "/v1/{source}"),
    ],
)
def test_a_parameter_of_either_path_may_be_what_the_other_says(judged: str, anybodys: str) -> None:
    asks, lets_in = SAMPLE.integration("tickets").routes[0], SAMPLE.integration("webhooks").routes[0]
    routes = (replace(asks, path=judged), replace(lets_in, path=anybodys))
    # No map that is checked has all of them.
    topology = cast("Topology", SimpleNamespace(routes=routes, retired_routes=(), integrations=()))
    with pytest.raises(SettingsError, match="would let them call"):
        open_paths(settings_of("inside"), topology)


def test_a_public_api_is_regional(prod: Templates) -> None:
    (api,) = prod.properties("AWS::ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_a_web_acl_stands_before_the_stage_that_names_one(keys: Templates) -> None:
    (association,) = keys.properties("AWS::WAFv2::WebACLAssociation")
    assert association["WebACLArn"] == WEB_ACL


def test_the_api_traces_and_puts_the_trace_beside_every_message(kind: Templates) -> None:
    (stage,) = kind.properties("AWS::ApiGateway::Stage")
    assert stage["TracingEnabled"] is True
    assert len(methods(kind)) == len(SAMPLE.routes)
    for method in methods(kind).values():
        for template in method["Integration"]["RequestTemplates"].values():
            assert "MessageSystemAttribute.1.Name=AWSTraceHeader" in str(template)
            assert "MessageSystemAttribute.1.Value.StringValue=$util.urlEncode($trace)" in str(template)


def test_a_deployment_takes_every_method_and_answer_and_the_stage_may_write_its_log_and_ask_its_authorizer_first(
    kind: Templates,
) -> None:
    resources = kind.stacks["ingress"]["Resources"]
    (deployment,) = (each for each in resources.values() if each["Type"] == "AWS::ApiGateway::Deployment")
    (stage,) = (each for each in resources.values() if each["Type"] == "AWS::ApiGateway::Stage")
    held = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    assert {name for name, each in resources.items() if each["Type"] in held} <= set(deployment["DependsOn"])
    before = ("AWS::ApiGateway::Account", "AWS::ApiGateway::Authorizer", "AWS::Lambda::Permission", "AWS::IAM::Policy")
    needed = {name for name, each in resources.items() if each["Type"] in before}
    assert needed <= set(stage["DependsOn"])
    assert needed
