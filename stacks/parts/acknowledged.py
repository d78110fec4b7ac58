"""Findings of cdk-nag that stay, each with the reason why.

An acknowledgment stands beside the resource that it is for, so that a new resource of the same kind is judged anew. A
test fails for one that is no longer needed. What the rules ask: https://github.com/cdklabs/cdk-nag/blob/main/RULES.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

_LOGS = "arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group"
LOG_GROUPS = f"AwsSolutions-IAM5[Resource::{_LOGS}:*]"
LOG_STREAMS = f"AwsSolutions-IAM5[Resource::{_LOGS}:{{name}}:*]"
_LAMBDA = "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>"
OUR_FUNCTIONS = f"AwsSolutions-IAM5[Resource::{_LAMBDA}:function:{{name}}]"
MAPPINGS = f"AwsSolutions-IAM5[Resource::{_LAMBDA}:event-source-mapping:*]"
REST_APIS = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:apigateway:<AWS::Region>::/restapis/*/resources]"
REPLAYS = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:replay/{name}]"
_SCHEDULER = "arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>"
SCHEDULES = f"AwsSolutions-IAM5[Resource::{_SCHEDULER}:schedule/{{name}}/*]"
_DEAD_LETTERS = "It is itself where messages are that failed; there is nothing to move them on to."
_RUNTIME = "The stage's setting chooses the Python; Lambda supports 3.13 and 3.14, and nag knows only the newest."
REASONS = {
    "AwsSolutions-APIG3": "A web ACL is the setting web_acl_arn; callers are authenticated and throttled anyway.",
    "AwsSolutions-APIG4": "Callers hold an API key, or sign the body and the consumer verifies the signature.",
    "AwsSolutions-APIG6": "Execution logs go to a group that API Gateway makes and keeps for ever, and may hold "
    "bodies; the access log has the status, the integration's status and the error of every request.",
    "AwsSolutions-COG4": "Callers sign with IAM, hold an API key or bear a token of any OIDC issuer, Cognito or not.",
    "AwsSolutions-DDB3": "The tables of a stage that retains nothing hold nothing that is worth restoring.",
    "AwsSolutions-IAM5[Resource::*]": "These actions know no resources; the rule exact-resources refuses all others.",
    LOG_GROUPS: "The account's one role by which API Gateway writes logs serves all its APIs.",
    LOG_STREAMS: "The asterisk stands for the log group's own streams; IAM wants it there.",
    OUR_FUNCTIONS: "A stage's functions are those of its prefix, whichever integrations it has by then.",
    MAPPINGS: "Lambda makes up a mapping's id; the condition is on the function that it feeds.",
    REPLAYS: "A replay has no name before somebody starts it; the prefix is the stage's own.",
    SCHEDULES: "A schedule that runs once has no name before somebody asks for it; the group is the stage's own.",
    REST_APIS: "The API's id is known only once it is deployed; its routes are read and nothing else.",
    "AwsSolutions-L1": _RUNTIME,
    "AwsSolutions-SMG4": "The value is agreed with another party; no function of ours can rotate it alone.",
    "AwsSolutions-SQS3": _DEAD_LETTERS,
    "Serverless-LambdaDLQ": "It is for asynchronous invocations, which this function never gets.",
    "Serverless-LambdaEventSourceMappingDestination": "It is for streams; the queue's own dead-letter queue does it.",
    "Serverless-LambdaLatestVersion": _RUNTIME,
    "Serverless-SNSRedrivePolicy": "News of an alarm is worth nothing late; the alarm itself stays on while it lasts.",
    "Serverless-SQSRedrivePolicy": _DEAD_LETTERS,
}


def acknowledge(construct: IConstruct, *rules: str, names: Iterable[str] = ("",), because: str | None = None) -> None:
    """Keep these findings about the construct, a rule that says `{name}` for each of `names`.

    `because` is the reason where it is another than elsewhere. Raises `KeyError` for a rule that nobody gave a reason
    for.
    """
    for rule in rules:
        for finding in dict.fromkeys(rule.replace("{name}", name) for name in names):
            Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=because or REASONS[rule]))
