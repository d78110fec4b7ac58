"""What the policy of a resource says of whom it lets in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.invariants.assembly import listed, text

# Without `IfExists` and `ForAllValues`, which are also true where the key is not there.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
_MUST_BE = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike")


def required(statement: Mapping[str, Any]) -> set[str]:
    """The condition keys, in lower case, that must have one of some values, and not just any, for it to count."""
    return {
        key.lower()
        for operator, tests in (statement.get("Condition") or {}).items()
        if operator in _MUST_BE
        for key, values in tests.items()
        if values and "*" not in map(text, listed(values))
    }


def is_anyone(principal: Any) -> bool:
    """Whether a principal is everyone, in whatever account."""
    named = listed(principal.get("AWS")) if isinstance(principal, Mapping) else [principal]
    return "*" in map(text, named)


def is_foreign(principal: Any) -> bool:
    """Whether a principal is everyone or a service, which acts for every account."""
    return is_anyone(principal) or (isinstance(principal, Mapping) and "Service" in principal)


def is_unsourced(statement: Mapping[str, Any]) -> bool:
    """Whether it lets a service or everyone in without saying for which source of which account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    allowed = statement.get("Effect") == "Allow" and is_foreign(statement.get("Principal"))
    return allowed and not {"aws:sourcearn", "aws:sourceaccount"} <= required(statement)
