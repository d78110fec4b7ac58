"""What a grant must keep to, and what its resources are in a stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stacks import actions, names

if TYPE_CHECKING:
    from stacks.entry import Grant

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
SECRET = re.compile(r":secret:.*(\*|-\?{6}|-[A-Za-z0-9]{6})$")
"""A secret's ARN as Secrets Manager completes it.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html"""
OWN = {
    ":table/": "write Access(table=…, actions=…) in access, or subscribe to the events of the integration that owns it",
    ":secret:": "name it in secrets",
    ":event-bus/": "name the events in publishes",
}
"""What a consumer's other fields grant, and how."""
ANYWHERE = {"stage": "prod", "partition": "aws", "region": "eu-central-1", "account": "111122223333"}
"""What the placeholders stand for, as an example."""


def filled(resource: str, *, stage: str, partition: str, region: str, account: str) -> str:
    """The resource with its placeholders filled in. Raises `KeyError` for one that there is not."""
    known = {"stage": stage, "partition": partition, "region": region, "account": account}
    return PLACEHOLDER.sub(lambda found: known[found[1]], resource)


def refusals(grants: Iterable[Grant]) -> Iterator[str]:
    """What is wrong with the grants, one sentence each, without the consumer's name."""
    for grant in grants:
        yield from _actions(grant)
        yield from _resources(grant)


def _actions(grant: Grant) -> Iterator[str]:
    if not grant.actions or not grant.resources:
        yield f"grant of {', '.join(grant.actions) or 'nothing'}: it names no {_missing(grant)}; name some, or drop it."
    for action in grant.actions:
        if ":" not in action:
            yield f"grant of {action!r}: an action begins with its service, such as s3:GetObject; write it in full."
        elif "*" in action or "?" in action:
            yield f"grant of {action!r}: it stands for more than the code calls; list the actions one by one."
        elif action.lower().startswith("iam:") and action.lower() != "iam:passrole":
            yield f"grant of {action!r}: who may do what is not for a function to change; drop it."
        elif not actions.exists(action):
            near = actions.nearest(action)
            yield f"grant of {action!r}: IAM knows no such action; " + (f"write {near}." if near else "correct it.")


def _missing(grant: Grant) -> str:
    return "resource" if grant.actions else "action"


def _resources(grant: Grant) -> Iterator[str]:
    for resource in grant.resources:
        unknown = [name for name in PLACEHOLDER.findall(resource) if name not in ANYWHERE]
        if unknown:
            yield f"grant on {resource!r}: nothing stands for {{{unknown[0]}}}; it may say {_placeholders()}."
            continue
        example = filled(resource, **ANYWHERE)
        for action in grant.actions:
            known = actions.formats(action)
            if not known and example != "*":
                yield f"grant of {action} on {resource!r}: AWS knows no resource for that action; write '*', alone."
            elif known and actions.names_nothing(action, example):
                yield f"grant of {action} on {resource!r}: that is all there are; name the ones that it needs."
            elif known and not actions.fits(action, example):
                yield f"grant of {action} on {resource!r}: the action is not for that; name {_forms(action, example)}."
            elif own := _own(resource):
                yield f"grant of {action} on {resource!r}: that is this project's own; {own} instead."
            elif ":secret:" in example and not SECRET.search(example):
                yield (
                    f"grant of {action} on {resource!r}: Secrets Manager adds a hyphen and six characters to a name; "
                    f"write {resource}-??????."
                )


def _placeholders() -> str:
    return ", ".join(f"{{{name}}}" for name in ANYWHERE)


def _forms(action: str, resource: str) -> str:
    forms = [re.sub(r"\.\*|\[\^/\]\*", "…", each).replace("${", "{") for each in actions.forms(action, resource)]
    return " or ".join([*forms, *(["'*', alone"] if actions.is_without_resource(action) else [])])


def _own(resource: str) -> str | None:
    """What to write in place of a grant on a table, a secret or the bus of the map, as far as a wildcard tells."""
    for kind, instead in OWN.items():
        _, there, name = resource.partition(kind)
        head = re.split(r"[*?]", name)[0]
        for stage in ("{stage}", *names.STAGES):
            prefix = names.resource(stage, "")
            if there and (head.startswith(prefix) or (head != name and prefix.startswith(head))):
                return instead
    return None
