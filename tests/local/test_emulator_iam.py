"""The emulator's IAM: it decides about every call as AWS's does, on the same action and resource."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from botocore.exceptions import ClientError

from local.aws import client
from local.emulator import Emulator
from local.state import ACCOUNT
from tests.local.roles import acting, allow, arn, make, policy, session, trusting
from tests.local.test_emulator import RUNS, zipped

Call = Callable[[Any], Any]


def code(call: Callable[[], Any]) -> str:
    """The code with which AWS refuses the call, and nothing where it does not."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def denied(call: Callable[[], Any]) -> bool:
    """Whether IAM refuses the call; another refusal comes after IAM let it pass."""
    return code(call) in ("AccessDenied", "AccessDeniedException")


@pytest.fixture(scope="module")
def queue(emulator: Emulator) -> str:
    return str(client("sqs", emulator.endpoint).create_queue(QueueName="iam")["QueueUrl"])


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> str:
    client("dynamodb", emulator.endpoint).create_table(
        TableName="iam",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "iam"


KEY, ITEM = {"id": {"S": "1"}}, {"id": {"S": "1"}, "n": {"N": "1"}}
SQS, TABLE = arn("sqs", "iam"), arn("dynamodb", "table/iam")
RULE = {"Rule": "told", "EventBusName": "bus"}
ENTRY = {"Source": "test", "DetailType": "Told", "Detail": "{}", "EventBusName": "bus"}
CONTENT = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}}
SPAN = {"startTime": 0, "endTime": 1, "queryString": "fields @message"}
BATCH = [{"Id": "1", "MessageBody": "1"}]
HANDLES = [{"Id": "1", "ReceiptHandle": "none"}]


def mail(sender: str) -> Call:
    return lambda ses: ses.send_email(
        FromEmailAddress=sender, Destination={"ToAddresses": ["ada@example.com"]}, Content=CONTENT
    )


def statement(text: str) -> Call:
    return lambda dynamodb: dynamodb.execute_statement(Statement=text)


def transaction(**item: Any) -> Call:
    return lambda dynamodb: dynamodb.transact_write_items(TransactItems=[item])


