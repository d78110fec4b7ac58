"""Alarms as messages in a chat, through the chat's incoming webhook."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, SecretValue, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.parts.undelivered import Undelivered, let_rules_send
from stacks.settings import Settings


class ChatWebhook(Construct):
    """EventBridge posts `{"text": …}` when an alarm of the stage changes its state.

    SNS cannot do this: it asks an address to confirm itself, which a chat's webhook does not. The URL is a secret,
    because whoever has it can post; the template only refers to it.
    """

    def __init__(self, scope: Construct, *, url: SecretValue, settings: Settings) -> None:
        super().__init__(scope, "Chat")
        stack = Stack.of(self)
        name = names.resource(settings.stage, names.CHAT)
        connection = events.CfnConnection(
            self,
            "Connection",
            description="Chats know who posts by the URL; the header is there because a connection needs one.",
            authorization_type="API_KEY",
            auth_parameters=events.CfnConnection.AuthParametersProperty(
                api_key_auth_parameters=events.CfnConnection.ApiKeyAuthParametersProperty(
                    api_key_name="X-Stage", api_key_value=settings.stage
                )
            ),
        )
        destination = events.CfnApiDestination(
            self,
            "Destination",
            name=name,
            connection_arn=connection.attr_arn,
            http_method="POST",
            invocation_endpoint=url.unsafe_unwrap(),
            invocation_rate_limit_per_second=1,
        )
        rule_arn = stack.format_arn(service="events", resource="rule", resource_name=name)
        role = iam.Role(
            self,
            "Role",
            description="Lets EventBridge post alarms to the chat.",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnEquals": {"aws:SourceArn": rule_arn},
                },
            ),
            inline_policies={
                "post": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["events:InvokeApiDestination"], resources=[destination.attr_arn])
                    ]
                )
            },
        )
        undelivered = Undelivered(
            self, name=names.target_dead_letter_queue(settings.stage, names.CHAT), settings=settings
        )
        let_rules_send(undelivered, [rule_arn])
        events.CfnRule(
            self,
            "Rule",
            name=name,
            description="Alarms of the stage go to the chat.",
            event_pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {
                    "alarmName": [{"prefix": names.resource(settings.stage, "")}],
                    "state": {"value": ["ALARM", "OK"]},
                },
                **_not_of(settings.stage, stack),
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="chat",
                    arn=destination.attr_arn,
                    role_arn=role.role_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={
                            "alarm": "$.detail.alarmName",
                            "state": "$.detail.state.value",
                            "description": "$.detail.configuration.description",
                        },
                        input_template='{"text": "<state> <alarm>: <description>"}',
                    ),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                    ),
                )
            ],
        )


def _not_of(stage: str, stack: Stack) -> dict[str, Any]:
    """What an alarm's ARN must not begin with: `prod` is not told of `prod-eu` in the same account and region."""
    others = [other for other in names.STAGES if other.startswith(f"{stage}-")]
    prefixes = [
        stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=names.resource(other, ""),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for other in others
    ]
    (first, *more) = prefixes or [""]
    return {"resources": [{"anything-but": {"prefix": prefixes if more else first}}]} if prefixes else {}
