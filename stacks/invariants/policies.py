"""Where policies stand: which kinds of resource hold them, and in which property."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.invariants.assembly import Assembly, Resource, listed, statements, text

IDENTITY = {
    **dict.fromkeys((f"AWS::IAM::{each}Policy" for each in ("", "Managed", "Role", "User", "Group")), "PolicyDocument"),
    **dict.fromkeys((f"AWS::IAM::{each}" for each in ("Role", "User", "Group")), "Policies.PolicyDocument"),
}
"""What an identity may do, and where it stands."""
RESOURCE = {
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::SQS::QueueInlinePolicy": ("PolicyDocument", "Queue"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SNS::TopicInlinePolicy": ("PolicyDocument", "TopicArn"),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy", "SecretId"),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument", "PolicyName"),
    "AWS::Logs::LogGroup": ("ResourcePolicyDocument", None),
    "AWS::DynamoDB::Table": ("ResourcePolicy.PolicyDocument", None),
    "AWS::DynamoDB::GlobalTable": ("Replicas.ResourcePolicy.PolicyDocument", None),
    "AWS::Events::EventBus": ("Policy", None),
    "AWS::KMS::Key": ("KeyPolicy", None),
    "AWS::KMS::ReplicaKey": ("KeyPolicy", None),
    "AWS::ApiGateway::RestApi": ("Policy", None),
}
"""Whom a resource lets in: where it stands, and the property that says whose it is, None where it is the holder's."""
TRUST = ("AWS::IAM::Role", "AssumeRolePolicyDocument")
BUS = "AWS::Events::EventBusPolicy"
"""Holds one statement, or by an older form what would be in it."""


@dataclass(frozen=True)
class Held:
    """A statement of a policy, and the resource that holds it."""

    holder: Resource
    of: Any
    """What it is the policy of, as the holder says it; None where that is the holder."""
    statement: Mapping[str, Any]


def of_identities(assembly: Assembly) -> Iterator[Held]:
    """Every statement of what a role, a user or a group may do."""
    for kind, place in IDENTITY.items():
        for holder in assembly.of(kind):
            for document in _documents(holder.properties, place):
                yield from (Held(holder, None, each) for each in _statements(document))


def of_resources(assembly: Assembly, *kinds: str) -> Iterator[Held]:
    """Every statement of whom resources let in, or of those kinds of holders only."""
    for kind, (place, key) in RESOURCE.items():
        if kinds and kind not in kinds:
            continue
        for holder in assembly.of(kind):
            for document in _documents(holder.properties, place):
                for statement in _statements(document):
                    for of in [None] if key is None else listed(holder.properties.get(key)) or [None]:
                        yield Held(holder, of, statement)
    if not kinds or BUS in kinds:
        yield from _of_buses(assembly)


def of_trusts(assembly: Assembly) -> Iterator[Held]:
    """Every statement of who may take a role."""
    kind, place = TRUST
    for role in assembly.of(kind):
        yield from (Held(role, None, each) for each in _statements(role.properties.get(place)))


def everywhere(assembly: Assembly) -> Iterator[Held]:
    """Every statement of every policy, also of those that stand where none is known to."""
    for resource in assembly:
        yield from (Held(resource, None, each) for each in likely(resource.properties))


def likely(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every statement in a value, wherever it stands: what has an effect, and what it is on."""
    if isinstance(value, str) or (isinstance(value, Mapping) and "Fn::Join" in value):
        written = text(value)
        # JSON, in which there may be JSON again: a custom resource says so what it calls.
        value = _loaded(written) if "Effect" in written and written.lstrip()[:1] in ("{", "[") else None
    if isinstance(value, Mapping):
        if "Effect" in value and {"Action", "NotAction"} & value.keys():
            yield value
        for inner in value.values():
            yield from likely(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from likely(inner)


def _of_buses(assembly: Assembly) -> Iterator[Held]:
    for holder in assembly.of(BUS):
        statement = holder.properties.get("Statement")
        if not isinstance(statement, Mapping):
            bound = holder.properties.get("Condition") or {}
            said = {key: holder.properties[key] for key in ("Principal", "Action") if key in holder.properties}
            condition = {"Condition": {bound["Type"]: {bound["Key"]: bound["Value"]}}} if bound else {}
            statement = {"Effect": "Allow", **said, **condition}
        yield Held(holder, holder.properties.get("EventBusName", "default"), {"Effect": "Allow", **statement})


def _documents(value: Any, place: str) -> Iterator[Any]:
    head, _, rest = place.partition(".")
    for each in listed(value):
        if isinstance(each, Mapping) and head in each:
            yield from _documents(each[head], rest) if rest else [each[head]]


def _statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a document, which may also be written as text."""
    if isinstance(document, str) or (isinstance(document, Mapping) and "Fn::Join" in document):
        document = _loaded(text(document))
    return [each for each in statements(document) if isinstance(each, Mapping)] if isinstance(document, Mapping) else []


def _loaded(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        # Nobody can say what is in it: the widest that it may be.
        return {"Statement": {"Effect": "Allow", "Principal": "*", "NotAction": "*", "NotResource": "*"}}
