"""Who may call which route: signed requests, API keys, tokens, or signatures that the consumer checks."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.entry import Route, Topology
from stacks.parts import package
from stacks.parts.acknowledged import acknowledge
from stacks.parts.function_role import FunctionRole
from stacks.parts.log_group import LogGroup
from stacks.parts.python_code import PythonCode
from stacks.settings import Jwt, Settings, SettingsError

AUTHORIZER = "authorize_caller"
# Tokens are three base64url parts; anything else is refused with 401 without asking the function.
BEARER = r"^[Bb]earer [\w-]+\.[\w-]+\.[\w-]+$"
KEPT = Duration.minutes(5)
"""How long API Gateway keeps the answer to a token."""


def kind(route: Route, settings: Settings) -> str:
    """How the route is authorized in that stage: `iam`, `api_key`, `jwt`, `signature` or `none`.

    A webhook's sender can do nothing of API Gateway's; its signature is checked by the consumer. Stage local asks
    nobody.
    """
    if route.senders:
        return "signature"
    if settings.authorization == "none":
        return "none"
    return route.authorization or settings.authorization


class Authorization(Construct):
    """The authorizer and the API keys, as far as some route asks for them."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "Authorization")
        self._settings = settings
        kinds = {kind(route, settings) for route in topology.routes}
        self.signed = "iam" in kinds
        self._keyed = "api_key" in kinds
        self._authorizer = self._token_authorizer() if "jwt" in kinds else None

    def options(self, route: Route) -> dict[str, Any]:
        """What a method says so that only those who may can call it."""
        match kind(route, self._settings):
            case "iam":
                return {"authorization_type": apigateway.AuthorizationType.IAM}
            case "jwt":
                return {"authorization_type": apigateway.AuthorizationType.CUSTOM, "authorizer": self._authorizer}
            case "api_key":
                return {"authorization_type": apigateway.AuthorizationType.NONE, "api_key_required": True}
        return {"authorization_type": apigateway.AuthorizationType.NONE}

    def add_keys(self, api: apigateway.RestApi) -> None:
        """A key for each client, and the plan that limits every key, if some route asks for one."""
        if not self._keyed:
            return
        limits = self._settings.api_keys
        plan = api.add_usage_plan(
            "UsagePlan",
            name=names.resource(self._settings.stage, "clients"),
            throttle=apigateway.ThrottleSettings(rate_limit=limits.rate, burst_limit=limits.burst),
            quota=apigateway.QuotaSettings(limit=limits.quota, period=apigateway.Period[limits.period]),
            api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)],
        )
        for client in limits.clients:
            plan.add_api_key(
                api.add_api_key(f"Key-{client}", api_key_name=names.resource(self._settings.stage, client))
            )

    def _token_authorizer(self) -> apigateway.TokenAuthorizer:
        settings = self._settings
        if settings.jwt is None:
            raise SettingsError(f"cdk.json, stage {settings.stage!r}: a route wants 'jwt'; add the setting jwt.")
        return apigateway.TokenAuthorizer(
            self,
            "Tokens",
            handler=self._function(settings.jwt),
            authorizer_name=names.resource(settings.stage, AUTHORIZER),
            validation_regex=BEARER,
            results_cache_ttl=KEPT,
        )

    def _function(self, tokens: Jwt) -> lambda_.Function:
        settings = self._settings
        name = names.resource(settings.stage, AUTHORIZER)
        code = PythonCode(
            self, settings=settings, requirements=package.FUNCTIONS / AUTHORIZER / package.REQUIREMENTS.name
        )
        log_group = LogGroup(self, "Logs", name=f"/aws/lambda/{name}", settings=settings)
        access = FunctionRole(self, name=name, log_group=log_group)
        function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description="Says whether the bearer of a token may call.",
            handler=f"functions.{AUTHORIZER}.handler.handler",
            code=code.code,
            layers=[code.layer],
            runtime=code.runtime,
            architecture=code.architecture,
            role=access.role,
            timeout=Duration.seconds(10),
            memory_size=512,
            environment={
                "JWT_ISSUER": tokens.issuer,
                "JWT_AUDIENCE": tokens.audience,
                "JWT_TENANT_CLAIM": tokens.tenant_claim,
                "LOG_LEVEL": settings.log_level,
            },
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
        )
        function.node.add_dependency(access.policy)
        acknowledge(function, "AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaDLQ")
        return function
