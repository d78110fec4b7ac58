"""What the roles of the templates may do, with every name resolved, and whether that lets a request through.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacks.invariants.access import grants
from stacks.invariants.assembly import Assembly, Resource, listed, text

REGION, ACCOUNT = "eu-central-1", "000000000000"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::Events::ApiDestination": "events:{region}:{account}:api-destination/{name}/made-up",
}
"""What `Fn::GetAtt … Arn` is of a resource with a fixed name."""


def arn(rest: str, **more: str) -> str:
    """An ARN of this account and region."""
    return f"arn:aws:{rest}".format(region=REGION, account=ACCOUNT, **more)


@dataclass(frozen=True)
class Request:
    """What somebody does with a role. `context` are the condition keys that go with it."""

    role: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Granted:
    """One action of one statement of a role, on any of its resources, where each condition's key has one of its values.

    `at` is where it stands: template and policy.
    """

    role: str
    action: str
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    at: tuple[str, str] = field(default=("", ""), compare=False)

    def lets(self, request: Request) -> bool:
        """Whether the request is allowed by this."""
        return (
            (self.role, self.action.lower()) == (request.role, request.action.lower())
            and any(like(pattern, request.resource) for pattern in self.resources)
            and all(
                any(like(pattern, dict(request.context).get(key, "")) for pattern in patterns)
                for key, patterns in self.conditions
            )
        )


def like(pattern: str, name: str) -> bool:
    """Whether IAM takes the name for one of the pattern, in which `*` is any text and `?` any character."""
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, name) is not None


def granted(assembly: Assembly) -> list[Granted]:
    """Every action that some role of the templates is allowed, statement by statement."""
    return list(_granted(assembly))


def _granted(assembly: Assembly) -> Iterator[Granted]:
    for holder, statement in grants(assembly):
        if statement["Effect"] != "Allow":
            continue
        for role in _roles(assembly, holder):
            for action in map(text, listed(statement["Action"])):
                yield Granted(
                    role,
                    action,
                    tuple(resolved(assembly, holder, value) for value in listed(statement["Resource"])),
                    tuple(_conditions(assembly, holder, statement)),
                    (holder.template, holder.logical_id),
                )


def _roles(assembly: Assembly, holder: Resource) -> list[str]:
    if holder.kind == "AWS::IAM::Role":
        return [named(assembly, holder)]
    found = [assembly.target(holder, role, "AWS::IAM::Role") for role in holder.properties["Roles"]]
    return [named(assembly, role) for role in found if role is not None]


def named(assembly: Assembly, role: Resource) -> str:
    """What a role is called here: the name of the function that has it, else its own without the region, else where it
    stands."""
    for function in assembly.of("AWS::Lambda::Function"):
        if assembly.target(function, function.properties["Role"], "AWS::IAM::Role") is role:
            return str(function.name)
    if "RoleName" in role.properties:
        return resolved(assembly, role, role.properties["RoleName"]).removesuffix(f"-{REGION}")
    return f"{role.template}/{role.logical_id}"


def _conditions(
    assembly: Assembly, holder: Resource, statement: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for operator, keys in (statement.get("Condition") or {}).items():
        known = ("ArnLike", "StringEquals", "ForAllValues:StringEquals")  # a request here has one value of each key
        assert operator in known, f"there is no model of {operator}; add it"
        for key, values in keys.items():
            yield key, tuple(resolved(assembly, holder, value) for value in listed(values))


def resolved(assembly: Assembly, origin: Resource, value: Any) -> str:
    """A value of the templates as it is once it is deployed. Raises `LookupError` for what nobody can tell."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(resolved(assembly, origin, part) for part in parts)
        case {"Ref": name} if name in PSEUDO:
            return PSEUDO[name]
        case {"Fn::GetAtt": [_, "Arn"]}:
            target = assembly.target(origin, value, "")
            if target is not None and target.kind in ARNS and target.name:
                return arn(ARNS[target.kind], name=target.name)
    raise LookupError(f"{origin.logical_id}: nothing is known of {value}; add it to granted.py")


def missing(requests: Iterable[Request], allowed: Iterable[Granted]) -> list[Request]:
    """What is not allowed of the requests."""
    by_role: dict[tuple[str, str], list[Granted]] = {}
    for each in allowed:
        by_role.setdefault((each.role, each.action.lower()), []).append(each)
    return [
        request
        for request in requests
        if not any(each.lets(request) for each in by_role.get((request.role, request.action.lower()), ()))
    ]
