"""docs/permissions.md: who may do what, read from the templates of the last stage that cdk.json lists."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from documents.page import Pages
from stacks import names
from stacks.compose import compose
from stacks.entry import Topology
from stacks.invariants.assembly import Assembly, Resource, listed, text
from stacks.invariants.callers import SIGNED, path
from stacks.invariants.conditions import is_anyone
from stacks.invariants.policies import BUS, Held, of_identities, of_resources, of_trusts

HEAD = """\
# Permissions

Everything that is allowed in stage {stage}: what each role may do on what, who may take the role, whom the policies of
queues, topics, keys, functions, APIs and other resources let in, and what each route asks of its callers. Whatever is
not here is denied; queues and topics also deny whatever comes without TLS. This page is generated from the templates by
`python -m documents`: a change of a permission shows as a change here.
"""
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


def draw(assembly: Assembly, stage: str, kept: Sequence[tuple[str, ...]] = ()) -> str:
    """The page: the roles' permissions, their trusts, the policies of resources, what routes ask, and which findings of
    invariants are `kept`."""
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
            "\n## Which findings of invariants are acknowledged\n",
            *(_table(("resource", "rule", "because"), kept) if kept else ["None is."]),
            "",
        ]
    )


def acknowledged(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What somebody said yes to in a report of the CDK's: the resource, the rule and the reason."""
    return [
        (construct["constructPath"].removesuffix("/Resource"), each["ruleName"], each["reason"])
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == names.PROJECT
        for each in plugin.get("suppressedViolations", ())
        for construct in each["violatingConstructs"]
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *sorted(set(rows))):
        yield f"| {' | '.join(row)} |"


