"""The access log of an API: one line of JSON a request, to a log group with the stage's retention."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.edge.mapping_template import CORRELATION_ID, TENANT
from stacks.parts import arn
from stacks.parts.acknowledged import LOG_GROUPS, acknowledge
from stacks.parts.log_group import LogGroup
from stacks.settings import Settings

# No bodies, no credentials, no addresses of people. Who called is a signer, an API key's id, or a token's subject and
# its tenant; `tenant` is for whom the request was, which may be another. The correlation id and the tenant are those of
# the answer's headers, where the request reached SQS; where it did not, the request id took the former's place in the
# answer. What callers may have chosen is encoded or of a few characters, because nobody has seen what becomes of a
# quote.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
FORMAT = {
    "time": "$context.requestTimeEpoch",
    "request_id": "$context.requestId",
    "extended_request_id": "$context.extendedRequestId",
    "correlation_id": f"$context.responseOverride.header.{CORRELATION_ID}",
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
    "principal": "$context.authorizer.principalId",
    "principal_tenant": "$context.authorizer.tenant",
    "tenant": f"$context.responseOverride.header.{TENANT}",
}

# What API Gateway asks of the role that it writes logs by, one role an account and region.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
_ACTIONS = (
    *("CreateLogGroup", "CreateLogStream", "DescribeLogStreams"),
    *("PutLogEvents", "GetLogEvents", "FilterLogEvents"),
)


class AccessLog(Construct):
    """The log group, the format, and the account's grant to write.

    The grant is one setting for all APIs of the account and region: it stays when the stack goes, and its role may
    write to every log group, because other APIs write by it as well.
    """

    def __init__(self, scope: Construct, *, name: str, settings: Settings) -> None:
        super().__init__(scope, "AccessLog")
        self.group = LogGroup(self, "Group", name=f"/aws/apigateway/{name}", settings=settings)
        role = iam.Role(
            self,
            "Role",
            description="Lets API Gateway write the logs of this account's APIs.",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            inline_policies={
                "write": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=[f"logs:{action}" for action in _ACTIONS], resources=[arn.log_groups(self)]
                        ),
                        # It knows no resource; API Gateway refuses a role that may not do all that it asks.
                        iam.PolicyStatement(actions=["logs:DescribeLogGroups"], resources=["*"]),
                    ]
                )
            },
        )
        acknowledge(role, LOG_GROUPS, "AwsSolutions-IAM5[Resource::*]")
        self.account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        for kept in (role, self.account):
            kept.apply_removal_policy(RemovalPolicy.RETAIN)
        self.destination = apigateway.LogGroupLogDestination(self.group)
        self.format = apigateway.AccessLogFormat.custom(json.dumps(FORMAT))
