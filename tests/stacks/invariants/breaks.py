"""What breaks each rule, where and in which words that is found, and what only just breaks none."""

from __future__ import annotations

from typing import Any

from functions.contracts.pause import PAUSE_CONSUMER
from stacks import names
from tests.stacks.invariants.broken import Break, Broken, nested, prop
from tests.stacks.templates import statements

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
        found["PolicyDocument"]["Statement"] = [each for each in statements(found) if each["Effect"] != "Deny"]


def fifo_dead_letters_of_a_rule(broken: Broken) -> None:
    for queue in broken.of(QUEUE):
        if queue["QueueName"].endswith("-undelivered"):
            queue["FifoQueue"] = True


def fifo_subscriber(group: str | None = None, **changes: Any) -> Break:
    def change(broken: Broken) -> None:
        broken.set(QUEUE, {"QueueName": names.queue("dev", "close_ticket")}, FifoQueue=True, **changes)
        target(SqsParameters={"MessageGroupId": group} if group else None)(broken)

    return change


def halting_for_a_minute(broken: Broken) -> None:
    """A queue that keeps messages for a minute, whose consumer halts: it goes on for as long as they are there."""
    broken.set(QUEUE, {"QueueName": WORK}, MessageRetentionPeriod=60)
    nested(FUNCTION, "Environment", "Variables", "ON_POISON", value="halt")(broken)


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


def left(kind: str, **properties: Any) -> Break:
    """One more resource, which stays behind."""

    def change(broken: Broken) -> None:
        broken.add("shared", "Left", kind, **properties)
        broken.templates["shared"]["Resources"]["Left"]["DeletionPolicy"] = "Retain"

    return change


def makes_its_log_group(broken: Broken) -> None:
    broken.set("AWS::IAM::Role", ManagedPolicyArns=[BASIC])


def open_bus(**said: Any) -> Break:
    """One more policy of a bus."""
    return lambda broken: broken.add("shared", "Open", "AWS::Events::EventBusPolicy", StatementId="open", **said)


def schedule(group: str | None = "ours", **target: Any) -> Break:
    """A schedule whose target is as it should be but for that; None takes something away."""
    retry = {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 3}
    whole = {
        "Arn": "arn",
        "DeadLetterConfig": {"Arn": UNDELIVERED.removesuffix(".fifo")},
        "RetryPolicy": retry,
    } | target
    said = {"Target": {key: value for key, value in whole.items() if value is not None}}
    named = {} if group is None else {"GroupName": group}
    return lambda broken: broken.add("shared", "Morning", "AWS::Scheduler::Schedule", Name="morning", **said, **named)


