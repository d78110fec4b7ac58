"""What a call to AWS needs of the role that makes it, and what the map allows a consumer's role.

As IAM judges it: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from stacks import names
from stacks.entry import Consumer

# Where IAM's word is not the one that signs or the one that is called.
PREFIXES = {"monitoring": "cloudwatch"}
CALLED = {
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "bedrock:Converse": ("bedrock:InvokeModel",),
    "bedrock:ConverseStream": ("bedrock:InvokeModelWithResponseStream",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    **dict.fromkeys(("s3:ListObjects", "s3:ListObjectsV2", "s3:HeadBucket"), ("s3:ListBucket",)),
    **dict.fromkeys(
        ("s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload", "s3:UploadPartCopy"),
        ("s3:PutObject",),
    ),
}
PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
STATEMENT = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE)\b(?:.*?\b(?:FROM|INTO)\b)?\s*\"?([\w.-]+)(?:\"\.\"([\w.-]+))?", re.I | re.S
)
SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")
"""What Secrets Manager adds to a secret's name in its ARN.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html"""


@dataclass(frozen=True)
class Need:
    """An action, and the name of what it is done with: a table, a queue, a bus, a secret; empty where it has none.

    An index is named as in its ARN: `tickets/index/by-mail`.
    """

    action: str
    name: str = ""


def needs(service: str, operation: str, asked: Mapping[str, Any]) -> Iterator[Need]:
    """What the call needs. `service` is the name that it signs with, `asked` botocore's parameters of the call."""
    prefix = PREFIXES.get(service, service)
    match prefix:
        case "dynamodb":
            yield from (Need(f"dynamodb:{action}", _table(table)) for action, table in _items(operation, asked))
        case "sqs":
            yield Need(
                f"sqs:{operation.removesuffix('Batch')}", _last(asked.get("QueueUrl") or asked.get("QueueName", ""))
            )
        case "events" if operation == "PutEvents":
            for bus in dict.fromkeys(entry.get("EventBusName", "default") for entry in asked["Entries"]):
                yield Need("events:PutEvents", _last(bus))
        case "secretsmanager":
            _, by_arn, name = asked.get("SecretId", "").rpartition(":secret:")
            yield Need(f"secretsmanager:{operation}", SUFFIX.sub("", name) if by_arn else name)
        case _:
            for action in CALLED.get(f"{prefix}:{operation}", (f"{prefix}:{operation}",)):
                yield Need(action)


def _items(operation: str, asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions of a call to DynamoDB, each with its table. A transaction needs those of its parts.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    match operation:
        case "TransactWriteItems" | "TransactGetItems":
            parts = [next(iter(part.items())) for part in asked["TransactItems"]]
            yield from ((PARTS.get(kind, "GetItem"), part["TableName"]) for kind, part in parts)
        case "BatchGetItem" | "BatchWriteItem":
            yield from ((operation, table) for table in asked["RequestItems"])
        case "ExecuteStatement":
            yield _statement(asked["Statement"])
        case "BatchExecuteStatement" | "ExecuteTransaction":
            every = asked.get("Statements") or asked.get("TransactStatements") or ()
            yield from (_statement(each["Statement"]) for each in every)
        case _:
            index = asked.get("IndexName")
            yield operation, asked.get("TableName", "") + (f"/index/{index}" if index else "")


def _statement(text: str) -> tuple[str, str]:
    found = STATEMENT.match(text)
    if not found:
        return "PartiQLSelect", ""
    return f"PartiQL{found[1].capitalize()}", found[2] + (f"/index/{found[3]}" if found[3] else "")


def _table(name: str) -> str:
    """The name of a table, or of its index, that may be written as an ARN."""
    return name.rpartition(":table/")[2]


def _last(name: str) -> str:
    """The name that an ARN or a URL ends with."""
    return re.split("[:/]", name)[-1]


def allowed(need: Need, consumer: Consumer, stage: str) -> bool:
    """Whether the consumer's entry in the map allows it.

    A grant counts whatever its resources are, but for tables, queues, buses and secrets, whose names calls say.
    """
    prefix, _, action = need.action.partition(":")
    word = need.name.removeprefix(names.resource(stage, ""))
    granted = any(
        need.action.lower() in map(str.lower, grant.actions)
        and (
            not need.name or any(_stands_for(resource.replace("{stage}", stage), need) for resource in grant.resources)
        )
        for grant in consumer.grants
    )
    match prefix:
        case "dynamodb":
            own = any(access.table == word and action in access.actions for access in consumer.access)
        case "secretsmanager":
            own = action == "GetSecretValue" and word in consumer.secrets
        case "events":
            own = action == "PutEvents" and word == names.BUS and bool(consumer.publishes)
        case "ses":
            own = action == "SendEmail" and consumer.sends_email
        case _:
            own = False
    return own or granted


def _stands_for(resource: str, need: Need) -> bool:
    if ":table/" in resource:
        return fnmatchcase(need.name, _table(resource))
    if ":secret:" not in resource:
        return fnmatchcase(need.name, _last(resource))
    granted = resource.rpartition(":secret:")[2]
    suffix = SUFFIX.search(granted)
    return fnmatchcase(need.name + (suffix[0] if suffix else "-AbCdEf"), granted)


def entry_to_change(need: Need, consumer: Consumer, stage: str) -> str:
    """What the map would have to say for it, as a person writes it."""
    prefix, _, action = need.action.partition(":")
    word = need.name.removeprefix(names.resource(stage, ""))
    ours = need.name.startswith(names.resource(stage, "")) and "/index/" not in need.name
    match prefix:
        case "dynamodb" | "secretsmanager" if not ours:
            change = f'a Grant(actions=("{need.action}",), …) on {need.name}'
        case "dynamodb":
            change = f'{action} to its Access(table="{word}")'
        case "secretsmanager":
            change = f'"{word}" to its secrets'
        case "events":
            change = "the event to its publishes"
        case "ses":
            change = "sends_email=True"
        case _:
            change = f'a Grant(actions=("{need.action}",), …)'
    return f'Consumer(function="{consumer.function}") in stacks/topology.py does not say so; add {change}'
