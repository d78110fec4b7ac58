"""The role of a Lambda function: its log, its traces, and what else it is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.parts.acknowledged import acknowledge
from stacks.parts.log_group import LogGroup

NETWORK = (
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)


def network_interfaces(function: str) -> list[iam.PolicyStatement]:
    """What Lambda needs to attach the function of that ARN to a VPC, on whatever it makes; not for the function's code.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    own = {"ArnEquals": {"lambda:SourceFunctionArn": function}}
    return [
        iam.PolicyStatement(actions=list(NETWORK), resources=["*"]),
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=list(NETWORK), resources=["*"], conditions=own),
    ]


class FunctionRole(Construct):
    """A role that Lambda assumes for functions of this account only, and the policy that says all that it may do.

    The policy is a resource of its own, named after what it says: one that says something else is made beside it, and
    CloudFormation deletes the old one after the function was updated, so that neither the old code nor the new ever
    lacks what it needs. `role` is for the function, which adds nothing to it.
    """

    def __init__(
        self, scope: Construct, *, name: str, log_group: LogGroup, statements: Iterable[iam.PolicyStatement] = ()
    ) -> None:
        super().__init__(scope, "Access")
        role = iam.Role(
            self,
            "Role",
            description=f"What {name} may do.",
            assumed_by=iam.ServicePrincipal(
                "lambda.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
        )
        self.role = role.without_policy_updates()
        allowed = [
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            ),
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]),
            *statements,
        ]
        self.policy = iam.Policy(self, f"Policy-{_digest(self, allowed)}", roles=[role], statements=allowed)
        acknowledge(self.policy, "AwsSolutions-IAM5[Resource::*]")


def _digest(scope: Construct, statements: Sequence[iam.PolicyStatement]) -> str:
    said = Stack.of(scope).resolve([statement.to_statement_json() for statement in statements])
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]
