"""docs/permissions.md: who may do what, read from the templates of the last stage that cdk.json lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from documents.page import Pages
from stacks import names
from stacks.compose import compose
from stacks.entry import Topology
from stacks.invariants.access import of_roles
from stacks.invariants.assembly import Assembly, Resource, listed, statements, text
from stacks.invariants.callers import SIGNED, path
from stacks.invariants.conditions import is_anyone

HEAD = """\
# Permissions

Everything that is allowed in stage {stage}: what each role may do on what, who may take the role, whom the policies of
queues, topics, keys, functions, APIs and other resources let in, and what each route asks of its callers. Whatever is
not here is denied; queues and topics also deny whatever comes without TLS. This page is generated from the templates by
`python -m documents`: a change of a permission shows as a change here.
"""
POLICIES = {
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
    "AWS::S3::BucketPolicy": "Bucket",
}
"""Policies that are resources of their own, and what each says whose it is."""
KEY, API, METHOD = "AWS::KMS::Key", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Method"
WORDS = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Events::ApiDestination": "API destination",
    "AWS::Events::EventBus": "event-bus",
    "AWS::Lambda::Function": "function",
    "AWS::S3::Bucket": "bucket",
    API: "API",
    KEY: "key",
}
UNTYPED = {"sqs": "queue", "s3": "bucket", "sns": "topic", "execute-api": "API"}
"""Services whose ARNs do not say what they are of."""
PLAIN = {"AWS::Partition": "aws", "AWS::AccountId": "this account", "AWS::Region": "this region"}
OURS = "whom IAM lets, in this account"
TESTS = {
    **dict.fromkeys(("Bool", "StringEquals", "StringLike", "ArnEquals", "ArnLike"), "is"),
    **dict.fromkeys(("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"), "is not"),
}
TLS = {"Bool": {"aws:SecureTransport": "false"}}

Rows = Iterator[tuple[str, ...]]


def draw(assembly: Assembly, stage: str) -> str:
    """The page: the roles' permissions, their trusts, the policies of resources, and what routes ask."""
    return "\n".join(
        [
            HEAD.format(stage=stage),
            "## What roles may do\n",
            *_table(("role", "resource", "actions", "if"), _roles(assembly)),
            "\n## Who may take a role\n",
            *_table(("role", "service", "if"), _trusts(assembly)),
            "\n## Whom resources let in\n",
            *_table(("resource", "who", "actions", "if"), _policies(assembly)),
            "\n## What routes ask of their callers\n",
            *_table(("route", "asks for"), _asked(assembly)),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Rows) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *sorted(set(rows))):
        yield f"| {' | '.join(row)} |"


def _roles(assembly: Assembly) -> Rows:
    for holder, statement in of_roles(assembly):
        roles = [assembly.target(holder, role, "AWS::IAM::Role") for role in holder.properties.get("Roles", [])]
        for role in roles or [holder]:
            condition = _condition(assembly, holder, statement)
            for resource in listed(statement.get("Resource")):
                yield _role(role), _plain(assembly, holder, resource), _actions(statement), condition


def _trusts(assembly: Assembly) -> Rows:
    for role in assembly.of("AWS::IAM::Role"):
        for statement in statements(role.properties["AssumeRolePolicyDocument"]):
            who = _who(assembly, role, statement["Principal"])
            yield _role(role), who, _condition(assembly, role, statement)


def _policies(assembly: Assembly) -> Rows:
    for holder, name, statement in _let_in(assembly):
        if statement["Effect"] == "Allow" or statement.get("Condition") != TLS:
            who = _who(assembly, holder, statement.get("Principal"))
            yield name, who, _actions(statement), _condition(assembly, holder, statement)
    for permission in assembly.of("AWS::Lambda::Permission"):
        said = permission.properties
        sources = {f"aws:{name}": said[name] for name in ("SourceArn", "SourceAccount") if name in said}
        condition = _condition(assembly, permission, {"Condition": {"StringEquals": sources}})
        who = _who(assembly, permission, said["Principal"])
        yield _plain(assembly, permission, said["FunctionName"]), who, text(said["Action"]), condition


def _let_in(assembly: Assembly) -> Iterator[tuple[Resource, str, Mapping[str, Any]]]:
    """Every statement of a resource's policy: who holds it, what it is for, and what it says."""
    for kind, key in POLICIES.items():
        for policy in assembly.of(kind):
            for value in listed(policy.properties.get(key)):
                for statement in statements(policy.properties.get("PolicyDocument")):
                    yield policy, _plain(assembly, policy, value), statement
    for policy in assembly.of("AWS::Events::EventBusPolicy"):
        name = f"event-bus {_written(assembly, policy, policy.properties.get('EventBusName', 'default'))}"
        yield policy, name, {"Effect": "Allow", **(policy.properties.get("Statement") or policy.properties)}
    for key_ in assembly.of(KEY):
        yield from ((key_, _called(assembly, key_), each) for each in statements(key_.properties.get("KeyPolicy")))
    for api in assembly.of(API):
        for statement in statements(api.properties.get("Policy")):
            for resource in listed(statement.get("Resource")):
                path = re.sub("^[^/]*", "", _written(assembly, api, resource))
                yield api, _called(assembly, api) + path, statement


