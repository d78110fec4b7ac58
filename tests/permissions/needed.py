"""What is done with the roles of the sample: by its functions, by the services that take the roles, by a person.

What the functions do is recorded; what AWS does with a role is what AWS says that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from functions.contracts.pause import PAUSE_CONSUMER
from functions.contracts.plan import PLAN_COMMAND, PLANNED
from stacks import names
from stacks.entry import Topology
from stacks.invariants.assembly import Assembly, text
from stacks.invariants.edge import integrations
from tests.permissions.granted import REGION, Request, arn, named, resolved
from tests.permissions.recorded import Use
from tests.simulation.deployed import STAGE as SIMULATED

WRITERS = ("CreateLogStream", "PutLogEvents")
TRACERS = ("PutTraceSegments", "PutTelemetryRecords")
"""What Lambda does with a function's role for its log and its traces.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""
API_LOG = (
    *("CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams"),
    *("PutLogEvents", "GetLogEvents", "FilterLogEvents"),
)
"""What AWS's own policy AmazonAPIGatewayPushToCloudWatchLogs holds, which API Gateway asks of the account's role.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html"""
NETWORKERS = (
    *("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface"),
    *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
)
"""What Lambda does with the role of a function in a VPC.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""
BY_KEY = {"sqs:ReceiveMessage": ("Decrypt",), "sqs:SendMessage": ("GenerateDataKey", "Decrypt")}
"""What SQS does with a caller's permissions where its queue is encrypted with a key of one's own.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""