# An action on a resource, a call that needs exactly that, and the service it is made to.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
NEEDED: dict[str, tuple[str, str, str, Call]] = {
    "send a batch": (
        *("sqs:SendMessage", SQS, "sqs"),
        lambda sqs: sqs.send_message_batch(QueueUrl=f"https://sqs/{ACCOUNT}/iam", Entries=BATCH),
    ),
    "hide a batch": (
        *("sqs:ChangeMessageVisibility", SQS, "sqs"),
        lambda sqs: sqs.change_message_visibility_batch(
            QueueUrl=f"https://sqs/{ACCOUNT}/iam", Entries=[entry | {"VisibilityTimeout": 0} for entry in HANDLES]
        ),
    ),
    "delete a batch": (
        *("sqs:DeleteMessage", SQS, "sqs"),
        lambda sqs: sqs.delete_message_batch(QueueUrl=f"https://sqs/{ACCOUNT}/iam", Entries=HANDLES),
    ),
    "mail from an address": (
        *("ses:SendEmail", arn("ses", "identity/desk@verified.example"), "sesv2"),
        mail("The desk <desk@verified.example>"),
    ),
    "mail from a domain": (
        *("ses:SendEmail", arn("ses", "identity/verified.example"), "sesv2"),
        mail("any@verified.example"),
    ),
    "targets of a rule": (
        *("events:ListTargetsByRule", arn("events", "rule/bus/told"), "events"),
        lambda events: events.list_targets_by_rule(**RULE),
    ),
    "targets of a rule of the default bus": (
        *("events:ListTargetsByRule", arn("events", "rule/told"), "events"),
        lambda events: events.list_targets_by_rule(Rule="told"),
    ),
    "put an event": (
        *("events:PutEvents", arn("events", "event-bus/bus"), "events"),
        lambda events: events.put_events(Entries=[ENTRY]),
    ),
    "query a log": (
        *("logs:StartQuery", arn("logs", "log-group:/aws/lambda/a:*"), "logs"),
        lambda logs: logs.start_query(logGroupNames=["/aws/lambda/a"], **SPAN),
    ),
    "read the targets of a stopped query": (
        *("logs:StopQuery", "*", "logs"),
        lambda logs: logs.stop_query(queryId="none"),
    ),
    "put an item": ("dynamodb:PutItem", TABLE, "dynamodb", lambda db: db.put_item(TableName="iam", Item=ITEM)),
    "put in a transaction": (
        *("dynamodb:PutItem", TABLE, "dynamodb"),
        transaction(Put={"TableName": "iam", "Item": ITEM}),
    ),
    "check in a transaction": (
        *("dynamodb:ConditionCheckItem", TABLE, "dynamodb"),
        transaction(
            ConditionCheck={"TableName": "iam", "Key": KEY, "ConditionExpression": "attribute_not_exists(never)"}
        ),
    ),
    "get a batch": (
        *("dynamodb:BatchGetItem", TABLE, "dynamodb"),
        lambda db: db.batch_get_item(RequestItems={"iam": {"Keys": [KEY]}}),
    ),
    "read an index": (
        *("dynamodb:Query", f"{TABLE}/index/by_n", "dynamodb"),
        lambda db: db.query(
            TableName="iam",
            IndexName="by_n",
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": "1"}},
        ),
    ),
    "insert by PartiQL": (
        *("dynamodb:PartiQLInsert", TABLE, "dynamodb"),
        statement("INSERT INTO \"iam\" VALUE {'id': 'p'}"),
    ),
    "update by PartiQL": (
        *("dynamodb:PartiQLUpdate", TABLE, "dynamodb"),
        statement("UPDATE iam SET n = 2 WHERE id = 'p'"),
    ),
    "delete by PartiQL": ("dynamodb:PartiQLDelete", TABLE, "dynamodb", statement("DELETE FROM iam WHERE id = 'p'")),
    "select by PartiQL": (
        *("dynamodb:PartiQLSelect", TABLE, "dynamodb"),
        statement("SELECT * FROM iam WHERE id = 'p'"),
    ),
    "read a secret": (
        *("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:iam-??????"), "secretsmanager"),
        lambda secrets: secrets.get_secret_value(SecretId="iam"),
    ),
    "list mappings": (
        *("lambda:ListEventSourceMappings", "*", "lambda"),
        lambda functions: functions.list_event_source_mappings(FunctionName="a"),
    ),
    "read the account's APIs": (
        *("apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis", "apigateway"),
        lambda api: api.get_rest_apis(),
    ),
    "read metrics": (
        *("cloudwatch:GetMetricData", "*", "cloudwatch"),
        lambda metrics: metrics.get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=1),
    ),
}


@pytest.fixture(scope="module")
def furnished(emulator: Emulator, queue: str, table: str) -> Emulator:
    """What the calls are about."""
    client("secretsmanager", emulator.endpoint).create_secret(Name="iam", SecretString="s")
    mails = client("sesv2", emulator.endpoint)
    for identity in ("desk@verified.example", "verified.example"):
        mails.create_email_identity(EmailIdentity=identity)
    events = client("events", emulator.endpoint)
    events.create_event_bus(Name="bus")
    for bus in ("bus", "default"):
        events.put_rule(Name="told", EventBusName=bus, EventPattern='{"source": ["test"]}')
    client("logs", emulator.endpoint).create_log_group(logGroupName="/aws/lambda/a")
    return emulator


@pytest.mark.parametrize("what", NEEDED)
def test_a_call_needs_its_action_on_its_resource_and_no_other(furnished: Emulator, what: str) -> None:
    action, resource, service, call = NEEDED[what]
    allowed = acting(furnished, allow(action, resource))(service)
    assert not denied(lambda: call(allowed))
    prefix = action.partition(":")[0]
    other = acting(furnished, allow(f"{prefix}:Other", "*"), allow(action, resource.replace(":", ":not-", 3)))
    if resource == "*":
        other = acting(furnished, allow(f"{prefix}:Other", "*"))
    assert denied(lambda: call(other(service)))


