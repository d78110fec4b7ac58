"""Where requests come in: a REST API whose routes feed queues."""

from __future__ import annotations

import json

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.parts.api_to_queue import ApiToQueue
from stacks.parts.gateway_responses import add_gateway_responses
from stacks.parts.log_group import LogGroup
from stacks.parts.stage_stack import StageStack
from stacks.settings import Settings


class Ingress(StageStack):
    """The API of the stage: a method for every route, its answers, its limits and its access log."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "ingress", settings=settings, description="Headrace: requests become messages.")
        name = names.resource(settings.stage, "api")
        log_group = LogGroup(self, "AccessLog", name=f"/aws/apigateway/{name}", settings=settings)
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name,
            description="Turns requests into messages.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # Access logs need it, once an account and region.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
            cloud_watch_role=True,
            deploy_options=apigateway.StageOptions(
                stage_name=settings.stage,
                throttling_rate_limit=settings.throttle_rate,
                throttling_burst_limit=settings.throttle_burst,
                tracing_enabled=True,
                metrics_enabled=True,
                access_log_destination=apigateway.LogGroupLogDestination(log_group),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            ),
        )
        signed = settings.authorization == "iam"
        add_gateway_responses(self.api, signed=signed)
        kind = apigateway.AuthorizationType.IAM if signed else apigateway.AuthorizationType.NONE
        for route in topology.routes:
            ApiToQueue(
                self.api,
                route=route,
                queue=topology.queue(route.queue),
                stage=settings.stage,
                authorization_type=kind,
            )


# No bodies, no credentials, no addresses of people.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
ACCESS_LOG = {
    "time": "$context.requestTimeEpoch",
    "request_id": "$context.requestId",
    "extended_request_id": "$context.extendedRequestId",
    "correlation_id": "$context.responseOverride.header.X-Correlation-Id",
    "trace_id": "$context.xrayTraceId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integration_status": "$context.integration.status",
    "integration_latency": "$context.integration.latency",
    "integration_error": "$context.integration.error",
    "error": "$context.error.responseType",
    "caller": "$context.identity.caller",
    "api_key_id": "$context.identity.apiKeyId",
}
