"""Calls, and what AWS's pages say that comes of each: what the fakes, moto and the emulator are held to.

`QUEUE`, `FIFO`, `HANDLE` and `OLD` stand for the URLs of an empty standard and an empty FIFO queue, the handle of a
message that was received of the first, and one that SQS gave out and took back; `things` is a table with an item
`there`, whose key is `id`. The outcome is "ok", a code, or "entry" and the code of the entry that failed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MIB = 1024 * 1024
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/"
EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_"
SES = "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html"


class Case(NamedTuple):
    """A call: its name here, the service, the method of botocore's client, its arguments and what comes of it."""

    name: str
    service: str
    method: str
    asked: dict[str, Any]
    outcome: str
    source: str


def _sqs(name: str, method: str, page: str, outcome: str, *, queue: str = "QUEUE", **asked: Any) -> Case:
    return Case(name, "sqs", method, {"QueueUrl": queue, **asked}, outcome, f"{SQS}{page}.html")


def _send(name: str, outcome: str, **asked: Any) -> Case:
    return _sqs(name, "send_message", "SendMessage", outcome, **({"MessageBody": "a"} | asked))


def _text(kind: str, value: str) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


def _batches() -> list[Case]:
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "send_message_batch": ("SendMessageBatch", {"MessageBody": "a"}),
        "delete_message_batch": ("DeleteMessageBatch", {"ReceiptHandle": "HANDLE"}),
        "change_message_visibility_batch": (
            "ChangeMessageVisibilityBatch",
            {"ReceiptHandle": "HANDLE", "VisibilityTimeout": 9},
        ),
    }
    return [
        _sqs(f"{page} {name}", method, page, outcome, Entries=[{"Id": id_, **entry} for id_ in ids])
        for method, (page, entry) in calls.items()
        for name, ids, outcome in (
            ("of none", [], "EmptyBatchRequest"),
            ("of eleven", [str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
            ("with an Id twice", ["a", "b", "a"], "BatchEntryIdsNotDistinct"),
            ("with an Id of a letter that none has", ["a b"], "InvalidBatchEntryId"),
            ("with an Id of 81 letters", ["a" * 81], "InvalidBatchEntryId"),
            ("with an Id of 80 letters", ["a_-" + "a" * 77], "ok"),
        )
    ]


ONE = {"Id": "one", "MessageBody": "a"}
CASES = [
    *_batches(),
    _send("a message", "ok"),
    _send("a message without a body", "MissingParameter", MessageBody=""),
    _send("a message of a mebibyte", "ok", MessageBody="a" * MIB),
    _send("a message larger than a mebibyte", "InvalidParameterValue", MessageBody="a" * (MIB + 1)),
    _send("a message whose bytes are more than its letters", "InvalidParameterValue", MessageBody="é" * (MIB // 2 + 1)),
    _send("a message with NUL", "InvalidMessageContents", MessageBody="a\0b"),
    _send("a message with U+FFFE", "InvalidMessageContents", MessageBody="a\ufffe"),
    _send("a message with line breaks and beyond 16 bits", "ok", MessageBody="\t\r\n\U0001f600"),
    _send("ten attributes", "ok", MessageAttributes={f"a{n}": _text("String", "x") for n in range(10)}),
    _send(
        "eleven attributes",
        "InvalidParameterValue",
        MessageAttributes={f"a{n}": _text("String", "x") for n in range(11)},
    ),
    _send("an attribute of AWS's", "InvalidParameterValue", MessageAttributes={"AWS.x": _text("String", "x")}),
    _send("an attribute with two dots", "InvalidParameterValue", MessageAttributes={"a..x": _text("String", "x")}),
    _send("an attribute with a blank", "InvalidParameterValue", MessageAttributes={"a x": _text("String", "x")}),
    _send("an empty attribute", "InvalidParameterValue", MessageAttributes={"a": _text("String", "")}),
    _send("an attribute of no type", "InvalidParameterValue", MessageAttributes={"a": _text("Text", "x")}),
    _send("an attribute of a type of one's own", "ok", MessageAttributes={"a": _text("Number.float", "1.5")}),
    _send("a number that is none", "InvalidParameterValue", MessageAttributes={"a": _text("Number", "x")}),
    _send("a delay that is too long", "InvalidParameterValue", DelaySeconds=901),
    _send("a group on a standard queue", "ok", MessageGroupId="g"),
    _send("a deduplication id on a standard queue", "InvalidParameterValue", MessageDeduplicationId="d"),
    _send("a FIFO message", "ok", queue="FIFO", MessageGroupId="g", MessageDeduplicationId="!d~"),
    _send("a FIFO message without a group", "MissingParameter", queue="FIFO", MessageDeduplicationId="d1"),
    _send("a FIFO message without a deduplication id", "InvalidParameterValue", queue="FIFO", MessageGroupId="g"),
    _send(
        "a group of 129 letters",
        "InvalidParameterValue",
        queue="FIFO",
        MessageGroupId="g" * 129,
        MessageDeduplicationId="d2",
    ),
    _send(
        "a group with a blank", "InvalidParameterValue", queue="FIFO", MessageGroupId="a b", MessageDeduplicationId="d3"
    ),
    _send(
        "a deduplication id with é",
        "InvalidParameterValue",
        queue="FIFO",
        MessageGroupId="g",
        MessageDeduplicationId="é",
    ),
    _send("to a queue that is not there", "NonExistentQueue", queue="QUEUE-none"),
    _sqs(
        "a batch larger than a mebibyte",
        "send_message_batch",
        "SendMessageBatch",
        "BatchRequestTooLong",
        Entries=[{"Id": id_, "MessageBody": "a" * (MIB // 2 + 1)} for id_ in "ab"],
    ),
    _sqs(
        "a batch with one message that is wrong",
        "send_message_batch",
        "SendMessageBatch",
        "entry InvalidParameterValue",
        Entries=[ONE, {"Id": "two", "MessageBody": "a", "DelaySeconds": 901}],
    ),
    _sqs("eleven at once", "receive_message", "ReceiveMessage", "InvalidParameterValue", MaxNumberOfMessages=11),
    _sqs("none at once", "receive_message", "ReceiveMessage", "InvalidParameterValue", MaxNumberOfMessages=0),
    _sqs("a wait of 21 s", "receive_message", "ReceiveMessage", "InvalidParameterValue", WaitTimeSeconds=21),
    _sqs(
        "a receive for 43201 s", "receive_message", "ReceiveMessage", "InvalidParameterValue", VisibilityTimeout=43_201
    ),
    *(
        _sqs(
            f"to hide {what}",
            "change_message_visibility",
            "ChangeMessageVisibility",
            outcome,
            ReceiptHandle=handle,
            VisibilityTimeout=seconds,
        )
        for what, handle, seconds, outcome in (
            ("for 43201 s", "HANDLE", 43_201, "InvalidParameterValue"),
            ("for less than nothing", "HANDLE", -1, "InvalidParameterValue"),
            ("what is no handle", "no handle", 9, "ReceiptHandleIsInvalid"),
            ("what is visible", "OLD", 9, "MessageNotInflight"),
            ("a message for a while", "HANDLE", 9, "ok"),
        )
    ),
    _sqs("to delete what is no handle", "delete_message", "DeleteMessage", "ReceiptHandleIsInvalid", ReceiptHandle="x"),
    _sqs("to delete a message", "delete_message", "DeleteMessage", "ok", ReceiptHandle="HANDLE"),
]

KEY = {"id": {"S": "there"}}
NUMBER = {":n": {"N": "1"}}
PUT = "APIReference/API_PutItem.html"
UPDATE = "developerguide/Expressions.UpdateExpressions.html"
PLACEHOLDERS = "developerguide/Expressions.ExpressionAttributeValues.html"


def _dynamodb(name: str, method: str, page: str, outcome: str, **asked: Any) -> Case:
    named = asked if "RequestItems" in asked or "TransactItems" in asked else {"TableName": "things", **asked}
    return Case(name, "dynamodb", method, named, outcome, DYNAMODB + page)


def _update(name: str, outcome: str, change: str, page: str = UPDATE, **asked: Any) -> Case:
    return _dynamodb(name, "update_item", page, outcome, **({"Key": KEY, "UpdateExpression": change} | asked))


def _put(name: str, outcome: str, page: str = PUT, **asked: Any) -> Case:
    return _dynamodb(name, "put_item", page, outcome, **({"Item": KEY} | asked))


def _transact(name: str, outcome: str, *puts: dict[str, Any]) -> Case:
    items = [{"Put": {"TableName": "things", **put}} for put in puts]
    page = "APIReference/API_TransactWriteItems.html"
    return _dynamodb(name, "transact_write_items", page, outcome, TransactItems=items)


NEW = "attribute_not_exists(id)"
CASES += [
    _put("an item that is there already", "ConditionalCheckFailedException", ConditionExpression=NEW),
    _put("an item of more than 400 KB", "ValidationException", Item={**KEY, "a": {"S": "a" * 400 * 1024}}),
    _put("an item without its key", "ValidationException", Item={"a": {"S": "a"}}),
    _put("an item whose key is a number", "ValidationException", Item={"id": {"N": "1"}}),
    _put("an item whose key is empty", "ValidationException", Item={"id": {"S": ""}}),
    _put("an item with an empty text", "ok", Item={**KEY, "a": {"S": ""}}),
    _put("an item with an empty set", "ValidationException", Item={**KEY, "a": {"SS": []}}),
    _put("an item with a set of one text twice", "ValidationException", Item={**KEY, "a": {"SS": ["b", "b"]}}),
    _put("an item with a number that is none", "ValidationException", Item={**KEY, "a": {"N": "x"}}),
    _put("an item with a number of 39 digits", "ValidationException", Item={**KEY, "a": {"N": "1" * 39}}),
    _dynamodb("an item in no table", "put_item", PUT, "ResourceNotFoundException", TableName="none", Item=KEY),
    _update("a change", "ok", "SET a = :n", ExpressionAttributeValues=NUMBER),
    _update("a value that is missing", "ValidationException", "SET a = :n", PLACEHOLDERS),
    _update(
        "a value that nobody uses",
        "ValidationException",
        "SET a = :n",
        PLACEHOLDERS,
        ExpressionAttributeValues=NUMBER | {":m": {"N": "2"}},
    ),
    _update("no values, said", "ValidationException", "REMOVE a", PLACEHOLDERS, ExpressionAttributeValues={}),
    _update(
        "a name that nobody uses",
        "ValidationException",
        "SET a = :n",
        "developerguide/Expressions.ExpressionAttributeNames.html",
        ExpressionAttributeNames={"#a": "a"},
        ExpressionAttributeValues=NUMBER,
    ),
    _update(
        "a reserved word",
        "ValidationException",
        "SET status = :n",
        "developerguide/ReservedWords.html",
        ExpressionAttributeValues=NUMBER,
    ),
    _update("a change of the key", "ValidationException", "SET id = :n", ExpressionAttributeValues={":n": {"S": "x"}}),
    _update("one attribute twice", "ValidationException", "SET a = :n REMOVE a", ExpressionAttributeValues=NUMBER),
    _update("a clause twice", "ValidationException", "SET a = :n SET b = :n", ExpressionAttributeValues=NUMBER),
    _update("no change", "ValidationException", ""),
    _update("a value of what is missing", "ValidationException", "SET a = none + :n", ExpressionAttributeValues=NUMBER),
    _update(
        "a condition that does not hold",
        "ConditionalCheckFailedException",
        "SET a = :n",
        ConditionExpression=NEW,
        ExpressionAttributeValues=NUMBER,
    ),
    _transact("a transaction", "ok", {"Item": {"id": {"S": "1"}}}, {"Item": {"id": {"S": "2"}}}),
    _transact("one item twice in a transaction", "ValidationException", {"Item": KEY}, {"Item": KEY}),
    _transact(
        "a transaction whose condition does not hold",
        "TransactionCanceledException",
        {"Item": {"id": {"S": "3"}}},
        {"Item": KEY, "ConditionExpression": NEW},
    ),
    _transact("101 in a transaction", "ValidationException", *({"Item": {"id": {"S": str(n)}}} for n in range(101))),
    *(
        _dynamodb(
            name,
            "batch_get_item",
            "APIReference/API_BatchGetItem.html",
            "ValidationException",
            RequestItems={"things": {"Keys": keys}},
        )
        for name, keys in (
            ("one item twice in a read", [KEY, KEY]),
            ("101 in a read", [{"id": {"S": str(number)}} for number in range(101)]),
        )
    ),
]

FIELDS = {"Source": "s", "DetailType": "T", "Detail": "{}"}


def _put_events(name: str, outcome: str, *entries: dict[str, str], page: str = "PutEvents") -> Case:
    return Case(name, "events", "put_events", {"Entries": list(entries)}, outcome, f"{EVENTS}{page}.html")


CASES += [
    _put_events("ten events", "ok", *[FIELDS] * 10),
    _put_events("eleven events", "ValidationException", *[FIELDS] * 11),
    _put_events(
        "events of more than a mebibyte", "ValidationException", FIELDS | {"Detail": f'{{"a": "{"a" * MIB}"}}'}
    ),
    *(
        _put_events(f"an event {name}", f"entry {code}", FIELDS, entry, page="PutEventsResultEntry")
        for name, code, entry in (
            ("without a source", "InvalidArgument", {"DetailType": "T", "Detail": "{}"}),
            ("without a type", "InvalidArgument", {"Source": "s", "Detail": "{}"}),
            ("without a detail", "InvalidArgument", {"Source": "s", "DetailType": "T"}),
            ("whose detail is no JSON", "MalformedDetail", FIELDS | {"Detail": "no"}),
            ("of AWS's", "NotAuthorizedForSourceException", FIELDS | {"Source": "aws.sqs"}),
        )
    ),
]

MAIL = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}}


def _mail(name: str, outcome: str, **asked: Any) -> Case:
    whole = {"FromEmailAddress": "a@example.com", "Destination": {"ToAddresses": ["b@example.com"]}, "Content": MAIL}
    return Case(name, "sesv2", "send_email", whole | asked, outcome, SES)


CASES += [
    _mail("a mail", "ok"),
    _mail("a mail to nobody", "BadRequestException", Destination={}),
    _mail("a mail to 51", "MessageRejected", Destination={"ToAddresses": ["b@example.com"] * 51}),
    _mail(
        "a mail with a header of its own", "BadRequestException", Destination={"ToAddresses": ["b@example.com\nBcc: c"]}
    ),
    _mail("a mail without content", "BadRequestException", Content={}),
]
