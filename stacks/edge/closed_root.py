"""What is left of an API when every integration that had a route is retired."""

from __future__ import annotations

import json

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from stacks.edge.answers import NO_ROUTE
from stacks.edge.mapping_template import CORRELATION_ID
from stacks.parts.acknowledged import acknowledge
from stacks.settings import Settings

JSON = "application/json"


class ClosedRoot(Construct):
    """One method, because API Gateway deploys no API without one; it answers 404, and nothing stands behind it.

    The API must be deployed without its routes before it may go: a deployed API that is merely left alone goes on
    answering 202.
    """

    def __init__(self, api: apigateway.RestApi, *, settings: Settings) -> None:
        super().__init__(api, "ClosedRoot")
        header = f"method.response.header.{CORRELATION_ID}"
        answer = json.dumps({"message": NO_ROUTE, "correlation_id": "$context.requestId"})
        correlated = f"#set($context.responseOverride.header.{CORRELATION_ID} = $context.requestId)"
        nobody = settings.authorization == "none"
        method = api.root.add_method(
            "GET",
            apigateway.MockIntegration(
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={JSON: json.dumps({"statusCode": 404})},
                integration_responses=[
                    apigateway.IntegrationResponse(status_code="404", response_templates={JSON: correlated + answer})
                ],
            ),
            authorization_type=apigateway.AuthorizationType.NONE if nobody else apigateway.AuthorizationType.IAM,
            request_validator=apigateway.RequestValidator(
                self, "Validator", rest_api=api, validate_request_body=True, validate_request_parameters=True
            ),
            method_responses=[apigateway.MethodResponse(status_code="404", response_parameters={header: True})],
        )
        acknowledge(method, "AwsSolutions-COG4")