OPEN = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"}
READ = "arn:aws:apigateway:x:dynamodb:action/GetItem"
JSON_TEXT = """#set($k = $input.path('$.a')){"S":"$util.escapeJavaScript($k).replaceAll("\\\\'","'")"}"""
NAIVE = {"application/json": "Action=SendMessage&MessageBody=$input.body"}
CHOSEN = {
    "application/json": "#set($queue = $input.params('q'))#set($context.requestOverride.path.queue = $queue)Action=A"
}
METHODS, ANSWERS, QUEUES = "3 AWS::ApiGateway::Method", "21 AWS::ApiGateway::GatewayResponse", f"19 {QUEUE}"
FED, FUNCTIONS, MAPPINGS = f"6 {QUEUE}", f"8 {FUNCTION}", f"8 {MAPPING}"
RULES_OF_EVENTS, ROLES = "4 AWS::Events::Rule", "10 AWS::IAM::Policy"
UNDELIVERED = "arn:aws:sqs:eu-west-1:123456789012:elsewhere.fifo"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
SHOWN = {
    "$context.error.validationErrorString": "$context.error.validationErrorString",
    "$context.error.messageString": "$context.error.messageString",
    "$context.path": "$context.path",
    "$input.body": "$input",
    "$stageVariables.a": "$stageVariables",
    "$!context.requestId": "$",
    "${context.requestId}": "$",
}
BREAKS: list[tuple[str, Break, str, str]] = [
    ("passthrough", integration(PassthroughBehavior="WHEN_NO_MATCH"), METHODS, "PassthroughBehavior is WHEN_NO_MATCH"),
    ("passthrough", integration(PassthroughBehavior="WHEN_NO_TEMPLATES"), METHODS, "is WHEN_NO_TEMPLATES"),
    ("url-encoded", integration(RequestTemplates=NAIVE), METHODS, "template for application/json prints $input.body"),
    ("own-path", integration(RequestTemplates=CHOSEN), METHODS, "for application/json overrides the call by $queue"),
    ("read-by-key", integration(Uri=READ.replace("Get", "Put"), RequestTemplates={}), METHODS, "PutItem"),
    ("read-by-key", integration(Uri=READ, RequestTemplates=NAIVE), METHODS, "application/json prints $input.body"),
    ("honest-answers", integration(IntegrationResponses=[{"StatusCode": "202"}]), METHODS, "202 has no pattern"),
    (
        "no-required-header",
        prop("AWS::ApiGateway::Method", RequestParameters={"method.request.header.X-A": True}),
        METHODS,
        "method.request.header.X-A is required",
    ),
    (
        "checked-bodies",
        prop("AWS::ApiGateway::Method", RequestModels={"application/json": "Model"}),
        METHODS,
        "charset",
    ),
    ("checked-bodies", prop("AWS::ApiGateway::Method", RequestValidatorId=None), METHODS, "no validator checks"),
    (
        "checked-bodies",
        prop("AWS::ApiGateway::RequestValidator", ValidateRequestBody=False),
        METHODS,
        "no validator checks its bodies",
    ),
    *(
        (
            "own-words",
            prop("AWS::ApiGateway::GatewayResponse", ResponseTemplates={"application/json": f'{{"a":"{shown}"}}'}),
            ANSWERS,
            f" shows {found}",
        )
        for shown, found in SHOWN.items()
    ),
    ("dead-letter-queue", prop(QUEUE, {"QueueName": WORK}, RedrivePolicy=None), WORK, "it has none"),
    (
        "dead-letter-queue",
        prop(
            QUEUE,
            {"QueueName": WORK},
            RedrivePolicy=None,
            QueueName=names.queue("dev", f"do_{PAUSE_CONSUMER}", fifo=True),
        ),
        names.queue("dev", f"do_{PAUSE_CONSUMER}", fifo=True),
        "it has none",
    ),
    (
        "receives",
        nested(QUEUE, "RedrivePolicy", "maxReceiveCount", value=2, where={"QueueName": WORK}),
        WORK,
        "maxReceiveCount is 2",
    ),
    ("dead-letter-type", prop(QUEUE, {"QueueName": DEAD}, FifoQueue=True), WORK, "is FIFO, the other is not"),
    (
        "dead-letter-retention",
        prop(QUEUE, {"QueueName": DEAD}, MessageRetentionPeriod=345_600),
        DEAD,
        "it keeps 345600 s and the queue 345600 s",
    ),
    (
        "dead-letter-retention",
        prop(QUEUE, {"QueueName": DEAD}, MessageRetentionPeriod=None),
        DEAD,
        "it keeps 345600 s and the queue 345600 s",
    ),
    ("redrive-allow", prop(QUEUE, {"QueueName": DEAD}, RedriveAllowPolicy=None), DEAD, "permission is allowAll"),
    (
        "redrive-allow",
        prop(QUEUE, {"QueueName": DEAD}, RedriveAllowPolicy={"redrivePermission": "denyAll"}),
        DEAD,
        "its redrive permission is denyAll",
    ),
    ("queue-encryption", prop(QUEUE, SqsManagedSseEnabled=None), QUEUES, "it names no encryption"),
    ("queue-encryption", prop(QUEUE, SqsManagedSseEnabled=False), QUEUES, "it names no encryption"),
    ("queue-encryption", prop(QUEUE, KmsMasterKeyId="alias/aws/sqs"), QUEUES, "its key is alias/aws/sqs"),
    ("queue-tls", tls, QUEUES, "its policy denies no plain HTTP"),
    (
        "queue-policy",
        policy(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:events:::rule/x"}}),
        FED,
        '{"Service": "events.amazonaws.com"} may sqs:SendMessage',
    ),
    ("queue-policy", policy(Principal="*", Condition={}), FED, "* may sqs:SendMessage"),
    ("queue-policy", policy(Principal={"AWS": "*"}, Condition={}), FED, '{"AWS": "*"} may sqs:SendMessage'),
    (
        "queue-policy",
        policy(Condition={"StringNotEquals": {"aws:SourceAccount": "1"}, "ArnLike": {"aws:SourceArn": "arn:a"}}),
        FED,
        "may sqs:SendMessage",
    ),
    (
        "queue-policy",
        policy(Condition={"StringLike": {"aws:SourceAccount": "*", "aws:SourceArn": "*"}}),
        FED,
        "may sqs:SendMessage",
    ),
    ("partial-failures", prop(MAPPING, FunctionResponseTypes=None), MAPPINGS, "it does not"),
    ("partial-failures", prop(MAPPING, FunctionResponseTypes=[]), MAPPINGS, "it does not"),
    ("visibility", prop(QUEUE, {"QueueName": WORK}, VisibilityTimeout=179), WORK, "hidden for 179 s where 180 s are"),
    ("visibility", prop(QUEUE, {"QueueName": WORK}, VisibilityTimeout=None), WORK, "hidden for 30 s where 180 s are"),
    ("visibility", prop(MAPPING, MaximumBatchingWindowInSeconds=1), f"8 {QUEUE}", "1 s are needed|7 s are needed"),
    ("visibility", prop(FUNCTION, Timeout=31), f"8 {QUEUE}", "where 186 s are needed"),
    (
        "retries-fit-retention",
        prop(QUEUE, {"QueueName": WORK}, MessageRetentionPeriod=900),
        WORK,
        "5 receives may take 4500 s and it keeps 900 s",
    ),
    (
        "retries-fit-retention",
        prop(QUEUE, {"QueueName": WORK}, MessageRetentionPeriod=4500),
        WORK,
        "5 receives may take 4500 s and it keeps 4500 s",
    ),
    (
        "retries-fit-retention",
        prop(QUEUE, {"QueueName": WORK}, VisibilityTimeout=69_120, MessageRetentionPeriod=None),
        WORK,
        "5 receives may take 345600 s and it keeps 345600 s",
    ),
    (
        "retries-fit-retention",
        nested(FUNCTION, "Environment", "Variables", "BACKOFF_CAP", value="80000"),
        f"7 {QUEUE}",
        "5 receives may take 400000 s and it keeps 345600 s",
    ),
    ("large-batch-window", prop(MAPPING, BatchSize=11), MAPPINGS, "a batch of 11 has none"),
    ("fifo-window", prop(MAPPING, MaximumBatchingWindowInSeconds=1), f"2 {MAPPING}", "its window is 1 s"),
    (
        "reserved-concurrency",
        prop(FUNCTION, ReservedConcurrentExecutions=4),
        f"2 {FUNCTION}",
        "it has 4 and its mappings may use 20|it has 4 and its mappings may use 5",
    ),
    (
        "provisioned-pollers",
        prop(MAPPING, ProvisionedPollerConfig={"MinimumPollers": 2}, ScalingConfig={"MaximumConcurrency": 2}),
        MAPPINGS,
        "it has both",
    ),
    ("no-filter", prop(MAPPING, FilterCriteria={"Filters": [{"Pattern": "{}"}]}), MAPPINGS, "it does"),
    (
        "idempotency",
        nested(FUNCTION, "Environment", "Variables", "POWERTOOLS_IDEMPOTENCY_DISABLED", value="1"),
        FUNCTIONS,
        "it sets POWERTOOLS_IDEMPOTENCY_DISABLED",
    ),
    (
        "secret-in-environment",
        nested(FUNCTION, "Environment", "Variables", "TOKEN", value="{{resolve:secretsmanager:a:SecretString:::}}"),
        FUNCTIONS,
        "TOKEN does",
    ),
    ("function-logs", nested(FUNCTION, "LoggingConfig", "LogGroup", value="/aws/x"), FUNCTIONS, "it names none"),
    ("function-logs", prop(FUNCTION, LoggingConfig=None), FUNCTIONS, "it names none"),
    (
        "log-retention",
        prop("AWS::Logs::LogGroup", RetentionInDays=None),
        "9 AWS::Logs::LogGroup",
        "keeps them for ever",
    ),
    ("target-dead-letter-queue", target(DeadLetterConfig=None), RULES_OF_EVENTS, "target queue has none"),
    (
        "target-dead-letter-queue",
        target(DeadLetterConfig={"Arn": UNDELIVERED}),
        RULES_OF_EVENTS,
        "that of target queue is FIFO",
    ),
    ("target-dead-letter-queue", fifo_dead_letters_of_a_rule, RULES_OF_EVENTS, "that of target queue is FIFO"),
    ("target-retry", target(RetryPolicy=None), RULES_OF_EVENTS, "target queue does not"),
    ("target-retry", target(RetryPolicy={"MaximumRetryAttempts": 3}), RULES_OF_EVENTS, "target queue does not"),
    ("target-retry", target(RetryPolicy={"MaximumEventAgeInSeconds": 60}), RULES_OF_EVENTS, "target queue does not"),
    ("schedule-dead-letter-queue", schedule(DeadLetterConfig=None), "morning", "it has none"),
    ("schedule-dead-letter-queue", schedule(DeadLetterConfig={"Arn": UNDELIVERED}), "morning", "that is FIFO"),
    ("schedule-retry", schedule(RetryPolicy=None), "morning", "it does not"),
    ("schedule-retry", schedule(RetryPolicy={"MaximumRetryAttempts": 3}), "morning", "it does not"),
    ("schedule-group", schedule(group=None), "morning", "it is"),
    ("schedule-group", schedule(group="default"), "morning", "it is"),
    ("fifo-target", fifo_subscriber(ContentBasedDeduplication=True), "2 AWS::Events::Rule", "queue names no group"),
    ("fifo-target", fifo_subscriber(group="all"), names.queue("dev", "close_ticket"), "it does not"),
    ("target-permission", policy(Principal={"Service": "sns.amazonaws.com"}), FED, "it does not, for "),
    ("target-permission", policy(Principal="*"), FED, "it does not, for "),
    ("target-permission", policy(Action="sqs:ReceiveMessage"), FED, "it does not, for "),
    ("target-permission", policy(Effect="Deny"), FED, "it does not, for "),
    *(("bus-policy", open_bus(**said), "Open", "everyone may") for said in ({"Statement": OPEN}, OPEN)),
    *(
        ("bus-policy", open_bus(Statement={**OPEN, **said}), "Open", "everyone may")
        for said in (
            {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            {"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}},
            {"Principal": {"AWS": "*"}},
        )
    ),
    ("known-actions", role(Action="sqs:SendMessageBatch"), ROLES, "sqs:SendMessageBatch where sqs:sendmessage is near"),
    ("known-actions", policy(Action="sqs:Frobnicate*"), "6 AWS::SQS::QueuePolicy", "sqs:Frobnicate*"),
    ("exact-actions", role(Action="sqs:*"), ROLES, "sqs:*"),
    ("exact-actions", role(Action="sqs:SendMessag?"), ROLES, "sqs:SendMessag?"),
    ("exact-actions", policy(Action="sqs:*"), "6 AWS::SQS::QueuePolicy", "sqs:*"),
    ("exact-resources", role(Resource="*", Action=["sqs:SendMessage"]), ROLES, "sqs:SendMessage"),
    (
        "exact-resources",
        lambda broken: broken.add(
            "tickets",
            "Wide",
            "AWS::IAM::Role",
            Policies=[{"PolicyDocument": {"Statement": [{"Action": "sqs:SendMessage", "Resource": "*"}]}}],
        ),
        "Wide",
        "sqs:SendMessage",
    ),
    ("left-behind", retained, QUEUES, "its DeletionPolicy is Retain"),
    ("left-behind", left("AWS::CloudWatch::Alarm", AlarmName="a"), "Left", "its DeletionPolicy is Retain"),
    ("left-behind", left("AWS::RDS::DBInstance", DBInstanceIdentifier="a"), "Left", "its DeletionPolicy is Retain"),
    ("log-group-remade", role(Action=["logs:CreateLogGroup"]), "8 AWS::IAM::Policy", "logs:CreateLogGroup"),
    ("log-group-remade", makes_its_log_group, "8 AWS::IAM::Role", BASIC),
    (
        "template-size",
        nested(FUNCTION, "Description", value="x" * 600_000),
        names.resource("dev", "tickets"),
        " bytes where a template may have 1,000,000",
    ),
    (
        "policy-size",
        role(Resource=[f"arn:aws:sqs:eu-west-1:123456789012:{'q' * 60}{n}" for n in range(50)]),
        "8 AWS::IAM::Role",
        " characters where 10,240 are taken",
    ),
    (
        "policy-size",
        lambda broken: broken.add(
            "operator",
            "Long",
            "AWS::IAM::ManagedPolicy",
            PolicyDocument={"Statement": [{"Action": "sqs:SendMessage", "Resource": ["a" * 100] * 70}]},
        ),
        "Long",
        "it has 7,267 characters where 6,144 are taken",
    ),
]
PASSES: list[tuple[str, Break]] = [
    ("read-by-key", integration(Uri=READ, RequestTemplates={"application/json": JSON_TEXT})),
    *((f"schedule-{each}", schedule()) for each in ("dead-letter-queue", "retry", "group")),
    ("receives", nested(QUEUE, "RedrivePolicy", "maxReceiveCount", value=3, where={"QueueName": WORK})),
    ("dead-letter-retention", prop(QUEUE, {"QueueName": DEAD}, MessageRetentionPeriod=345_601)),
    ("retries-fit-retention", prop(QUEUE, {"QueueName": WORK}, MessageRetentionPeriod=4501)),
    ("retries-fit-retention", halting_for_a_minute),
    ("large-batch-window", prop(MAPPING, BatchSize=11, MaximumBatchingWindowInSeconds=1)),
    ("reserved-concurrency", prop(FUNCTION, ReservedConcurrentExecutions=20)),
    ("left-behind", left("AWS::CloudWatch::Alarm", MetricName="a")),
    ("left-behind", left("AWS::RDS::DBInstance", DBClusterIdentifier="a")),
    ("fifo-target", fifo_subscriber(group="all", ContentBasedDeduplication=True)),
    ("queue-encryption", prop(QUEUE, SqsManagedSseEnabled=None, KmsMasterKeyId="alias/ours")),
    ("bus-policy", open_bus(Statement={**OPEN, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}})),
    ("bus-policy", open_bus(**OPEN, Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"})),
    ("bus-policy", open_bus(**{**OPEN, "Principal": "123456789012"})),
]
"""What is as near to breaking a rule as it may be."""