def test_a_refusal_names_who_what_and_where(furnished: Emulator) -> None:
    with pytest.raises(ClientError) as refused:
        acting(furnished)("dynamodb").put_item(TableName="iam", Item=ITEM)
    said = refused.value.response["Error"]["Message"]
    assert f"is not authorized to perform: dynamodb:PutItem on resource: {TABLE} because" in said
    assert ":assumed-role/" in said


def test_a_query_of_several_logs_is_judged_on_each(furnished: Emulator) -> None:
    only = acting(furnished, allow("logs:StartQuery", arn("logs", "log-group:/aws/lambda/a:*")))("logs")
    groups = ["/aws/lambda/a", "/aws/lambda/b"]
    assert denied(lambda: only.start_query(logGroupNames=groups, **SPAN))
    assert denied(lambda: only.start_query(logGroupIdentifiers=[arn("logs", f"log-group:{groups[1]}")], **SPAN))


def test_only_the_key_of_this_run_is_roots_and_its_signature_counts(emulator: Emulator) -> None:
    endpoint = emulator.endpoint
    for key, secret in (
        ("test", "test"),
        (ACCOUNT, "test"),
        (endpoint.access_key_id, "guessed"),
        ("AKIAIOSFODNN7EXAMPLE", endpoint.secret_access_key),
    ):
        stranger = client("sqs", endpoint, aws_access_key_id=key, aws_secret_access_key=secret)
        assert code(stranger.list_queues), key
    assert Emulator(emulator.home).endpoint.access_key_id != endpoint.access_key_id
    assert Emulator(emulator.home).endpoint.secret_access_key != endpoint.secret_access_key


def test_a_client_that_does_not_trust_the_authority_does_not_connect(emulator: Emulator) -> None:
    with pytest.raises(urllib3.exceptions.SSLError):
        urllib3.PoolManager(retries=False).request("GET", emulator.url)


def create(emulator: Emulator, name: str, role: str, code: str = "def handler(event, _):\n    return 1\n") -> Any:
    """Lambda's client, once the function is there."""
    functions = client("lambda", emulator.endpoint)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler=f"{name}.handler",
        Role=role,
        Code={"ZipFile": zipped(**{name: code})},
        Timeout=10,
    )
    return functions


def test_a_function_acts_as_its_role_over_tls(emulator: Emulator, table: str) -> None:
    role = make(emulator, RUNS, allow("dynamodb:PutItem", TABLE), trust=trusting("lambda.amazonaws.com"))
    code = (
        "import botocore.session\ndef handler(event, _):\n"
        "    db = botocore.session.Session().create_client('dynamodb')\n"
        "    db.put_item(TableName='iam', Item={'id': {'S': 'by-function'}})\n"
        "    try:\n        db.delete_item(TableName='iam', Key={'id': {'S': 'by-function'}})\n"
        "    except Exception as error:\n        print(error)\n        return str(error)\n"
    )
    functions = create(emulator, "acts", role, code)
    said = functions.invoke(FunctionName="acts")["Payload"].read().decode()
    assert "not authorized to perform: dynamodb:DeleteItem" in said
    found = client("dynamodb", emulator.endpoint).get_item(TableName="iam", Key={"id": {"S": "by-function"}})
    assert "Item" in found
    logs = client("logs", emulator.endpoint).filter_log_events(logGroupName="/aws/lambda/acts")["events"]
    assert any("AccessDenied" in event["message"] for event in logs)


@pytest.mark.parametrize(
    "trust",
    [
        trusting("events.amazonaws.com"),
        trusting("lambda.amazonaws.com", StringEquals={"aws:SourceAccount": "111122223333"}),
    ],
    ids=["another service", "another account"],
)
def test_a_function_whose_role_lambda_may_not_assume_does_not_run(emulator: Emulator, trust: Any) -> None:
    name = f"untrusted{uuid4().hex[:6]}"
    functions = create(emulator, name, make(emulator, RUNS, trust=trust))
    answer: dict[str, Any] = {}
    with suppress(ClientError):
        answer = functions.invoke(FunctionName=name)
    assert "FunctionError" in answer or not answer


