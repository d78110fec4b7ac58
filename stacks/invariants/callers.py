"""Rules for who may call: what asks them who they are, and what lets them in without."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from functions.contracts import envelope
from stacks import names
from stacks.edge.path_pattern import meet
from stacks.invariants.assembly import Assembly, Resource, listed, statements, text
from stacks.invariants.conditions import is_anyone
from stacks.invariants.rule import Finding, rule

METHOD, API, STAGE = "AWS::ApiGateway::Method", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage"
FUNCTION = "AWS::Lambda::Function"
GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"
SIGNED = f".Name={envelope.SIGNATURE}&"
"""What a template says that hands the sender's signature on to the consumer, which checks it."""
VPC = ("aws:SourceVpce", "aws:SourceVpc")
JUDGED = ("AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
"""How a method asks somebody for a yes or a no."""


def _api(assembly: Assembly, origin: Resource) -> Resource | None:
    return assembly.target(origin, origin.properties.get("RestApiId"), API)


def _stages(assembly: Assembly, api: Resource | None) -> list[str]:
    """The names of the API's stages."""
    return [text(each.properties.get("StageName")) for each in assembly.of(STAGE) if _api(assembly, each) is api]


@rule(
    fix="Set AuthorizationType to AWS_IAM, or to CUSTOM with an authorizer, or ApiKeyRequired to true.",
    source=f"{GUIDE}/apigateway-control-access-to-api.html",
)
def asked_callers(assembly: Assembly) -> Iterator[Finding]:
    """Every method with something behind it asks who calls, or hands on a sender's signature, but in stage local."""
    for method in assembly.of(METHOD):
        integration = method.properties.get("Integration", {})
        asks = method.properties.get("AuthorizationType", "NONE") != "NONE" or method.properties.get("ApiKeyRequired")
        if asks or integration.get("Type") == "MOCK":
            continue
        templates = [text(each) for each in integration.get("RequestTemplates", {}).values()]
        signed = bool(templates) and all(SIGNED in each for each in templates)
        if not signed and _stages(assembly, _api(assembly, method)) != [names.LOCAL]:
            yield method, "it asks nobody"


@rule(
    fix="Add a usage plan with limits that names the API's stage, and a key of it.",
    source=f"{GUIDE}/api-gateway-api-usage-plans.html",
)
def planned_keys(assembly: Assembly) -> Iterator[Finding]:
    """A method that asks for an API key belongs to a stage that a usage plan with a key limits."""
    kind = "AWS::ApiGateway::UsagePlan"
    held = [
        assembly.target(key, key.properties.get("UsagePlanId"), kind)
        for key in assembly.of("AWS::ApiGateway::UsagePlanKey")
    ]
    planned = [
        assembly.target(plan, stage.get("ApiId"), API)
        for plan in assembly.of(kind)
        if plan in held and plan.properties.get("Throttle")
        for stage in plan.properties.get("ApiStages", [])
    ]
    for method in assembly.of(METHOD):
        if method.properties.get("ApiKeyRequired") and _api(assembly, method) not in planned:
            yield method, "none does"


@rule(
    fix="Set SourceArn to the ARN of the API's authorizer, and let nobody else invoke it.",
    source=f"{GUIDE}/configure-api-gateway-lambda-authorization.html",
)
def own_authorizer(assembly: Assembly) -> Iterator[Finding]:
    """A function that says who may call is invoked by its own API's authorizer, and by nobody else."""
    for authorizer in assembly.of("AWS::ApiGateway::Authorizer"):
        asked = [each for each in _referred(assembly, authorizer, authorizer.properties) if each.kind == FUNCTION]
        if authorizer.properties.get("Type") == "COGNITO_USER_POOLS":
            continue  # API Gateway itself looks at the token
        api = _api(assembly, authorizer)
        permissions = [
            each
            for each in assembly.of("AWS::Lambda::Permission")
            if assembly.target(each, each.properties.get("FunctionName"), FUNCTION) in asked
        ]
        if not permissions:
            yield authorizer, "it may not invoke it"
        for permission in permissions:
            source = permission.properties.get("SourceArn")
            named = _referred(assembly, permission, source)
            ours = permission.properties.get("Principal") == "apigateway.amazonaws.com"
            if not ours or api not in (None, *named) or authorizer not in named or "*" in text(source):
                yield permission, f"{text(permission.properties.get('Principal'))} may invoke it for {text(source)}"


def _referred(assembly: Assembly, origin: Resource, value: Any) -> list[Resource]:
    """Every resource that the value refers to, however deep inside."""
    if isinstance(value, Mapping):
        target = assembly.target(origin, value, "") if {"Ref", "Fn::GetAtt", "Fn::ImportValue"} & value.keys() else None
        return [target] if target else _referred(assembly, origin, list(value.values()))
    return [found for each in value for found in _referred(assembly, origin, each)] if isinstance(value, list) else []


@rule(
    fix="Deny execute-api:Invoke on execute-api:/* to everyone where aws:SourceVpce is not one of the endpoints.",
    source=f"{GUIDE}/apigateway-resource-policies-examples.html",
)
def private_endpoints(assembly: Assembly) -> Iterator[Finding]:
    """A private API refuses whatever does not come by a VPC endpoint that its policy names."""
    for api in assembly.of(API):
        private = "PRIVATE" in api.properties.get("EndpointConfiguration", {}).get("Types", [])
        if private and not any(map(_refuses, statements(api.properties.get("Policy")))):
            yield api, "its policy refuses no other"


def _refuses(statement: Mapping[str, Any]) -> bool:
    """Whether the statement refuses everybody who comes by none of the endpoints that it names, and says no more."""
    condition = statement.get("Condition") or {}
    named = {key: listed(values) for key, values in (condition.get("StringNotEquals") or {}).items()}
    return (
        statement.get("Effect") == "Deny"
        and is_anyone(statement.get("Principal"))
        and bool({"execute-api:Invoke", "execute-api:*", "*"} & set(map(text, listed(statement.get("Action")))))
        and bool({"execute-api:/*", "*"} & set(map(text, listed(statement.get("Resource")))))
        and condition.keys() == {"StringNotEquals"}
        and len(named) == 1
        and all(key in VPC and values and not re.search(r"[*?]", json.dumps(values)) for key, values in named.items())
    )


@rule(
    fix="Allow only the paths of methods of API keys and of webhooks.",
    source=f"{GUIDE}/apigateway-authorization-flow.html",
)
def signed_by_permission(assembly: Assembly) -> Iterator[Finding]:
    """No policy of an API allows a method that asks IAM or an authorizer, because it would do instead of their yes."""
    for method in assembly.of(METHOD):
        api = _api(assembly, method)
        if api is None or method.properties.get("AuthorizationType") not in JUDGED:
            continue
        verb = text(method.properties.get("HttpMethod"))
        called = f"/{'{verb}' if verb == 'ANY' else verb}{path(assembly, method)}"
        for statement in statements(api.properties.get("Policy")):
            for stage in _stages(assembly, api):
                if statement.get("Effect") == "Allow" and _covers(assembly, api, statement, f"/{stage}{called}"):
                    yield method, f"the API's policy allows {text(statement.get('Resource', 'all but some'))}"


def _covers(assembly: Assembly, api: Resource, statement: Mapping[str, Any], called: str) -> bool:
    # What else there is of NotResource, no-exceptions finds.
    named = listed(statement.get("Resource"))
    return "NotResource" in statement or any(meet(called, _called(assembly, api, each)) for each in named)


def _called(assembly: Assembly, api: Resource, resource: Any) -> str:
    """Stage, method and path of what a policy of the API names, short or as an ARN; `*` where it says none."""
    head, slash, rest = _written(assembly, api, resource).partition("/")
    # What is not known here may be anything.
    rest = re.sub(r"\$\{[^}]*\}", "*", rest)
    return f"{'*' if head.endswith('*') else ''}/{rest}" if slash else "*"


def _written(assembly: Assembly, api: Resource, value: Any) -> str:
    """The value as text, with the name of a stage of the templates in its place."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_written(assembly, api, part) for part in parts)
        case {"Ref": _} if (target := assembly.target(api, value, STAGE)) is not None and target.kind == STAGE:
            return text(target.properties.get("StageName"))
    return text(value)


def path(assembly: Assembly, method: Resource) -> str:
    """The path of the method."""
    parts: list[str] = []
    at = assembly.target(method, method.properties.get("ResourceId"), "AWS::ApiGateway::Resource")
    while at is not None and at.kind == "AWS::ApiGateway::Resource":
        parts.append(text(at.properties.get("PathPart")))
        at = assembly.target(at, at.properties.get("ParentId"), "AWS::ApiGateway::Resource")
    return "/" + "/".join(reversed(parts))


RULES = (asked_callers, planned_keys, own_authorizer, private_endpoints, signed_by_permission)
