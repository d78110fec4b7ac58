"""Whether two patterns of what is called have anything in common: of a policy, and of a route with parameters."""

from __future__ import annotations

import re
from functools import cache

Token = tuple[str, bool]
"""A character, `ANY` or `INSIDE`, and whether it stands for any number of them."""
ANY, INSIDE = "any", "inside"
"""Any character, and any but a slash, which no value of a parameter has in it."""
_PART = re.compile(r"\{[^}]*\}|.", re.DOTALL)


def meet(one: str, other: str) -> bool:
    """Whether something fits both: `*` and `?` stand for what they do in a policy, `{name}` for one part of a path.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    left, right = _tokens(one), _tokens(other)
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        at, there = waiting.pop()
        if (at, there) == (len(left), len(right)):
            return True
        here, beside = left[at : at + 1], right[there : there + 1]
        steps = [(at + 1, there)] * any(many for _, many in here) + [(at, there + 1)] * any(many for _, many in beside)
        if here and beside and _share(here[0][0], beside[0][0]):
            steps.append((at + (not here[0][1]), there + (not beside[0][1])))
        for step in steps:
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False


@cache
def _tokens(pattern: str) -> tuple[Token, ...]:
    found: list[Token] = []
    for part in _PART.findall(pattern):
        if part == "*":
            found.append((ANY, True))
        elif part == "?":
            found.append((ANY, False))
        elif part.startswith("{"):
            # A greedy one takes whatever follows.
            found += [(ANY, True)] if part.endswith("+}") else [(INSIDE, False), (INSIDE, True)]
        else:
            found.append((part, False))
    return tuple(found)


def _share(one: str, other: str) -> bool:
    """Whether a character can be both."""
    if ANY in (one, other):
        return True
    return one == other or (INSIDE in (one, other) and "/" not in (one, other))
