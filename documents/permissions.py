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

HEAD = """\
# Permissions

Everything that is allowed in stage {stage}: what each role may do on what, who may take the role, and whom the policies
of queues, topics and other resources let in. Whatever is not here is denied; queues and topics also deny whatever comes
without TLS. This page is generated from the templates by `python -m documents`: a change of a permission shows as a
change here.
"""
POLICIES = {
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::Events::EventBusPolicy": "EventBusName",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
}
WORDS = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Events::ApiDestination": "API destination",
}
UNTYPED = {"sqs": "queue", "s3": "bucket", "sns": "topic"}
"""Services whose ARNs do not say what they are of."""
PLAIN = (("${AWS::Partition}", "aws"), ("${AWS::AccountId}", "this account"), ("${AWS::Region}", "this region"))


def draw(assembly: Assembly, stage: str) -> str:
    """The page: the roles' permissions, their trusts, and the policies of resources."""
    return "\n".join(
        [
            HEAD.format(stage=stage),
            "## What roles may do\n",
            *_table(("role", "resource", "actions", "if"), _roles(assembly)),
            "\n## Who may take a role\n",
            *_table(("role", "service", "if"), _trusts(assembly)),
            "\n## Whom resources let in\n",
            *_table(("resource", "who", "actions", "if"), _policies(assembly)),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *sorted(set(rows))):
        yield f"| {' | '.join(row)} |"


def _roles(assembly: Assembly) -> Iterator[tuple[str, ...]]:
    for holder, statement in of_roles(assembly):
        roles = [assembly.target(holder, role, "AWS::IAM::Role") for role in holder.properties.get("Roles", [])]
        for role in roles or [holder]:
            actions = ", ".join(sorted(map(text, listed(statement.get("Action")))))
            denied = "never " if statement.get("Effect") == "Deny" else ""
            condition = _condition(assembly, holder, statement)
            for resource in listed(statement.get("Resource")):
                yield _role(role), _plain(assembly, holder, resource), denied + actions, condition


def _trusts(assembly: Assembly) -> Iterator[tuple[str, ...]]:
    for role in assembly.of("AWS::IAM::Role"):
        for statement in statements(role.properties["AssumeRolePolicyDocument"]):
            principal = statement["Principal"]
            who = text(principal["Service"]) if "Service" in principal else "whom IAM lets, in this account"
            yield _role(role), who, _condition(assembly, role, statement)


def _policies(assembly: Assembly) -> Iterator[tuple[str, ...]]:
    for kind, key in POLICIES.items():
        for policy in assembly.of(kind):
            names = [_plain(assembly, policy, value) for value in listed(policy.properties.get(key))]
            for statement in statements(policy.properties.get("PolicyDocument")):
                if statement["Effect"] == "Allow":
                    principal = statement["Principal"]
                    who = text(principal) if isinstance(principal, str) else ", ".join(map(text, principal.values()))
                    actions = ", ".join(sorted(map(text, listed(statement["Action"]))))
                    condition = _condition(assembly, policy, statement)
                    yield from ((name, who, actions, condition) for name in names)


def _role(role: Resource | None) -> str:
    assert role is not None
    description = text(role.properties.get("Description", role.logical_id))
    for reference, word in PLAIN:
        description = description.replace(reference, word)
    return description.removeprefix("What ").removesuffix(" may do.")


def _condition(assembly: Assembly, origin: Resource, statement: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{key} is {' or '.join(_plain(assembly, origin, value) for value in listed(values))}"
        for keys in (statement.get("Condition") or {}).values()
        for key, values in sorted(keys.items())
    )


def _plain(assembly: Assembly, origin: Resource, value: Any) -> str:
    """A resource as a person calls it: what it is and its name, references resolved."""
    target = assembly.target(origin, value, "") if isinstance(value, Mapping) else None
    if target is not None and target.name:
        return f"{WORDS.get(target.kind, target.kind)} {target.name}"
    written = text(value)
    for reference, word in PLAIN:
        written = written.replace(reference, word)
    service, name = written.split(":", 5)[2::3] if written.startswith("arn:") else ("", written)
    kind, _, word = re.sub("[:/]", " ", name, count=1).partition(" ")
    if service in UNTYPED:
        return f"{UNTYPED[service]} {name}"
    return f"{kind} {word}" if word else name


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
