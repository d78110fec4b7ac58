"""What every method of the API that asks AWS itself has: its template by reference, its answers, its validator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnMapping
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from stacks.edge import clients
from stacks.edge.content_type import JSON
from stacks.entry import Authorized, Route
from stacks.parts.acknowledged import acknowledge
from stacks.settings import Settings


def callers(route: Route, authorized: Authorized, settings: Settings) -> str:
    """The beginning of each template, which says whose key was shown; nothing where the tenant is not a key's."""
    keys = settings.api_keys.clients if authorized == "api_key" and route.tenant is not None else ()
    return "".join(clients.named(keys)) if keys else ""


def once(scope: Construct, template: str) -> str:
    """The template by reference: once for all spellings, because CloudFormation takes 1 MB for all routes."""
    mapping = CfnMapping(scope, "Request", mapping={"template": {"text": template}})
    return mapping.find_in_map("template", "text")


def responses(answers: Mapping[tuple[str, str | None], str], named: str) -> list[apigateway.IntegrationResponse]:
    """The answers by our status and the service's pattern, each after `named`, which says whose key was shown."""
    return [
        apigateway.IntegrationResponse(
            status_code=status, selection_pattern=pattern, response_templates={JSON: named + template}
        )
        for (status, pattern), template in answers.items()
    ]


def validator(scope: Construct, api: apigateway.RestApi) -> apigateway.RequestValidator:
    """What checks the body and the parameters before the service is asked."""
    return apigateway.RequestValidator(
        scope, "Validator", rest_api=api, validate_request_body=True, validate_request_parameters=True
    )


def accept_its_callers(method: apigateway.Method, options: Mapping[str, Any]) -> None:
    """Acknowledges that callers are no users of Cognito, and that in a stage that authorizes nobody there are none."""
    acknowledge(method, "AwsSolutions-COG4")
    if options.get("authorization_type") is apigateway.AuthorizationType.NONE:
        acknowledge(method, "AwsSolutions-APIG4")
