"""A route of a retired integration: it answers 404, and nothing stands behind it."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from stacks.edge.answers import NO_ROUTE
from stacks.edge.content_type import JSON, SPELLINGS
from stacks.edge.mapping_template import CORRELATION_ID
from stacks.edge.method import validator
from stacks.entry import Route
from stacks.parts.acknowledged import acknowledge


class ClosedRoute(Construct):
    """The route's own method, answered by API Gateway itself.

    Taking the method away instead would leave it in what is deployed: CloudFormation makes the new deployment first and
    deletes methods after it, and a deployment is a snapshot, which would go on answering 202. Changing the method comes
    before the deployment. https://docs.aws.amazon.com/apigateway/latest/api/API_CreateDeployment.html
    """

    def __init__(self, api: apigateway.RestApi, *, route: Route, **options: Any) -> None:
        super().__init__(api, f"Closed {route.name.replace('/', '.')}")
        header = f"method.response.header.{CORRELATION_ID}"
        answer = json.dumps({"message": NO_ROUTE, "correlation_id": "$context.requestId"})
        correlated = f"#set($context.responseOverride.header.{CORRELATION_ID} = $context.requestId)"
        method = api.root.resource_for_path(route.path).add_method(
            route.method,
            apigateway.MockIntegration(
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates=dict.fromkeys(SPELLINGS, json.dumps({"statusCode": 404})),
                integration_responses=[
                    apigateway.IntegrationResponse(status_code="404", response_templates={JSON: correlated + answer})
                ],
            ),
            request_validator=validator(self, api),
            method_responses=[apigateway.MethodResponse(status_code="404", response_parameters={header: True})],
            **options,
        )
        acknowledge(method, "AwsSolutions-APIG4", "AwsSolutions-COG4")
