"""Every rule passes what we deploy and fails what breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from functions.contracts.pause import PAUSE_CONSUMER
from stacks import names
from stacks.invariants.assembly import Assembly
from stacks.invariants.rules import RULES
from tests.stacks.invariants import test_callers, test_doors
from tests.stacks.invariants.broken import Break, Broken, nested, prop
from tests.stacks.templates import KINDS, Templates

QUEUE, MAPPING, FUNCTION = "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"
WORK = names.queue("dev", "open_ticket")
DEAD = names.dead_letter_queue("dev", "open_ticket")


def target(**changes: Any) -> Break:
    def change(broken: Broken) -> None:
        for rule in broken.of("AWS::Events::Rule"):
            rule["Targets"] = [
                {key: value for key, value in (each | changes).items() if value is not None} for each in rule["Targets"]
            ]

    return change


def policy(**changes: Any) -> Break:
    """Changes every statement of every queue policy that allows something."""

    def change(broken: Broken) -> None:
        for found in broken.of("AWS::SQS::QueuePolicy"):
            for statement in found["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    statement.update(changes)

    return change


def tls(broken: Broken) -> None:
    for found in broken.of("AWS::SQS::QueuePolicy"):
        statements = found["PolicyDocument"]["Statement"]
        found["PolicyDocument"]["Statement"] = [each for each in statements if each["Effect"] != "Deny"]


def fifo_dead_letters_of_a_rule(broken: Broken) -> None:
    for queue in broken.of(QUEUE):
        if queue["QueueName"].endswith("-undelivered"):
            queue["FifoQueue"] = True


def fifo_subscriber(broken: Broken) -> None:
    broken.set(QUEUE, {"QueueName": names.queue("dev", "close_ticket")}, FifoQueue=True)


def integration(**changes: Any) -> Break:
    def change(broken: Broken) -> None:
        found = [each["Integration"] for each in broken.of("AWS::ApiGateway::Method")]
        for each in found:
            if each.get("Type") == "AWS":
                each.update(changes)

    return change


def role(**changes: Any) -> Break:
    def change(broken: Broken) -> None:
        for found in broken.of("AWS::IAM::Policy"):
            found["PolicyDocument"]["Statement"][0].update(changes)

    return change


def retained(broken: Broken) -> None:
    for template in broken.templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == QUEUE:
                resource["DeletionPolicy"] = "Retain"


def makes_its_log_group(broken: Broken) -> None:
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    broken.set("AWS::IAM::Role", ManagedPolicyArns=[basic])


def open_bus(**said: Any) -> Break:
    """One more policy of a bus."""
    return lambda broken: broken.add("shared", "Open", "AWS::Events::EventBusPolicy", StatementId="open", **said)


OPEN = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"}
NAIVE = {"application/json": "Action=SendMessage&MessageBody=$input.body"}
BREAKS: list[tuple[str, Break]] = [
    ("passthrough", integration(PassthroughBehavior="WHEN_NO_MATCH")),
    ("url-encoded", integration(RequestTemplates=NAIVE)),
    ("honest-answers", integration(IntegrationResponses=[{"StatusCode": "202"}])),
    ("no-required-header", prop("AWS::ApiGateway::Method", RequestParameters={"method.request.header.X-A": True})),
    ("checked-bodies", prop("AWS::ApiGateway::Method", RequestModels={"application/json": "Model"})),
    ("checked-bodies", prop("AWS::ApiGateway::Method", RequestValidatorId=None)),
    ("checked-bodies", prop("AWS::ApiGateway::RequestValidator", ValidateRequestBody=False)),
    *(
        (
            "own-words",
            prop("AWS::ApiGateway::GatewayResponse", ResponseTemplates={"application/json": f'{{"a":"{shown}"}}'}),
        )
        for shown in (
            *("$context.error.validationErrorString", "$context.error.messageString", "$context.path"),
            *("$input.body", "$stageVariables.a", "$!context.requestId", "${context.requestId}"),
        )
    ),
    ("dead-letter-queue", prop(QUEUE, {"QueueName": WORK}, RedrivePolicy=None)),
    (
        "dead-letter-queue",
        prop(
            QUEUE,
            {"QueueName": WORK},
            RedrivePolicy=None,
            QueueName=names.queue("dev", f"do_{PAUSE_CONSUMER}", fifo=True),
        ),
    ),
    ("receives", nested(QUEUE, "RedrivePolicy", "maxReceiveCount", value=2, where={"QueueName": WORK})),
    ("dead-letter-type", prop(QUEUE, {"QueueName": DEAD}, FifoQueue=True)),
    ("dead-letter-retention", prop(QUEUE, {"QueueName": DEAD}, MessageRetentionPeriod=345_600)),
    ("redrive-allow", prop(QUEUE, {"QueueName": DEAD}, RedriveAllowPolicy=None)),
    ("redrive-allow", prop(QUEUE, {"QueueName": DEAD}, RedriveAllowPolicy={"redrivePermission": "allowAll"})),
    ("queue-encryption", prop(QUEUE, SqsManagedSseEnabled=None)),
    ("queue-encryption", prop(QUEUE, KmsMasterKeyId="alias/aws/sqs")),
    ("queue-tls", tls),
    ("queue-policy", policy(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:events:::rule/x"}})),
    ("queue-policy", policy(Principal="*", Condition={})),
    ("queue-policy", policy(Principal={"AWS": "*"}, Condition={})),
    (
        "queue-policy",
        policy(Condition={"StringNotEquals": {"aws:SourceAccount": "1"}, "ArnLike": {"aws:SourceArn": "arn:a"}}),
    ),
    ("queue-policy", policy(Condition={"StringLike": {"aws:SourceAccount": "*", "aws:SourceArn": "*"}})),
    ("partial-failures", prop(MAPPING, FunctionResponseTypes=None)),
    ("visibility", prop(QUEUE, {"QueueName": WORK}, VisibilityTimeout=179)),
    ("visibility", prop(QUEUE, {"QueueName": WORK}, VisibilityTimeout=None)),
    ("visibility", prop(MAPPING, MaximumBatchingWindowInSeconds=1)),
    ("retries-fit-retention", prop(QUEUE, {"QueueName": WORK}, MessageRetentionPeriod=900)),
    ("retries-fit-retention", nested(FUNCTION, "Environment", "Variables", "BACKOFF_CAP", value="80000")),
    ("large-batch-window", prop(MAPPING, BatchSize=11)),
    ("fifo-window", prop(MAPPING, MaximumBatchingWindowInSeconds=1)),
    ("reserved-concurrency", prop(FUNCTION, ReservedConcurrentExecutions=4)),
    (
        "provisioned-pollers",
        prop(MAPPING, ProvisionedPollerConfig={"MinimumPollers": 2}, ScalingConfig={"MaximumConcurrency": 2}),
    ),
    ("no-filter", prop(MAPPING, FilterCriteria={"Filters": [{"Pattern": "{}"}]})),
    ("idempotency", nested(FUNCTION, "Environment", "Variables", "POWERTOOLS_IDEMPOTENCY_DISABLED", value="1")),
    (
        "secret-in-environment",
        nested(FUNCTION, "Environment", "Variables", "TOKEN", value="{{resolve:secretsmanager:a:SecretString:::}}"),
    ),
    ("function-logs", nested(FUNCTION, "LoggingConfig", "LogGroup", value="/aws/lambda/elsewhere")),
    ("function-logs", prop(FUNCTION, LoggingConfig=None)),
    ("log-retention", prop("AWS::Logs::LogGroup", RetentionInDays=None)),
    ("target-dead-letter-queue", target(DeadLetterConfig=None)),
    ("target-dead-letter-queue", target(DeadLetterConfig={"Arn": "arn:aws:sqs:eu-west-1:123456789012:elsewhere.fifo"})),
    ("target-dead-letter-queue", fifo_dead_letters_of_a_rule),
    ("target-retry", target(RetryPolicy=None)),
    ("target-retry", target(RetryPolicy={"MaximumRetryAttempts": 3})),
    ("fifo-target", fifo_subscriber),
    ("target-permission", policy(Principal={"Service": "sns.amazonaws.com"})),
    *(("bus-policy", open_bus(**said)) for said in ({"Statement": OPEN}, OPEN)),
    ("bus-policy", open_bus(Statement={**OPEN, "Condition": {"Bool": {"aws:SecureTransport": "true"}}})),
    ("bus-policy", open_bus(Statement={**OPEN, "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}})),
    ("bus-policy", open_bus(Statement={**OPEN, "Principal": {"AWS": "*"}})),
    ("known-actions", role(Action="sqs:SendMessageBatch")),
    ("known-actions", policy(Action="sqs:Frobnicate*")),
    ("exact-actions", role(Action="sqs:*")),
    ("exact-actions", policy(Action="sqs:*")),
    ("exact-resources", role(Resource="*", Action=["sqs:SendMessage"])),
    (
        "exact-resources",
        lambda broken: broken.add(
            "tickets",
            "Wide",
            "AWS::IAM::Role",
            Policies=[{"PolicyDocument": {"Statement": [{"Action": "sqs:SendMessage", "Resource": "*"}]}}],
        ),
    ),
    ("left-behind", retained),
    ("log-group-remade", role(Action=["logs:CreateLogGroup"])),
    ("log-group-remade", makes_its_log_group),
    ("template-size", nested(FUNCTION, "Description", value="x" * 600_000)),
    ("policy-size", role(Resource=[f"arn:aws:sqs:eu-west-1:123456789012:{'q' * 60}{n}" for n in range(50)])),
    (
        "policy-size",
        lambda broken: broken.add(
            "operator",
            "Long",
            "AWS::IAM::ManagedPolicy",
            PolicyDocument={"Statement": [{"Action": "sqs:SendMessage", "Resource": ["a" * 100] * 70}]},
        ),
    ),
]


@pytest.mark.parametrize("stage", ["local", "dev", *KINDS])
def test_what_we_deploy_breaks_no_rule(stage: str, request: pytest.FixtureRequest) -> None:
    templates: Templates = request.getfixturevalue(stage)
    assembly = Assembly(templates.stacks)
    assert [(rule.id, at.logical_id, found) for rule in RULES for at, found in rule.check(assembly)] == []


@pytest.mark.parametrize(("rule_id", "change"), BREAKS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_breaks_a_rule_is_found(dev: Templates, rule_id: str, change: Break) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]
    broken = Broken(dev)
    change(broken)
    assert list(rule.check(Assembly(broken.templates)))


@pytest.mark.parametrize(
    "said",
    [
        {"Statement": {**OPEN, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}},
        {**OPEN, "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}},
        {**OPEN, "Principal": "123456789012"},
    ],
)
def test_a_bus_may_be_open_to_an_organization_or_an_account(dev: Templates, said: dict[str, Any]) -> None:
    (rule,) = [rule for rule in RULES if rule.id == "bus-policy"]
    broken = Broken(dev)
    open_bus(**said)(broken)
    assert not list(rule.check(Assembly(broken.templates)))


def test_every_rule_has_a_way_to_break_it() -> None:
    broken = {rule_id for rule_id, _ in (*BREAKS, *test_doors.OPENED)} | {each for _, each, _ in test_callers.BREAKS}
    assert broken == {rule.id for rule in RULES}


def test_every_rule_is_one_sentence_with_a_fix_and_a_source() -> None:
    for rule in RULES:
        assert rule.sentence.endswith(".")
        assert "\n" not in rule.sentence
        assert rule.fix.endswith(".")
        assert rule.source.startswith("https://docs.")


def test_a_consumer_in_another_stack_is_held_to_the_same_rules() -> None:
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":sqs:eu-west-1:123456789012:work"]]}
    assembly = Assembly(
        {
            "one": {"Resources": {"Q": {"Type": QUEUE, "Properties": {"QueueName": "work", "VisibilityTimeout": 59}}}},
            "two": {
                "Resources": {
                    "F": {"Type": FUNCTION, "Properties": {"Timeout": 10}},
                    "M": {"Type": MAPPING, "Properties": {"EventSourceArn": arn, "FunctionName": {"Ref": "F"}}},
                }
            },
        }
    )
    (visibility,) = [rule for rule in RULES if rule.id == "visibility"]
    ((queue, found),) = visibility.check(assembly)
    assert (queue.template, found) == ("one", "it is hidden for 59 s where 60 s are needed")
