"""Whoever opens a template to callers, or to services of other accounts, is told so at synth."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stacks.invariants.assembly import Assembly
from stacks.invariants.rules import RULES
from tests.stacks.invariants.broken import SAID, Break, Broken, nested, prop

METHOD, API, PERMISSION = "AWS::ApiGateway::Method", "AWS::ApiGateway::RestApi", "AWS::Lambda::Permission"
PLAN, HELD = "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey"
ANYBODY: dict[str, Any] = {"Principal": "*", "Action": "execute-api:Invoke"}
ELSEWHERE = {"StringNotEquals": {"aws:SourceVpce": ["vpce-0123456789abcdef0"]}}


def asking_nobody(kind: str) -> Break:
    return prop(METHOD, {"AuthorizationType": kind}, AuthorizationType="NONE", AuthorizerId=None)


def without_signature(broken: Broken) -> None:
    for template in broken.templates.values():
        for mapping in template.get("Mappings", {}).values():
            for value in mapping.values():
                value["text"] = value["text"].replace("Name=signature", "Name=mark")


def policy(*statements: dict[str, Any]) -> Break:
    """The API's policy, with other statements."""
    return prop(API, Policy={"Statement": list(statements)})


def allowing(resource: Any, **more: Any) -> Break:
    return policy({"Effect": "Allow", **ANYBODY, "Resource": resource, **more})


def denying(**changes: Any) -> Break:
    return policy({"Effect": "Deny", **ANYBODY, "Resource": "execute-api:/*", "Condition": ELSEWHERE, **changes})


def of_services(kind: str, document: str, **changes: Any) -> Break:
    """Changes every statement of those policies that allows something, but for the account's own."""

    def change(broken: Broken) -> None:
        found = [
            statement
            for properties in broken.of(kind)
            for statement in properties[document]["Statement"]
            if statement["Effect"] == "Allow" and statement["Action"] != "kms:*"
        ]
        assert found
        for statement in found:
            statement.update(changes)

    return change


def no_permission(broken: Broken) -> None:
    for template in broken.templates.values():
        resources = template["Resources"]
        for name in [name for name, each in resources.items() if each["Type"] == PERMISSION]:
            del resources[name]