def _roles(assembly: Assembly) -> Rows:
    for held in of_identities(assembly):
        holder = held.holder
        said = [holder.properties.get(key) for key in ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")]
        bearers = [each for value in said for each in listed(value)] if "PolicyDocument" in holder.properties else []
        condition = _condition(assembly, holder, held.statement)
        for name in [_bearer(assembly, holder, each) for each in bearers] or [_role(holder)]:
            for resource in _on(assembly, holder, held.statement):
                yield name, resource, _actions(held.statement), condition
    for kind in ("Role", "User", "Group"):
        for holder in assembly.of(f"AWS::IAM::{kind}"):
            for arn in listed(holder.properties.get("ManagedPolicyArns")):
                # What a policy of the templates allows has rows of its own.
                yield _role(holder), "whatever it says", f"policy {_written(assembly, holder, arn)}", ""
    for key in assembly.of("AWS::IAM::AccessKey"):
        yield _written(assembly, key, key.properties.get("UserName")), "", "has an access key that lasts", ""


def _bearer(assembly: Assembly, origin: Resource, value: Any) -> str:
    """Who has a policy: a role, a user or a group of the templates, or one of that name."""
    target = assembly.target(origin, value, "AWS::IAM::Role")
    return _role(target) if target else _written(assembly, origin, value)


def _on(assembly: Assembly, origin: Resource, statement: Mapping[str, Any]) -> list[str]:
    """The resources of a statement."""
    but = [f"all but {_plain(assembly, origin, each)}" for each in listed(statement.get("NotResource"))]
    return but + [_plain(assembly, origin, each) for each in listed(statement.get("Resource"))]


def _trusts(assembly: Assembly) -> Rows:
    for held in of_trusts(assembly):
        who = _whom(assembly, held.holder, held.statement)
        denied = "never " if held.statement.get("Effect") == "Deny" else ""
        yield _role(held.holder), denied + who, _condition(assembly, held.holder, held.statement)


def _policies(assembly: Assembly) -> Rows:
    for held in of_resources(assembly):
        statement, holder = held.statement, held.holder
        if statement.get("Effect") == "Allow" or statement.get("Condition") != TLS:
            condition = _condition(assembly, holder, statement)
            for name in _doors(assembly, held):
                yield name, _whom(assembly, holder, statement), _actions(statement), condition
    for permission in assembly.of("AWS::Lambda::Permission"):
        said = permission.properties
        names = ("SourceArn", "SourceAccount", "PrincipalOrgID")
        sources = {f"aws:{name}": said[name] for name in names if name in said}
        if "FunctionUrlAuthType" in said:
            sources["lambda:FunctionUrlAuthType"] = said["FunctionUrlAuthType"]
        condition = _condition(assembly, permission, {"Condition": {"StringEquals": sources}})
        who = _who(assembly, permission, said["Principal"])
        yield _plain(assembly, permission, said["FunctionName"]), who, text(said["Action"]), condition
    for layer in assembly.of("AWS::Lambda::LayerVersionPermission"):
        said = layer.properties
        of = {"aws:PrincipalOrgID": said["OrganizationId"]} if "OrganizationId" in said else {}
        condition = _condition(assembly, layer, {"Condition": {"StringEquals": of}})
        who = _who(assembly, layer, said.get("Principal"))
        yield _plain(assembly, layer, said.get("LayerVersionArn")), who, text(said.get("Action")), condition
    for url in assembly.of("AWS::Lambda::Url"):
        asked = "whom IAM lets" if url.properties.get("AuthType") == "AWS_IAM" else "anyone"
        yield _plain(assembly, url, url.properties.get("TargetFunctionArn")), asked, "its URL", ""


def _doors(assembly: Assembly, held: Held) -> list[str]:
    """What a statement lets in to, as a person calls it."""
    holder = held.holder
    if holder.kind == BUS:
        return [f"event-bus {_written(assembly, holder, held.of)}"]
    if holder.kind == API:
        paths = (re.sub("^[^/]*", "", each) for each in _on(assembly, holder, held.statement))
        return [_called(assembly, holder) + path for path in paths]
    return [_called(assembly, holder) if held.of is None else _plain(assembly, holder, held.of)]


def _asked(assembly: Assembly) -> Rows:
    for method in assembly.of(METHOD):
        said = method.properties
        integration = said.get("Integration", {})
        templates = [text(each) for each in integration.get("RequestTemplates", {}).values()]
        if said.get("AuthorizationType") == "AWS_IAM":
            asked = "a signature of an AWS identity, which IAM lets call it"
        elif said.get("AuthorizationType") == "CUSTOM":
            asked = f"a token, which {_written(assembly, method, said['AuthorizerId'])} lets in"
        elif said.get("AuthorizationType") == "COGNITO_USER_POOLS":
            asked = "a token of a user pool"
        elif said.get("ApiKeyRequired"):
            asked = "an API key of the stage's usage plan"
        elif integration.get("Type") == "MOCK":
            asked = "nothing; there is nothing behind it"
        else:
            signed = templates and all(SIGNED in each for each in templates)
            asked = "a sender's signature, which the consumer checks" if signed else "nothing"
        yield f"{said['HttpMethod']} {path(assembly, method)}", asked


def _role(role: Resource) -> str:
    description = text(role.properties.get("Description", role.name or role.logical_id))
    for reference, word in PLAIN.items():
        description = description.replace(f"${{{reference}}}", word)
    return description.removeprefix("What ").removesuffix(" may do.")


def _actions(statement: Mapping[str, Any]) -> str:
    denied = "never " if statement.get("Effect") == "Deny" else ""
    but = [f"all but {text(each)}" for each in listed(statement.get("NotAction"))]
    return denied + ", ".join(sorted([*map(text, listed(statement.get("Action"))), *but]))


def _whom(assembly: Assembly, origin: Resource, statement: Mapping[str, Any]) -> str:
    if "NotPrincipal" in statement:
        return f"anyone but {_who(assembly, origin, statement['NotPrincipal'])}"
    return _who(assembly, origin, statement.get("Principal"))


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
    parts = written.split(":", 5)
    if len(parts) < 6 and parts[0] == "arn":
        return written
    service, name = parts[2::3] if parts[0] == "arn" else ("", written)
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
        assembly = synthesized(stage, topology, Path(folder))
        # The CDK writes one where it has something to report.
        report = Path(folder) / "validation-report.json"
        kept = acknowledged(json.loads(report.read_bytes())) if report.is_file() else []
        return {root / "docs" / "permissions.md": draw(assembly, stage, kept)}
