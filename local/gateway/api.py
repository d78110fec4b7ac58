"""The REST API of a synthesized template, read into what the gateway serves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from local.gateway.authorization import TokenAuthorizer
from local.gateway.errors import UnsupportedError
from local.gateway.intrinsics import Resolver
from local.gateway.throttle import Limit

# What a method may say here. Anything else is refused when the template is read, not passed over when it is served.
METHOD = {
    *("AuthorizationType", "HttpMethod", "Integration", "MethodResponses", "RequestModels", "RequestParameters"),
    *("RequestValidatorId", "ResourceId", "RestApiId", "OperationName", "ApiKeyRequired", "AuthorizerId"),
}
INTEGRATION = {
    *("Credentials", "IntegrationHttpMethod", "IntegrationResponses", "PassthroughBehavior", "RequestParameters"),
    *("RequestTemplates", "TimeoutInMillis", "Type", "Uri"),
}
MOCK = "MOCK"
"""The type of an integration behind which nothing stands: its template says what it would have answered."""
CALLED = re.compile(r":sqs:path/|:dynamodb:action/GetItem$")
"""What an integration may call: SQS by the path of a queue, and one action of DynamoDB."""
RESPONSE = {"ResponseTemplates", "SelectionPattern", "StatusCode"}


@dataclass(frozen=True, kw_only=True)
class Method:
    """One HTTP method of one resource."""

    http_method: str
    path: str
    properties: Mapping[str, Any]
    models: Mapping[str, Draft4Validator]
    """The models by content type, if the method's validator checks bodies."""
    required: Mapping[str, str]
    """The required parameters, each with its place, if the method's validator checks parameters."""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{(\w+)\}", self.path)
        text = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        object.__setattr__(self, "pattern", re.compile(text))

    @property
    def integration(self) -> Mapping[str, Any]:
        """What is called, and how."""
        found: Mapping[str, Any] = self.properties["Integration"]
        return found

    def model(self, content_type: str) -> Draft4Validator | None:
        """The model of that content type, else the one for every type, else none."""
        return self.models.get(content_type, self.models.get("$default"))


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """What API Gateway answers by itself. Without a status the error's own is kept."""

    status: int | None
    template: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Api:
    """A stage of a REST API."""

    stage: str
    account: str
    region: str
    methods: tuple[Method, ...]
    gateway_responses: Mapping[str, GatewayResponse]
    access_log: str
    """The format of a line of the access log."""
    limits: Mapping[tuple[str, str], Limit]
    """By HTTP method and path; `*` and `*` is for every method without limits of its own."""
    key_limit: Limit | None
    """What one API key may ask for."""
    authorizers: Mapping[str, TokenAuthorizer]
    keys: Mapping[str, str]
    """The values of the API keys, which are their names here, with their ids."""
    variables: Mapping[str, str]
    """The stage's variables."""

    def limit(self, method: Method) -> Limit | None:
        """What the method takes."""
        return self.limits.get((method.http_method, method.path), self.limits.get(("*", "*")))

    def arn(self, http_method: str, path: str) -> str:
        """What was asked for, as authorizers and policies name it: with the path of the request, not the route's.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
        """
        return f"arn:aws:execute-api:{self.region}:{self.account}:local/{self.stage}/{http_method}{folded(path)}"

    def find(self, http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method for that path, with the path's parameters as written; fixed segments go first."""
        path = folded(path)
        found = [
            (method, match)
            for method in self.methods
            if method.http_method in (http_method, "ANY") and (match := method.pattern.fullmatch(path))
        ]
        if not found:
            return None
        method, match = min(found, key=lambda pair: pair[0].path.count("{"))
        return method, match.groupdict()


def folded(path: str) -> str:
    """The path by which a route is found: slashes count once, and not at the end.

    https://github.com/aws/aws-sam-cli/pull/1495, https://github.com/localstack/localstack/issues/11253.
    """
    return re.sub("/+", "/", path).rstrip("/") or "/"


def find_template(assembly: Path) -> Path:
    """The template of the assembly that holds a REST API. Raises `FileNotFoundError` if there is not exactly one."""
    found = [
        path for path in sorted(assembly.glob("*.template.json")) if "AWS::ApiGateway::RestApi" in path.read_text()
    ]
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} templates with a REST API in {assembly}; there must be one")
    return found[0]