def _asked(assembly: Assembly) -> Rows:
    for method in assembly.of(METHOD):
        said = method.properties
        integration = said.get("Integration", {})
        templates = [text(each) for each in integration.get("RequestTemplates", {}).values()]
        if said.get("AuthorizationType") == "AWS_IAM":
            asked = "a signature of an AWS identity, which IAM lets call it"
        elif said.get("AuthorizationType") == "CUSTOM":
            asked = f"a token, which {_written(assembly, method, said['AuthorizerId'])} lets in"
        elif said.get("ApiKeyRequired"):
            asked = "an API key of the stage's usage plan"
        elif integration.get("Type") == "MOCK":
            asked = "nothing; there is nothing behind it"
        else:
            signed = templates and all(SIGNED in each for each in templates)
            asked = "a sender's signature, which the consumer checks" if signed else "nothing"
        yield f"{said['HttpMethod']} {path(assembly, method)}", asked


def _role(role: Resource | None) -> str:
    assert role is not None
    description = text(role.properties.get("Description", role.logical_id))
    for reference, word in PLAIN.items():
        description = description.replace(f"${{{reference}}}", word)
    return description.removeprefix("What ").removesuffix(" may do.")


def _actions(statement: Mapping[str, Any]) -> str:
    denied = "never " if statement.get("Effect") == "Deny" else ""
    return denied + ", ".join(sorted(map(text, listed(statement.get("Action")))))


def _who(assembly: Assembly, origin: Resource, principal: Any) -> str:
    if is_anyone(principal):
        return "anyone"
    named = (
        [each for values in principal.values() for each in listed(values)]
        if isinstance(principal, Mapping)
        else [principal]
    )
    written = [_written(assembly, origin, each) for each in named]
    return ", ".join(OURS if each.endswith("this account:root") else each for each in written)


def _condition(assembly: Assembly, origin: Resource, statement: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{key} {TESTS.get(test, test)} {' or '.join(_plain(assembly, origin, value) for value in listed(values))}"
        for test, keys in (statement.get("Condition") or {}).items()
        for key, values in sorted(keys.items())
    )


def _called(assembly: Assembly, resource: Resource) -> str:
    """A resource as a person calls it: what it is, and its name, or its alias."""
    name = resource.name
    if resource.kind == KEY:
        aliases = [
            each for each in assembly.of("AWS::KMS::Alias") if _target(assembly, each, "TargetKeyId") is resource
        ]
        name = next((text(each.properties["AliasName"]).removeprefix("alias/") for each in aliases), name)
    return f"{WORDS.get(resource.kind, resource.kind)} {name or resource.logical_id}"


def _target(assembly: Assembly, origin: Resource, key: str) -> Resource | None:
    return assembly.target(origin, origin.properties.get(key), "")


def _written(assembly: Assembly, origin: Resource, value: Any) -> str:
    """A value as text, the names of resources in the place of references."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_written(assembly, origin, part) for part in parts)
        case {"Ref": str() as name} if name in PLAIN:
            return PLAIN[name]
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
            target = assembly.target(origin, value, "")
            return target.name or _called(assembly, target) if target else text(value)
    return text(value)


def _plain(assembly: Assembly, origin: Resource, value: Any) -> str:
    """What a value names as a person calls it: what it is and its name, references resolved."""
    target = assembly.target(origin, value, "") if isinstance(value, Mapping) else None
    if target is not None:
        return _called(assembly, target)
    written = _written(assembly, origin, value)
    service, name = written.split(":", 5)[2::3] if written.startswith("arn:") else ("", written)
    if service in UNTYPED:
        return f"{UNTYPED[service]} {name}"
    kind, _, word = re.sub("[:/]", " ", name, count=1).partition(" ")
    return f"{kind} {word}".strip() if word else name


def synthesized(stage: str, topology: Topology, folder: Path) -> Assembly:
    """The templates of that stage for any account, made in the folder without bundling anything."""
    for name in ("CDK_DEFAULT_ACCOUNT", "CDK_DEFAULT_REGION"):
        os.environ.pop(name, None)
    app = App(context={**names.CONTEXT, "stage": stage, "aws:cdk:bundling-stacks": []}, outdir=str(folder))
    compose(app, topology)
    app.synth()
    return Assembly.read(map(str, sorted(folder.glob("*.template.json"))))


def pages(topology: Topology, root: Path) -> Pages:
    """The page, of the last stage that cdk.json lists."""
    stage = names.STAGES[-1]
    with TemporaryDirectory() as folder:
        return {root / "docs" / "permissions.md": draw(synthesized(stage, topology, Path(folder)), stage)}
