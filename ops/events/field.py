"""The fields of a contract as people read them: where each is, what it may be, and whether it is a secret.

https://jcristharif.com/msgspec/api.html#inspect
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import NODEFAULT, UNSET, Struct, inspect

from functions.contracts.contract import END
from ops.dead_letters.redaction import is_secret

MOST = 500
"""Fields that are told of one contract: one that holds itself has no end."""
DEEPEST = 6
WORDS = {
    inspect.AnyType: "anything",
    inspect.NoneType: "null",
    inspect.BoolType: "true or false",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
    inspect.BytesType: "bytes in Base64",
    inspect.ByteArrayType: "bytes in Base64",
    inspect.DateTimeType: "time",
    inspect.TimeType: "time of day",
    inspect.DateType: "date",
    inspect.TimeDeltaType: "span of time",
    inspect.UUIDType: "UUID",
    inspect.DecimalType: "decimal number",
    inspect.RawType: "anything",
}
"""What JSON holds of them."""


class Field(Struct, frozen=True, kw_only=True):
    """A field at its `path`: `items[].name` is in every item of a list.

    `limits` say what its value must keep to, one phrase each. `default` and `example` are JSON; None where there is
    none, and of a secret.
    """

    path: str
    type: str
    required: bool
    secret: bool = False
    text: str = ""
    limits: list[str] = []
    default: Any = None
    example: Any = None


def fields(contract: type[Struct]) -> list[Field]:
    """The fields of a contract, those inside its objects behind each; `MOST` of them."""
    found: list[Field] = []
    whole = inspect.type_info(contract)
    for field in _of(whole, "", (contract,), secret=False):
        found.append(field)
        if len(found) == MOST:
            break
    return found


def _of(kind: inspect.Type, path: str, above: tuple[Any, ...], *, secret: bool) -> Iterator[Field]:
    for each in getattr(kind, "fields", ()):
        plain, told = _bare(each.type)
        hidden = secret or is_secret(each.type)
        default = each.default if each.default is not NODEFAULT else None
        here = f"{path}{each.encode_name}"
        yield Field(
            path=here,
            type=_type(plain),
            required=each.required,
            secret=hidden,
            text=str(told.get("description", "")),
            limits=[*_limits(plain)],
            default=None if hidden or default is UNSET else default,
            example=None if hidden else next(iter(told.get("examples", ())), None),
        )
        inner, inside = _inside(plain, here)
        class_ = getattr(inner, "cls", None)
        if hasattr(inner, "fields") and class_ not in above and len(above) < DEEPEST:
            yield from _of(inner, f"{inside}.", (*above, class_), secret=hidden)


def _bare(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """A type without its metadata, and what that says of it; what stands outside is said last, and holds."""
    told: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        told = {**(kind.extra_json_schema or {}), **told}
        kind = kind.type
    return kind, told


def _inside(kind: inspect.Type, path: str) -> tuple[inspect.Type, str]:
    """What is in the items of a list, the values of a map or the only choice beside null, and where that is."""
    kind, _ = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        some = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return _inside(some[0], path) if len(some) == 1 else (kind, path)
    if (item := getattr(kind, "item_type", None)) is not None:
        return _inside(item, f"{path}[]")
    if isinstance(kind, inspect.DictType):
        return _inside(kind.value_type, f"{path}.*")
    return kind, path


def _type(kind: inspect.Type) -> str:
    kind, _ = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(dict.fromkeys(map(_type, kind.types)))
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(map(str, kind.values))
    if isinstance(kind, inspect.EnumType):
        return "one of " + ", ".join(str(each.value) for each in kind.cls)
    if (item := getattr(kind, "item_type", None)) is not None:
        return f"list of {_type(item)}"
    if isinstance(kind, inspect.TupleType):
        return f"list of {', '.join(map(_type, kind.item_types))}"
    if isinstance(kind, inspect.DictType):
        return f"map of {_type(kind.value_type)}"
    if hasattr(kind, "fields"):
        return f"object {kind.cls.__name__}" if hasattr(kind, "cls") else "object"
    return WORDS.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _limits(kind: inspect.Type) -> Iterator[str]:
    kind, _ = _bare(kind)
    for each in kind.types if isinstance(kind, inspect.UnionType) else ():
        yield from _limits(each)
    for name, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if (bound := getattr(kind, name, None)) is not None:
            yield f"{words} {bound:,}"
    if (step := getattr(kind, "multiple_of", None)) is not None:
        yield f"a multiple of {step:,}"
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    unit = "characters" if isinstance(kind, inspect.StrType) else "items"
    if least is not None and most is not None:
        yield f"{least:,} to {most:,} {unit}" if least != most else f"{most:,} {unit}"
    elif least is not None or most is not None:
        yield f"at least {least:,} {unit}" if least is not None else f"at most {most:,} {unit}"
    if (pattern := getattr(kind, "pattern", None)) is not None:
        yield f"matches {pattern.replace(END, '$')}"
    if getattr(kind, "tz", None) is not None:
        yield "with a time zone" if kind.tz else "without a time zone"  # type: ignore[attr-defined]
    if (item := getattr(kind, "item_type", None)) is not None:
        yield from (f"each {limit}" for limit in _limits(item))