def no_stage(broken: Broken) -> None:
    for template in broken.templates.values():
        resources = template["Resources"]
        for name in [name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Stage"]:
            del resources[name]


def one_unsigned_template(broken: Broken) -> None:
    """Of the route of webhooks, which asks nobody: a template more, which hands no signature on."""
    for method in broken.of(METHOD, AuthorizationType="NONE"):
        if "RequestTemplates" in method["Integration"]:
            method["Integration"]["RequestTemplates"]["text/plain"] = "Action=SendMessage"


def invoked_by(*parts: str) -> Break:
    """The source that may invoke the authorizer's function, `api` and `authorizer` being references to them."""

    def change(broken: Broken) -> None:
        resources = broken.templates["ingress"]["Resources"]
        kinds = {"api": API, "authorizer": "AWS::ApiGateway::Authorizer"}
        ids = {
            word: next(name for name, each in resources.items() if each["Type"] == kind) for word, kind in kinds.items()
        }
        joined = [{"Ref": ids[part]} if part in ids else part for part in parts]
        broken.set(PERMISSION, SourceArn={"Fn::Join": ["", joined]})

    return change


def asked_by_a_pool(broken: Broken) -> None:
    broken.set(METHOD, {"AuthorizationType": "AWS_IAM"}, AuthorizationType="COGNITO_USER_POOLS")
    allowing("execute-api:/*")(broken)


def any_verb(broken: Broken) -> None:
    broken.set(METHOD, {"AuthorizationType": "AWS_IAM"}, HttpMethod="ANY")
    allowing("execute-api:/inside/PUT/v1/tickets")(broken)


def its_stage(broken: Broken) -> None:
    """Allows all of a stage, which it refers to."""
    resources = broken.templates["ingress"]["Resources"]
    stage = next(name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Stage")
    allowing({"Fn::Join": ["", ["execute-api:/", {"Ref": stage}, "/POST/v1/tickets"]]})(broken)


WHERE = {
    "asked-callers": {METHOD},
    "planned-keys": {METHOD},
    "signed-by-permission": {METHOD},
    "own-authorizer": {PERMISSION, "AWS::ApiGateway::Authorizer"},
    "invoked-from-here": {PERMISSION},
    "private-endpoints": {API},
    "key-policy": {"AWS::KMS::Key"},
    "topic-policy": {"AWS::SNS::TopicPolicy"},
}
"""At what each rule finds it."""
ARN, SOURCE = "arn:aws:execute-api:eu-west-1:123456789012:", "/authorizers/"
BREAKS: list[tuple[str, str, Break]] = [
    ("prod", "asked-callers", asking_nobody("AWS_IAM")),
    ("tokens", "asked-callers", asking_nobody("CUSTOM")),
    ("keys", "asked-callers", prop(METHOD, {"ApiKeyRequired": True}, ApiKeyRequired=False)),
    ("inside", "asked-callers", asking_nobody("CUSTOM")),
    ("prod", "asked-callers", without_signature),
    ("local", "asked-callers", prop("AWS::ApiGateway::Stage", StageName="dev")),
    ("local", "asked-callers", no_stage),
    ("prod", "asked-callers", one_unsigned_template),
    ("keys", "planned-keys", prop(PLAN, ApiStages=[])),
    ("keys", "planned-keys", prop(PLAN, ApiStages=[{"ApiId": "another", "Stage": "prod"}])),
    ("keys", "planned-keys", prop(PLAN, Throttle=None)),
    ("keys", "planned-keys", prop(HELD, UsagePlanId="another")),
    ("tokens", "own-authorizer", prop(PERMISSION, SourceArn=None)),
    (
        "tokens",
        "own-authorizer",
        prop(PERMISSION, SourceArn="arn:aws:execute-api:eu-west-1:123456789012:*/authorizers/*"),
    ),
    ("tokens", "own-authorizer", prop(PERMISSION, Principal="events.amazonaws.com")),
    ("inside", "own-authorizer", no_permission),
    ("tokens", "own-authorizer", invoked_by(ARN, "another", SOURCE, "authorizer")),
    ("tokens", "own-authorizer", invoked_by(ARN, "api", SOURCE, "another")),
    ("tokens", "own-authorizer", invoked_by(ARN, "api", "/*", SOURCE, "authorizer")),
    ("tokens", "invoked-from-here", prop(PERMISSION, SourceArn=None)),
    ("tokens", "invoked-from-here", prop(PERMISSION, SourceArn="*")),
    ("tokens", "invoked-from-here", prop(PERMISSION, Principal="*", SourceArn=None)),
    ("keys", "private-endpoints", prop(API, Policy=None)),
    ("keys", "private-endpoints", allowing("execute-api:/*")),
    ("keys", "private-endpoints", denying(Principal={"AWS": "arn:aws:iam::123456789012:root"})),
    ("keys", "private-endpoints", denying(Resource="execute-api:/keys/POST/v1/tickets")),
    ("keys", "private-endpoints", denying(Condition={"StringNotEqualsIfExists": ELSEWHERE["StringNotEquals"]})),
    ("keys", "private-endpoints", denying(Condition=ELSEWHERE | {"Bool": {"aws:SecureTransport": "false"}})),
    ("keys", "private-endpoints", denying(Condition={"StringNotEquals": {"aws:SourceVpce": []}})),
    ("keys", "private-endpoints", denying(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-*"}})),
    ("keys", "private-endpoints", denying(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-?"}})),
    ("keys", "private-endpoints", denying(Effect="Allow")),
    ("keys", "private-endpoints", denying(Action="execute-api:ManageConnections")),
    (
        "keys",
        "private-endpoints",
        denying(Condition={"StringNotEquals": {**ELSEWHERE["StringNotEquals"], "aws:SourceVpc": ["vpc-0123456789"]}}),
    ),
    ("keys", "private-endpoints", denying(Condition={"StringNotEquals": {"aws:PrincipalAccount": ["123456789012"]}})),
    ("inside", "signed-by-permission", allowing("execute-api:/*")),
    *(
        ("inside", "signed-by-permission", allowing(resource))
        for resource in (
            *("*", "execute-api:*", "arn:*", "arn:aws:execute-api:*", "arn:aws:execute-api:*:*:*"),
            *("arn:aws:execute-api:eu-west-1:123456789012:*", "execute-api:/inside/POST/v1/tickets/a*/changes"),
            *("execute-api:*/v1/tickets", {"Fn::Sub": "execute-api:/${Stage}/POST/v1/tickets"}),
            {"Fn::Sub": ["execute-api:/${S}/*", {"S": "inside"}]},
        )
    ),
    ("inside", "signed-by-permission", its_stage),
    ("inside", "signed-by-permission", asked_by_a_pool),
    ("inside", "signed-by-permission", any_verb),
    ("inside", "signed-by-permission", allowing("execute-api:/inside/POST/v1/tickets")),
    ("inside", "signed-by-permission", allowing("execute-api:/inside/POST/v1/tickets/*/changes")),
    ("inside", "signed-by-permission", allowing("execute-api:/ins*")),
    ("inside", "signed-by-permission", allowing("arn:aws:execute-api:eu-west-1:123456789012:abc/*/POST/v1/tickets")),
    ("tokens", "signed-by-permission", allowing("execute-api:/*/POST/v1/ticket*")),
    (
        "inside",
        "signed-by-permission",
        policy({"Effect": "Allow", **ANYBODY, "NotResource": "execute-api:/inside/POST/v1/webhooks/*"}),
    ),
    *(
        ("tokens", "key-policy", of_services("AWS::KMS::Key", "KeyPolicy", Condition=condition))
        for condition in (
            {},
            {"StringNotEquals": {"aws:SourceAccount": "123456789012"}},
            {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}},
            {"StringLike": {"aws:SourceAccount": "*"}},
            {"StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}},
        )
    ),
    *(
        ("tokens", "topic-policy", of_services("AWS::SNS::TopicPolicy", "PolicyDocument", Condition=condition))
        for condition in (
            {},
            {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*"}},
        )
    ),
    ("tokens", "topic-policy", of_services("AWS::SNS::TopicPolicy", "PolicyDocument", Principal="*", Condition={})),
]


@pytest.mark.parametrize(("stage", "rule_id", "change"), BREAKS)
def test_what_lets_somebody_in_is_found(
    stage: str, rule_id: str, change: Break, request: pytest.FixtureRequest
) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]
    broken = Broken(request.getfixturevalue(stage))
    assert not list(rule.check(Assembly(broken.templates)))
    change(broken)
    found = list(rule.check(Assembly(broken.templates)))
    assert {resource.kind for resource, _ in found} <= WHERE[rule_id]
    assert found
    assert [said for _, said in found if not re.fullmatch(SAID[rule_id], said)] == []


def test_a_method_with_nothing_behind_it_need_not_ask(prod: Any) -> None:
    broken = Broken(prod)
    asking_nobody("AWS_IAM")(broken)
    nested(METHOD, "Integration", "Type", value="MOCK")(broken)
    (rule,) = [rule for rule in RULES if rule.id == "asked-callers"]
    assert not list(rule.check(Assembly(broken.templates)))


def test_a_user_pool_as_an_authorizer_needs_no_function(prod: Any) -> None:
    broken = Broken(prod)
    broken.add("ingress", "Pool", "AWS::ApiGateway::Authorizer", Type="COGNITO_USER_POOLS", ProviderARNs=["arn:a"])
    (rule,) = [rule for rule in RULES if rule.id == "own-authorizer"]
    assert not list(rule.check(Assembly(broken.templates)))


def test_our_own_source_of_an_authorizer_is_one_that_the_rule_takes(tokens: Any) -> None:
    broken = Broken(tokens)
    invoked_by(ARN, "api", SOURCE, "authorizer")(broken)
    (rule,) = [rule for rule in RULES if rule.id == "own-authorizer"]
    assert not list(rule.check(Assembly(broken.templates)))
