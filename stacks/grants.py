"""What a grant must keep to, and what its resources are in a stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stacks import actions

if TYPE_CHECKING:
    from stacks.entry import Grant

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
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
                yield f"grant of {action} on {resource!r}: the action is not for that; name {_forms(known)}."


def _placeholders() -> str:
    return ", ".join(f"{{{name}}}" for name in ANYWHERE)


def _forms(formats: list[str]) -> str:
    return " or ".join(re.sub(r"\.\*|\[\^/\]\*", "…", each).replace("${", "{") for each in formats[:3])
