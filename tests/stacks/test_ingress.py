"""The API's template: what stands between a caller and a queue, on every stage."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from stacks import settings as stages
from stacks.entry import Route
from stacks.ingress import Ingress
from stacks.invariants.velocity import unencoded
from stacks.parts.answers import ANSWERS, ITS_OWN
from stacks.settings import SettingsError
from stacks.topology import TOPOLOGY
from tests.stacks.templates import Templates, context, listed

JWT = {"issuer": "https://issuer.example/", "audience": "headrace"}
# What our templates call: methods of java.lang.String and java.util.Map, and API Gateway's own.
METHODS = {
    *("get", "keySet", "contains", "matches", "length", "toLowerCase", "hashCode"),
    *("params", "path", "urlEncode", "base64Encode"),
}


def ingress(folder: Path, stage: str, *, change: Any = lambda route: route, **settings: Any) -> Templates:
    """The API alone, with some routes and settings changed."""
    known = context(stage, **settings)
    app = App(context=known, outdir=str(folder))
    topology = replace(TOPOLOGY, routes=tuple(map(change, TOPOLOGY.routes)))
    Ingress(app, settings=stages.read(stage, known["stages"]), topology=topology)
    app.synth()
    template = json.loads((folder / f"headrace-{stage}-ingress.template.json").read_text())
    return Templates(folder, {"ingress": template})


def methods(templates: Templates) -> dict[str, Mapping[str, Any]]:
    """The methods by the queue that they feed."""
    return {
        re.search(r"headrace-\w+-(\w+)", json.dumps(method["Integration"]["Uri"]))[1]: method  # type: ignore[index]
        for method in templates.properties("AWS::ApiGateway::Method", "ingress")
    }


def test_every_route_is_a_method_that_feeds_its_queue(prod: Templates) -> None:
    assert set(methods(prod)) == {route.queue for route in TOPOLOGY.routes}


def test_no_route_is_open_in_prod(prod: Templates) -> None:
    for route in TOPOLOGY.routes:
        method = methods(prod)[route.queue]
        assert method["AuthorizationType"] != "NONE" or method.get("ApiKeyRequired") or route.senders, route.name


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_without_authorization_is_refused_in_words(stage: str) -> None:
    known = context(stage, authorization="none")["stages"]
    with pytest.raises(SettingsError, match="'none' is for stage local only"):
        stages.read(stage, known)


def test_tokens_without_an_issuer_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs the setting jwt"):
        ingress(tmp_path, "dev", authorization="jwt")

    def tokens(route: Route) -> Route:
        return route if route.senders else replace(route, authorization="jwt")

    with pytest.raises(SettingsError, match="a route wants 'jwt'; add the setting jwt"):
        ingress(tmp_path, "dev", change=tokens)


def test_nothing_but_a_mapped_body_reaches_sqs(prod: Templates) -> None:
    for method in methods(prod).values():
        assert method["Integration"]["PassthroughBehavior"] == "NEVER"
        assert set(method["Integration"]["RequestTemplates"]) == {"application/json"}


def test_every_body_is_checked_against_the_contract_whatever_its_type_says(prod: Templates) -> None:
    validators = {
        name: resource["Properties"]
        for name, resource in prod.stacks["ingress"]["Resources"].items()
        if resource["Type"] == "AWS::ApiGateway::RequestValidator"
    }
    for route in TOPOLOGY.routes:
        method = methods(prod)[route.queue]
        assert set(method["RequestModels"]) == {"application/json", "$default"}
        assert len({json.dumps(model) for model in method["RequestModels"].values()}) == 1
        validator = validators[method["RequestValidatorId"]["Ref"]]
        assert validator["ValidateRequestBody"]
        assert validator["ValidateRequestParameters"]


def test_only_fifo_routes_require_an_idempotency_key(prod: Templates) -> None:
    for route in TOPOLOGY.routes:
        required = methods(prod)[route.queue]["RequestParameters"]["method.request.header.Idempotency-Key"]
        assert required == TOPOLOGY.queue(route.queue).fifo


def test_a_route_may_send_to_its_queue_and_do_nothing_else(prod: Templates) -> None:
    resources = prod.stacks["ingress"]["Resources"]
    for route in TOPOLOGY.routes:
        role = resources[methods(prod)[route.queue]["Integration"]["Credentials"]["Fn::GetAtt"][0]]["Properties"]
        assert "ManagedPolicyArns" not in role
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], listed(statement["Action"])) == ("Allow", ["sqs:SendMessage"])
        (resource,) = listed(statement["Resource"])
        suffix = ".fifo" if TOPOLOGY.queue(route.queue).fifo else ""
        assert json.dumps(resource).endswith(f':headrace-prod-{route.queue}{suffix}"]]}}')
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
        # API Gateway sets no source when it assumes this role: a condition on it would refuse every request.
        assert "Condition" not in trust


def test_every_value_of_a_caller_is_encoded_on_its_way_to_sqs(prod: Templates) -> None:
    for method in methods(prod).values():
        (template,) = method["Integration"]["RequestTemplates"].values()
        assert unencoded(template) == []
        assert "\n" not in template
        assert template.count("$input.body") == len(re.findall(r"\((\"|)\$input\.body(\)|\.hashCode)", template))


def test_templates_call_only_what_java_and_api_gateway_have(prod: Templates) -> None:
    for method in methods(prod).values():
        integration = method["Integration"]
        templates = [*integration["RequestTemplates"].values()]
        for answer in integration["IntegrationResponses"]:
            templates += answer["ResponseTemplates"].values()
        for template in templates:
            assert set(re.findall(r"\.(\w+)\(", template)) <= METHODS
            assert len(template) < 300 * 1024


def test_only_a_success_of_sqs_is_answered_as_one(prod: Templates) -> None:
    for method in methods(prod).values():
        responses = method["Integration"]["IntegrationResponses"]
        answers = {answer["StatusCode"]: answer.get("SelectionPattern") for answer in responses}
        assert answers == {"202": r"2\d{2}", "400": r"4\d{2}", "503": r"5\d{2}", "500": None}
        assert set(answers) <= {response["StatusCode"] for response in method["MethodResponses"]}


def test_api_gateways_own_answers_have_one_shape(prod: Templates) -> None:
    answers = prod.properties("AWS::ApiGateway::GatewayResponse", "ingress")
    assert {answer["ResponseType"] for answer in answers} == {answer.kind for answer in ANSWERS}
    for answer in answers:
        shape = json.loads(answer["ResponseTemplates"]["application/json"].replace(ITS_OWN, '"said"'))
        assert set(shape) == {"message", "correlation_id"}
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.X-Correlation-Id"] == "context.requestId"
        assert ("gatewayresponse.header.Retry-After" in headers) == (answer.get("StatusCode") == "429")


def test_a_missing_signature_is_a_403_and_a_missing_route_a_404_where_nothing_is_signed(
    prod: Templates, local: Templates
) -> None:
    kind = ("AWS::ApiGateway::GatewayResponse", "ResponseType", "MISSING_AUTHENTICATION_TOKEN")
    assert (prod.named(*kind)["StatusCode"], local.named(*kind)["StatusCode"]) == ("403", "404")


def test_every_request_is_logged_and_limited(prod: Templates) -> None:
    (stage,) = prod.properties("AWS::ApiGateway::Stage", "ingress")
    assert json.loads(stage["AccessLogSetting"]["Format"])["correlation_id"]
    limits = {setting["ResourcePath"]: setting for setting in stage["MethodSettings"]}
    assert (limits["/*"]["ThrottlingRateLimit"], limits["/*"]["ThrottlingBurstLimit"]) == (1000, 2000)
    for route in TOPOLOGY.routes:
        if route.rate is not None:
            own = limits["/" + route.path.replace("/", "~1")]
            assert (own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"]) == (route.rate, route.burst)
            assert own["MetricsEnabled"]


def test_the_leave_to_write_logs_outlives_the_stack_because_other_apis_use_it(prod: Templates) -> None:
    (account,) = prod.resources("AWS::ApiGateway::Account", "ingress")
    role = prod.stacks["ingress"]["Resources"][account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]]
    assert account["DeletionPolicy"] == role["DeletionPolicy"] == "Retain"


def test_a_change_of_a_contract_is_a_new_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deployment(folder: str) -> str:
        resources = ingress(tmp_path / folder, "dev").stacks["ingress"]["Resources"]
        (name,) = (name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGateway::Deployment")
        return str(name)

    before = deployment("before")
    assert deployment("again") == before
    monkeypatch.setattr("stacks.parts.api_to_queue.draft4", lambda _contract: {"type": "object", "minProperties": 2})
    assert deployment("after") != before


def test_api_keys_come_with_a_plan_and_a_quota(tmp_path: Path) -> None:
    limits = {"clients": ["web", "erp"], "rate": 5, "burst": 9, "quota": 1000, "period": "DAY"}
    templates = ingress(tmp_path, "dev", authorization="api_key", api_keys=limits)
    (plan,) = templates.properties("AWS::ApiGateway::UsagePlan")
    assert plan["Quota"] == {"Limit": 1000, "Period": "DAY"}
    assert plan["Throttle"] == {"RateLimit": 5, "BurstLimit": 9}
    keys = templates.properties("AWS::ApiGateway::ApiKey")
    assert {key["Name"] for key in keys} == {"headrace-dev-web", "headrace-dev-erp"}
    assert len(templates.properties("AWS::ApiGateway::UsagePlanKey")) == 2
    for route in TOPOLOGY.routes:
        assert methods(templates)[route.queue].get("ApiKeyRequired", False) != bool(route.senders)


def test_tokens_are_checked_by_a_function_of_their_own_and_kept_five_minutes(tmp_path: Path) -> None:
    templates = ingress(tmp_path, "dev", authorization="jwt", jwt=JWT)
    (authorizer,) = templates.properties("AWS::ApiGateway::Authorizer")
    assert (authorizer["Type"], authorizer["AuthorizerResultTtlInSeconds"]) == ("TOKEN", 300)
    assert re.fullmatch(authorizer["IdentityValidationExpression"], "Bearer a.b-c.d_e")
    assert not re.fullmatch(authorizer["IdentityValidationExpression"], "Bearer a.b")
    function = templates.named("AWS::Lambda::Function", "FunctionName", "headrace-dev-authorize_caller")
    assert function["Environment"]["Variables"]["JWT_ISSUER"] == JWT["issuer"]
    (layer,) = templates.properties("AWS::Lambda::LayerVersion")
    assert layer["LayerName"] == "headrace-dev-authorize_caller"
    for route in TOPOLOGY.routes:
        assert methods(templates)[route.queue]["AuthorizationType"] == ("NONE" if route.senders else "CUSTOM")


def test_a_route_may_differ_from_its_stage(tmp_path: Path) -> None:
    def keyed(route: Route) -> Route:
        return replace(route, authorization="api_key") if route.queue == "accept_order" else route

    found = methods(ingress(tmp_path, "dev", change=keyed))
    assert found["accept_order"]["ApiKeyRequired"]
    assert found["apply_payment"]["AuthorizationType"] == "AWS_IAM"


def test_a_private_api_is_reached_through_its_endpoints_only(tmp_path: Path) -> None:
    templates = ingress(tmp_path, "dev", vpc_endpoints=["vpce-0123456789abcdef0"])
    (api,) = templates.properties("AWS::ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["PRIVATE"], "VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    allow, deny = api["Policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": ["vpce-0123456789abcdef0"]}}


def test_a_public_api_is_regional(prod: Templates) -> None:
    (api,) = prod.properties("AWS::ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_a_web_acl_stands_before_the_stage_that_names_one(tmp_path: Path) -> None:
    arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/edge/1"
    (association,) = ingress(tmp_path, "dev", web_acl_arn=arn).properties("AWS::WAFv2::WebACLAssociation")
    assert association["WebACLArn"] == arn
