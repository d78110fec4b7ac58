"""A subscription's filter in words: what an event's data must be, so that its rule sends it on.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import json

EITHER = "$or"
SIGNS = {"=": "is", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least"}
WORDS = {
    "prefix": "begins with",
    "suffix": "ends with",
    "wildcard": "looks like",
    "cidr": "is an address of",
    "equals-ignore-case": "is, in whatever case,",
}


def words(pattern: Mapping[str, Any]) -> list[str]:
    """The conditions, all of which must be met; none where every event is taken."""
    return [*_of(pattern, "")]


def _of(pattern: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, wanted in pattern.items():
        if name == EITHER and isinstance(wanted, list | tuple):
            yield ", or ".join(" and ".join(_of(each, path)) for each in wanted)
        elif isinstance(wanted, Mapping):
            yield from _of(wanted, f"{path}{name}.")
        elif isinstance(wanted, list | tuple):
            yield f"{path}{name} {_any(wanted)}"
        else:
            yield f"{path}{name} is {_shown(wanted)}"


def _any(wanted: list[Any] | tuple[Any, ...]) -> str:
    """What one of several must be: values together, then each condition."""
    values = [_shown(each) for each in wanted if not isinstance(each, Mapping)]
    said = [f"is {' or '.join(values)}"] if values else []
    for each in wanted:
        if isinstance(each, Mapping):
            said += [_condition(name, value) for name, value in each.items()]
    return " or ".join(said) or "is nothing, so no event is taken"


def _condition(name: str, value: Any) -> str:
    if name == "exists":
        return "is there" if value else "is not there"
    if name == "anything-but":
        if isinstance(value, Mapping):
            return "is there, but " + " and ".join(f"not what {_condition(*each)}" for each in value.items())
        several = value if isinstance(value, list | tuple) else [value]
        return f"is there, but not {' or '.join(map(_shown, several))}"
    if name == "numeric" and isinstance(value, list | tuple):
        pairs = zip(value[::2], value[1::2], strict=False)
        return " and ".join(f"{SIGNS.get(str(sign), str(sign))} {_shown(number)}" for sign, number in pairs)
    if isinstance(value, Mapping):  # `{"prefix": {"equals-ignore-case": "a"}}`
        return f"{WORDS.get(name, name)}, in whatever case, {' or '.join(map(_shown, value.values()))}"
    several = value if isinstance(value, list | tuple) else [value]
    return f"{WORDS.get(name, name)} {' or '.join(map(_shown, several))}"


def _shown(value: Any) -> str:
    return json.encode(value).decode()