def test_a_function_that_may_not_log_runs_without_a_log(emulator: Emulator) -> None:
    role = make(emulator, allow("logs:CreateLogStream", "*"), trust=trusting("lambda.amazonaws.com"))
    functions = create(emulator, "mute", role)
    assert json.loads(functions.invoke(FunctionName="mute")["Payload"].read()) == 1
    assert code(lambda: client("logs", emulator.endpoint).filter_log_events(logGroupName="/aws/lambda/mute")) == (
        "ResourceNotFoundException"
    )


def test_a_queue_that_a_functions_role_may_not_poll_is_not_mapped(emulator: Emulator, queue: str) -> None:
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        others = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} - {f"sqs:{action}"}
        role = make(emulator, allow(sorted(others), SQS), trust=trusting("lambda.amazonaws.com"))
        functions = create(emulator, f"without_{action}", role)
        with pytest.raises(ClientError, match=f"does not have permissions to call {action} on SQS"):
            functions.create_event_source_mapping(FunctionName=f"without_{action}", EventSourceArn=SQS)


def test_a_mapping_whose_role_loses_a_permission_takes_nothing(emulator: Emulator) -> None:
    sqs, iam = client("sqs", emulator.endpoint), client("iam", emulator.endpoint)
    url = sqs.create_queue(QueueName="polled")["QueueUrl"]
    role = make(emulator, RUNS, trust=trusting("lambda.amazonaws.com"))
    functions = create(emulator, "polls", role)
    functions.create_event_source_mapping(FunctionName="polls", EventSourceArn=arn("sqs", "polled"))
    iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="all", PolicyDocument=policy(allow("logs:*", "*")))
    time.sleep(1.2)
    sqs.send_message(QueueUrl=url, MessageBody="1")
    time.sleep(1.5)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert counts == {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "0"}


def test_a_mapping_is_switched_by_whom_its_function_allows(emulator: Emulator) -> None:
    sqs = client("sqs", emulator.endpoint)
    sqs.create_queue(QueueName="switches")
    functions = create(emulator, "switches", make(emulator, RUNS, trust=trusting("lambda.amazonaws.com")))
    uuid = functions.create_event_source_mapping(FunctionName="switches", EventSourceArn=arn("sqs", "switches"))["UUID"]
    for function, refused in (("switches", False), ("others-*", True)):
        only = {"lambda:FunctionArn": arn("lambda", f"function:{function}")}
        statement = allow("lambda:UpdateEventSourceMapping", arn("lambda", "event-source-mapping:*"), ArnLike=only)
        switching = acting(emulator, statement)("lambda")
        assert denied(partial(switching.update_event_source_mapping, UUID=uuid, Enabled=False)) == refused
        assert denied(partial(switching.get_event_source_mapping, UUID=uuid))
        barred = acting(emulator, allow("lambda:*", "*"), {**statement, "Effect": "Deny"})("lambda")
        assert denied(partial(barred.update_event_source_mapping, UUID=uuid, Enabled=False)) != refused


def test_a_queue_that_denies_what_comes_without_tls_does_so(emulator: Emulator) -> None:
    """A proxy's header says how a request came, to the emulator as to us."""
    sqs = client("sqs", emulator.endpoint)
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    denies = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", "Condition": insecure}
    url = sqs.create_queue(QueueName="sealed", Attributes={"Policy": policy(denies)})["QueueUrl"]
    sender = acting(emulator, allow("sqs:SendMessage", arn("sqs", "sealed")))("sqs")
    assert sender.send_message(QueueUrl=url, MessageBody="1")["MessageId"]

    def without(request: Any, **_: Any) -> None:
        request.headers["X-Forwarded-Proto"] = "http"

    sender.meta.events.register("before-sign.sqs", without)
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        sender.send_message(QueueUrl=url, MessageBody="2")


def test_a_role_is_assumed_by_whom_its_trust_policy_names(emulator: Emulator) -> None:
    role = make(emulator, trust={**trusting("x"), "Principal": {"AWS": "arn:aws:iam::111122223333:root"}})
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        session(emulator, role)
