"""ARNs of things with fixed names, in the account and region of the stack that asks."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from constructs import Construct

from stacks import names
from stacks.entry import Subscription


def queue(scope: Construct, name: str) -> str:
    """The ARN of the SQS queue of that name."""
    return Stack.of(scope).format_arn(service="sqs", resource=name)


def queue_url(scope: Construct, name: str) -> str:
    """The URL of the SQS queue of that name.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    stack = Stack.of(scope)
    return f"https://sqs.{stack.region}.{stack.url_suffix}/{stack.account}/{name}"


def table(scope: Construct, name: str) -> str:
    """The ARN of the DynamoDB table of that name."""
    return Stack.of(scope).format_arn(service="dynamodb", resource="table", resource_name=name)


def bus(scope: Construct, name: str) -> str:
    """The ARN of the event bus of that name."""
    return Stack.of(scope).format_arn(service="events", resource="event-bus", resource_name=name)


def archive(scope: Construct, name: str) -> str:
    """The ARN of the archive of that name."""
    return Stack.of(scope).format_arn(service="events", resource="archive", resource_name=name)


def replay(scope: Construct, name: str) -> str:
    """The ARN of the replay of that name."""
    return Stack.of(scope).format_arn(service="events", resource="replay", resource_name=name)


def rule(scope: Construct, bus_name: str, name: str) -> str:
    """The ARN of the rule of that name on the bus of that name; the default bus is not named in it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    return Stack.of(scope).format_arn(service="events", resource="rule", resource_name=_on(bus_name, name))


def _on(bus_name: str, rule_name: str) -> str:
    return rule_name if bus_name == names.DEFAULT_BUS else f"{bus_name}/{rule_name}"


def rule_of(scope: Construct, subscription: Subscription, stage: str) -> str:
    """The ARN of a subscription's rule, which lives with the bus that the event comes from."""
    return _of_bus(scope, subscription, stage, names.rule(stage, subscription.queue, subscription.event.__name__))


def rules_of(scope: Construct, subscription: Subscription, stage: str) -> str:
    """The ARN that stands for every rule that feeds the subscription's queue from the subscription's bus."""
    return _of_bus(scope, subscription, stage, names.rule(stage, subscription.queue, "*"))


def _of_bus(scope: Construct, subscription: Subscription, stage: str, name: str) -> str:
    if subscription.bus is None:
        return rule(scope, names.resource(stage, names.BUS), name)
    bus_name = names.bus(stage, subscription.bus)
    if not bus_name.startswith("arn:"):
        return rule(scope, bus_name, name)
    head, _, bus_name = bus_name.partition(":event-bus/")
    return f"{head}:rule/{_on(bus_name, name)}"


def function(scope: Construct, name: str) -> str:
    """The ARN of the Lambda function of that name."""
    return Stack.of(scope).format_arn(
        service="lambda", resource="function", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def secret(scope: Construct, name: str) -> str:
    """The ARN of the secret of that name; Secrets Manager adds six characters of its own."""
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{name}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def log_group(scope: Construct, name: str) -> str:
    """The ARN of the log group of that name, and of its streams."""
    return Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=f"{name}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def schedule_group(scope: Construct, name: str) -> str:
    """The ARN of the group of schedules of that name."""
    return Stack.of(scope).format_arn(service="scheduler", resource="schedule-group", resource_name=name)


def schedules(scope: Construct, group: str, name: str = "*") -> str:
    """The ARN of the schedule of that name in the group, or of every one of it."""
    return Stack.of(scope).format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/{name}")


def role(scope: Construct, name: str) -> str:
    """The ARN of the role of that name."""
    return Stack.of(scope).format_arn(service="iam", region="", resource="role", resource_name=name)


def rest_apis(scope: Construct) -> str:
    """The ARN of the list of REST APIs, as those who manage them see it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html
    """
    return Stack.of(scope).format_arn(
        service="apigateway", account="", resource="/restapis", arn_format=ArnFormat.NO_RESOURCE_NAME
    )


def log_groups(scope: Construct) -> str:
    """The ARN of every log group of the account and region, and of their streams."""
    return Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def identity(scope: Construct, name: str) -> str:
    """The ARN of the SES identity (an address or a domain) of that name."""
    return Stack.of(scope).format_arn(service="ses", resource="identity", resource_name=name)
