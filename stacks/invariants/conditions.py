"""What the policy of a resource says of whom it lets in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stacks.invariants.assembly import listed, text

# Without `IfExists` and `ForAllValues`, which are also true where the key is not there; `ForAnyValue` is false there.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
_MUST_BE = tuple(
    f"{of}{operator}"
    for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike")
    for of in ("", "ForAnyValue:")
)

SOURCE, ACCOUNT = "aws:sourcearn", "aws:sourceaccount"
OURS = {
    *(SOURCE, ACCOUNT, "aws:sourceorgid", "kms:calleraccount"),
    *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths"),
}
"""Keys that say whom a caller belongs to, and that no caller sets himself.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
_WHOLE = OURS - {SOURCE, "aws:principalarn", "aws:principalorgpaths"}
"""Those of which a part is as good as nothing, because every account has an id that begins somehow."""


ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}/")
"""How a path in one organization begins.
https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html"""


def required(statement: Mapping[str, Any]) -> set[str]:
    """The condition keys, in lower case, that must have one of some values, and not just any, for it to count."""
    return {
        key.lower()
        for operator, tests in (statement.get("Condition") or {}).items()
        if operator in _MUST_BE
        for key, values in tests.items()
        if listed(values) and all(_binds(key.lower(), text(each)) for each in listed(values))
    }


def _binds(key: str, value: str) -> bool:
    """Whether the value leaves something out that anybody could be."""
    if key in _WHOLE:
        return value != "" and not re.search(r"[*?]", value)
    if value.startswith("arn:"):
        return len(_parts(value)) == 6 and not is_everything(value)
    if key in OURS:
        return value.startswith("${") or (key == "aws:principalorgpaths" and ORGANIZATION.match(value) is not None)
    # Two levels before the first wildcard: `repo:our/*` is somebody's, `repo:*` is everybody's.
    plain = re.split(r"[*?]", value)[0]
    return value != "" and (plain == value or len(re.findall(r"[:/]", plain)) >= 2)


def is_exact(arn: str) -> bool:
    """Whether an ARN, as text, is of one account, or refers to a resource of a template, which is ours."""
    if re.match(r"\$\{(?!AWS::)", arn):
        return True
    parts = _parts(arn)
    return len(parts) == 6 and parts[4] != "" and not is_everything(arn)


def is_everything(resource: str) -> bool:
    """Whether a resource, as text, is all there is: of every service, of one, or of every account."""
    parts = _parts(resource)
    if len(parts) < 6:
        return re.search(r"[*?]", resource) is not None and (parts[0] == "arn" or not resource.strip("*?"))
    wild = re.search(r"[*?]", parts[2] + parts[4]) is not None
    return parts[0] != "arn" or wild or not parts[5].strip("*?/:")


def _parts(arn: str) -> list[str]:
    """The six parts of an ARN, references without their colons."""
    return re.sub(r"\$\{[^}]*\}", "$", arn).split(":", 5)


def is_anyone(principal: Any) -> bool:
    """Whether a principal is everyone, in whatever account."""
    values = list(principal.values()) if isinstance(principal, Mapping) and "Ref" not in principal else [principal]
    return any(re.search(r"^[*?]|\"[*?]", text(each)) for value in values for each in listed(value))


def is_foreign(principal: Any) -> bool:
    """Whether a principal is everyone or a service, which acts for every account."""
    return is_anyone(principal) or (isinstance(principal, Mapping) and "Service" in principal)


def is_open(statement: Mapping[str, Any]) -> bool:
    """Whether it lets everyone in without saying of which account or organization."""
    anyone = statement.get("Effect") == "Allow" and is_anyone(statement.get("Principal"))
    return anyone and not OURS & required(statement)


def is_unsourced(statement: Mapping[str, Any]) -> bool:
    """Whether it lets a service or everyone in without saying for which source of which account.

    The ARN of a source says both where there is an account in it, or where it is a resource of the templates.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    if statement.get("Effect") != "Allow" or not is_foreign(statement.get("Principal")):
        return False
    keys = required(statement)
    if is_anyone(statement.get("Principal")) and (OURS - {SOURCE, ACCOUNT, "aws:sourceorgid"}) & keys:
        return False
    return SOURCE not in keys or not (ACCOUNT in keys or all(map(is_exact, _sources(statement))))


def _sources(statement: Mapping[str, Any]) -> list[str]:
    return [
        text(value)
        for operator, tests in (statement.get("Condition") or {}).items()
        if operator in _MUST_BE
        for key, values in tests.items()
        if key.lower() == SOURCE
        for value in listed(values)
    ]