ON_DEAD = (
    *("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "SendMessage"),
    *("StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"),
    *("GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues"),
)
ON_WORK = ("SendMessage", "GetQueueAttributes", "GetQueueUrl")
ON_ARCHIVE = ("DescribeArchive", "StartReplay")
ON_REPLAYS = ("StartReplay", "DescribeReplay", "CancelReplay")
ON_SCHEDULES = ("GetSchedule", "UpdateSchedule", "DeleteSchedule")
ON_ALL = (
    "events:ListReplays",
    "cloudwatch:GetMetricData",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "lambda:ListEventSourceMappings",
)
ON_TABLES = {
    names.FAILURES: ("BatchGetItem",),
    names.PARKED: ("Scan", "UpdateItem", "PutItem"),
    names.REDRIVES: ("PutItem", "GetItem"),
    f"{names.REDRIVES}/index/{names.BY_ACTION}": ("Query",),
}
"""What `python -m ops` does; a test holds it to the code."""


def of_functions(assembly: Assembly, stage: str, uses: frozenset[Use]) -> Iterator[Request]:
    """What every function, and Lambda for it, does with its role."""
    for function, action, what in sorted(uses):
        name = what.replace(names.resource(SIMULATED, ""), names.resource(stage, ""))
        yield from _used(names.resource(stage, function), action, name)
    for each in assembly.of("AWS::Lambda::Function"):
        role = str(each.name)
        group = assembly.target(each, each.properties["LoggingConfig"]["LogGroup"], "AWS::Logs::LogGroup")
        assert group is not None
        stream = arn("logs:{region}:{account}:log-group:{name}:a", name=str(group.name))
        yield from (Request(role, f"logs:{action}", stream) for action in WRITERS)
        if each.properties["TracingConfig"]["Mode"] == "Active":
            yield from (Request(role, f"xray:{action}", "*") for action in TRACERS)
        if "VpcConfig" in each.properties:
            yield from (Request(role, f"ec2:{action}", "*") for action in NETWORKERS)


def _used(role: str, action: str, name: str) -> Iterator[Request]:
    here = "{region}:{account}"
    match action.partition(":")[0], action:
        case "dynamodb", _:
            yield Request(role, action, arn(f"dynamodb:{here}:table/{name}"))
        case "sqs", _:
            yield Request(role, action, arn(f"sqs:{here}:{name}"))
        case "events", _:
            bus, source, kind = name.split()
            told = (("events:source", source), ("events:detail-type", kind))
            yield Request(role, action, arn(f"events:{here}:event-bus/{bus}"), told)
        case "secretsmanager", _:
            yield Request(role, action, arn(f"secretsmanager:{here}:secret:{name}-AbCdEf"))
        case "ses", _:
            yield Request(role, action, arn(f"ses:{here}:identity/{{sender}}", sender=SENDER))
        case "lambda", "lambda:InvokeFunction":
            yield Request(role, action, arn(f"lambda:{here}:function:{name}"))
        case "lambda", "lambda:UpdateEventSourceMapping":
            function = arn(f"lambda:{here}:function:{name}")
            source = arn(f"lambda:{here}:event-source-mapping:0b0f")
            yield Request(role, action, source, (("lambda:FunctionArn", function),))
        case "lambda", "lambda:ListEventSourceMappings":
            yield Request(role, action, "*")
        case _:
            raise LookupError(f"nothing is known of {action}; add it to needed.py")


SENDER = "desk@example.com"


def of_services(assembly: Assembly) -> Iterator[Request]:
    """What API Gateway and EventBridge do with the roles that they take."""
    for method, integration in integrations(assembly):
        role = assembly.target(method, integration["Credentials"], "AWS::IAM::Role")
        assert role is not None
        queue = text(integration["Uri"]).rpartition("/")[2]
        yield Request(named(assembly, role), "sqs:SendMessage", arn("sqs:{region}:{account}:{name}", name=queue))
    for account in assembly.of("AWS::ApiGateway::Account"):
        role = assembly.target(account, account.properties["CloudWatchRoleArn"], "AWS::IAM::Role")
        assert role is not None
        group = arn("logs:{region}:{account}:log-group:{name}", name="/aws/apigateway/any")
        yield from (Request(named(assembly, role), f"logs:{action}", group) for action in API_LOG)
    for rule in assembly.of("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            if "RoleArn" in target:
                role = assembly.target(rule, target["RoleArn"], "AWS::IAM::Role")
                assert role is not None
                yield Request(
                    named(assembly, role), "events:InvokeApiDestination", resolved(assembly, rule, target["Arn"])
                )


def of_delays(stage: str, topology: Topology, key: str) -> Iterator[Request]:
    """What is done where something is delayed: by the consumers of delays, by what plans, and by Scheduler for it.

    The recorded functions delay nothing; `tests/functions/plan_command` holds this to the code.
    """
    here = "{region}:{account}"
    scheduler, planner = names.resource(stage, names.PLANS), names.resource(stage, PLAN_COMMAND)
    queues = [arn(f"sqs:{here}:{{name}}", name=names.queue(stage, word)) for word in topology.delayed()]
    planned = arn(f"dynamodb:{here}:table/{{name}}", name=names.resource(stage, PLANNED))
    undelivered = names.target_dead_letter_queue(stage, PLAN_COMMAND)
    for word, queue in zip(topology.delayed(), queues, strict=True):
        consumer = names.resource(stage, word)
        yield Request(consumer, "dynamodb:UpdateItem", planned)
        yield Request(consumer, "sqs:SendMessage", arn(f"sqs:{here}:{{name}}", name=planner))
        yield Request(planner, "sqs:SendMessage", queue)
        yield Request(scheduler, "sqs:SendMessage", queue)
    yield Request(scheduler, "sqs:SendMessage", arn(f"sqs:{here}:{{name}}", name=undelivered))
    # As every consumer does.
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"):
        yield Request(planner, f"sqs:{action}", arn(f"sqs:{here}:{{name}}", name=planner))
    failures = arn(f"dynamodb:{here}:table/{{name}}", name=names.resource(stage, names.FAILURES))
    yield Request(planner, "dynamodb:UpdateItem", failures)
    pause = names.queue(stage, PAUSE_CONSUMER, fifo=True)
    yield Request(planner, "sqs:SendMessage", arn(f"sqs:{here}:{{name}}", name=pause))
    yield Request(planner, "dynamodb:UpdateItem", planned)
    schedule = arn(f"scheduler:{here}:schedule/{{group}}/later-0-1", group=names.resource(stage, names.PLANS))
    for action in ("CreateSchedule", "DeleteSchedule"):
        yield Request(planner, f"scheduler:{action}", schedule)
    role = arn("iam::{account}:role/{name}", name=names.regional(stage, names.PLANS, REGION))
    yield Request(planner, "iam:PassRole", role, (("iam:PassedToService", "scheduler.amazonaws.com"),))
    # What Scheduler asks of whoever makes a schedule with a key of one's own.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
    yield Request(planner, "kms:DescribeKey", key)
    yield from of_person_with_plans(stage)


def of_person_with_plans(stage: str) -> Iterator[Request]:
    """What a person does to see what is planned."""
    where = arn("scheduler:{region}:{account}:schedule/{group}/any", group=names.resource(stage, names.PLANS))
    yield Request(names.resource(stage, "operator"), "scheduler:GetSchedule", where)
    yield Request(names.resource(stage, "operator"), "scheduler:ListSchedules", "*")


def of_schedules(assembly: Assembly, stage: str, topology: Topology) -> Iterator[Request]:
    """What EventBridge Scheduler does with its role: what it could not send it keeps by the same.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    (role,) = (each for each in assembly.of("AWS::IAM::Role") if "-schedules-" in text(each.properties.get("RoleName")))
    for schedule in topology.schedules:
        work = names.queue(stage, schedule.queue, fifo=topology.queue(schedule.queue).fifo)
        for name in (work, names.target_dead_letter_queue(stage, schedule.queue)):
            yield Request(named(assembly, role), "sqs:SendMessage", arn("sqs:{region}:{account}:{name}", name=name))


def of_person_with_schedules(stage: str) -> Iterator[Request]:
    """What a person does with schedules by the operator's role, which is passed on with each update."""
    role, group = names.resource(stage, "operator"), names.resource(stage, names.SCHEDULES)
    for action in ON_SCHEDULES:
        where = arn("scheduler:{region}:{account}:schedule/{group}/any", group=group)
        yield Request(role, f"scheduler:{action}", where)
    yield Request(role, "scheduler:ListSchedules", "*")
    passed = arn("iam::{account}:role/{name}-{region}", name=group)
    yield Request(role, "iam:PassRole", passed, (("iam:PassedToService", "scheduler.amazonaws.com"),))


def of_operator(assembly: Assembly, stage: str, topology: Topology) -> Iterator[Request]:
    """What a person does with the operator's role."""
    role = names.resource(stage, "operator")
    pause = names.queue(stage, PAUSE_CONSUMER, fifo=True)
    for queue in assembly.of("AWS::SQS::Queue"):
        name = str(queue.name)
        if name == pause:
            continue
        dead = name.removesuffix(".fifo").endswith(("-dlq", "-undelivered"))
        for action in ON_DEAD if dead else ON_WORK:
            yield Request(role, f"sqs:{action}", arn("sqs:{region}:{account}:{name}", name=name))
    for table, actions in ON_TABLES.items():
        for action in actions:
            where = arn("dynamodb:{region}:{account}:table/{name}", name=names.resource(stage, table))
            yield Request(role, f"dynamodb:{action}", where)
    bus = names.resource(stage, names.BUS)
    for each in topology.subscriptions:
        name = f"{bus}/{names.rule(stage, each.queue, each.event.__name__)}"
        yield Request(role, "events:ListTargetsByRule", arn("events:{region}:{account}:rule/{name}", name=name))
        yield Request(role, "events:DescribeRule", arn("events:{region}:{account}:rule/{name}", name=name))
    for action, kind, name in (
        *((action, "archive", bus) for action in ON_ARCHIVE),
        *((action, "replay", names.replay(stage, "20261121-101500-3f2a")) for action in ON_REPLAYS),
        ("StartReplay", "event-bus", bus),
    ):
        where = arn("events:{region}:{account}:{kind}/{name}", kind=kind, name=name)
        yield Request(role, f"events:{action}", where)
    groups = [names.api_log_group(stage), *(names.log_group(stage, each.function) for each in topology.consumers)]
    for group in groups:
        yield Request(role, "logs:StartQuery", arn("logs:{region}:{account}:log-group:{name}:a", name=group))
    for path in ("/restapis", "/restapis/abc/resources"):
        yield Request(role, "apigateway:GET", arn("apigateway:{region}::{path}", path=path))
    yield from (Request(role, action, "*") for action in ON_ALL)


def by_key(requests: Iterator[Request], key: str) -> Iterator[Request]:
    """The requests, and what SQS asks of the key for them."""
    for request in requests:
        yield request
        for action in BY_KEY.get(request.action, ()):
            yield Request(request.role, f"kms:{action}", key)
