"""Who may call which route: signed requests, API keys, tokens, or signatures that the consumer checks."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from functions.contracts.environment import TokenVariables
from stacks import names, network
from stacks.bundle import build
from stacks.bundle.python_code import PythonCode
from stacks.edge import clients
from stacks.entry import Route, Topology
from stacks.parts.python_function import PythonFunction
from stacks.settings import Jwt, Settings, SettingsError

# Tokens are three base64url parts; anything else is refused with 401 without asking the function.
BEARER = r"^[Bb]earer [\w-]+\.[\w-]+\.[\w-]+$"
KEPT = Duration.minutes(5)
"""How long API Gateway keeps the answer to a token."""


def check(settings: Settings, account: str | None) -> None:
    """Raise `SettingsError` if a stage that asks nobody is about to be an account's, where that is known already."""
    if settings.authorization == "none" and account not in (None, names.LOCAL_ACCOUNT):
        raise SettingsError(
            f"cdk.json, stage {settings.stage!r}: authorization 'none' lets anybody call, and account {account} is "
            f"none of this machine; choose another stage (-c stage=…), or 'iam', 'api_key' or 'jwt' for this one."
        )


class Authorization(Construct):
    """The authorizer and the API keys, as far as some route asks for them."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "Authorization")
        self._settings = settings
        # Retired routes too: keys made anew, when a route comes back, would have other values.
        kinds = {route.authorized(settings.authorization) for route in (*topology.routes, *topology.retired_routes)}
        self.signed = "iam" in kinds
        self._keyed = "api_key" in kinds
        self._authorizer = self._token_authorizer() if "jwt" in kinds else None

    def options(self, route: Route) -> dict[str, Any]:
        """What a method says so that only those who may can call it."""
        match route.authorized(self._settings.authorization):
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
        held = {}
        for client in limits.clients:
            # Not by the API, which would have each key wait for the stage that is to say its id.
            key = apigateway.ApiKey(api, f"Key-{client}", api_key_name=names.resource(self._settings.stage, client))
            plan.add_api_key(key)
            held[clients.variable(client)] = key.key_id
        stage = api.deployment_stage.node.default_child
        assert isinstance(stage, apigateway.CfnStage)
        stage.variables = held

    def _token_authorizer(self) -> apigateway.TokenAuthorizer:
        settings = self._settings
        if settings.jwt is None:
            raise SettingsError(f"cdk.json, stage {settings.stage!r}: a route wants 'jwt'; add the setting jwt.")
        function = self._function(settings.jwt)
        authorizer = apigateway.TokenAuthorizer(
            self,
            "Tokens",
            handler=function.function,
            authorizer_name=names.resource(settings.stage, names.AUTHORIZER),
            validation_regex=BEARER,
            results_cache_ttl=KEPT,
        )
        authorizer.node.add_dependency(function.policy)
        return authorizer

    def _function(self, tokens: Jwt) -> PythonFunction:
        settings = self._settings
        code = PythonCode(
            self,
            settings=settings,
            package=build.FUNCTIONS.name,
            name=names.AUTHORIZER,
            requirements=build.FUNCTIONS / names.AUTHORIZER / build.REQUIREMENTS.name,
        )
        return PythonFunction(
            self,
            names.AUTHORIZER,
            description="Says whether the bearer of a token may call.",
            code=code,
            settings=settings,
            timeout=10,
            memory=512,
            inside=network.authorizer_runs_inside(settings),
            environment=TokenVariables(
                jwt_issuer=tokens.issuer,
                jwt_audience=tokens.audience,
                jwt_tenant_claim=tokens.tenant_claim,
                jwt_jwks_uri=tokens.jwks_uri,
                log_level=settings.log_level,
            ).variables(),
        )