def read(template: Path, *, account: str, region: str) -> Api:
    """The REST API of the template. Raises `UnsupportedError` for what this gateway cannot serve faithfully."""
    whole = json.loads(template.read_text())
    resources = whole["Resources"]
    resolver = Resolver(resources=resources, account=account, region=region, mappings=whole.get("Mappings", {}))

    def of(kind: str) -> dict[str, Any]:
        return {
            logical_id: resolver.resolve(resource.get("Properties", {}))
            for logical_id, resource in resources.items()
            if resource["Type"] == f"AWS::ApiGateway::{kind}"
        }

    (stage,) = of("Stage").values()
    paths = _paths(of("Resource"))
    models = {name: Draft4Validator(model["Schema"]) for name, model in of("Model").items()}
    validators = of("RequestValidator")
    return Api(
        stage=stage["StageName"],
        account=account,
        region=region,
        methods=tuple(_method(method, paths, models, validators) for method in of("Method").values()),
        gateway_responses={
            answer["ResponseType"]: _gateway_response(answer) for answer in of("GatewayResponse").values()
        },
        access_log=stage.get("AccessLogSetting", {}).get("Format", ""),
        limits=dict(_limit(setting) for setting in stage.get("MethodSettings", []) if "ThrottlingRateLimit" in setting),
        key_limit=next((_plan_limit(plan) for plan in of("UsagePlan").values()), None),
        authorizers={name: _authorizer(properties) for name, properties in of("Authorizer").items()},
        keys={key["Name"]: name for name, key in of("ApiKey").items()},
        variables=stage.get("Variables", {}),
    )


def _paths(resources: Mapping[str, Any]) -> dict[str, str]:
    def path(logical_id: str) -> str:
        if logical_id not in resources:
            return ""  # the API's root
        resource = resources[logical_id]
        return f"{path(resource['ParentId'])}/{resource['PathPart']}"

    return {logical_id: path(logical_id) for logical_id in resources}


def _method(
    properties: Mapping[str, Any],
    paths: Mapping[str, str],
    models: Mapping[str, Draft4Validator],
    validators: Mapping[str, Any],
) -> Method:
    path = paths.get(properties["ResourceId"], "/")
    integration = properties["Integration"]
    _refuse(f"Method {path}", properties, METHOD)
    _refuse(f"Integration of {path}", integration, INTEGRATION)
    for response in integration["IntegrationResponses"]:
        _refuse(f"Integration response of {path}", response, RESPONSE)
    if integration["Type"] != MOCK and (integration["Type"] != "AWS" or not CALLED.search(integration["Uri"])):
        raise UnsupportedError(f"Method {path} calls neither SQS by a queue's path nor DynamoDB's GetItem")
    validator = validators.get(properties.get("RequestValidatorId", ""), {})
    return Method(
        http_method=properties["HttpMethod"],
        path=path,
        properties=properties,
        models={kind: models[name] for kind, name in properties.get("RequestModels", {}).items()}
        if validator.get("ValidateRequestBody")
        else {},
        required={
            name: name.split(".")[2]
            for name, required in properties.get("RequestParameters", {}).items()
            if required and validator.get("ValidateRequestParameters")
        },
    )


def _gateway_response(properties: Mapping[str, Any]) -> GatewayResponse:
    return GatewayResponse(
        status=int(properties["StatusCode"]) if "StatusCode" in properties else None,
        template=properties["ResponseTemplates"]["application/json"],
        headers={
            name.removeprefix("gatewayresponse.header."): value
            for name, value in properties.get("ResponseParameters", {}).items()
        },
    )


def _limit(setting: Mapping[str, Any]) -> tuple[tuple[str, str], Limit]:
    path = setting["ResourcePath"].removeprefix("/").replace("~1", "/")
    return (setting["HttpMethod"], path), Limit(setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"])


def _plan_limit(plan: Mapping[str, Any]) -> Limit:
    return Limit(plan["Throttle"]["RateLimit"], plan["Throttle"]["BurstLimit"])


def _authorizer(properties: Mapping[str, Any]) -> TokenAuthorizer:
    if properties["Type"] != "TOKEN":
        raise UnsupportedError(
            f"Authorizer {properties['Name']} is a {properties['Type']}; only TOKEN is served locally"
        )
    return TokenAuthorizer(
        function=properties["AuthorizerUri"].split(":function:")[1].removesuffix("/invocations"),
        header=properties["IdentitySource"].rpartition(".")[2].lower(),
        pattern=properties.get("IdentityValidationExpression", ".*"),
        seconds=properties.get("AuthorizerResultTtlInSeconds", 300),
    )


def _refuse(what: str, properties: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(properties) - known)
    if unknown:
        raise UnsupportedError(f"{what} says {', '.join(unknown)}, which is not served locally")
