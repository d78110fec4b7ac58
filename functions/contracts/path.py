"""The field of a command whose value stands in the path of the request, and not in its body.

It reaches the consumer as the message group. One field a command, because a message has one group.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from msgspec import Meta, Struct
from msgspec.inspect import Metadata, StrType
from msgspec.structs import FieldInfo

FromPath = Meta(extra={"path": True})
"""Marks the field: `order_id: Annotated[OrderId, FromPath]`."""

# What Python and Java's String.matches read alike, and what a mapping template can quote: plain characters, and sets of
# such without escapes, negation and `&&`, each as often as said.
_SAME_EVERYWHERE = re.compile(r"(([\w-]|\[[\w!%()*+,./:;<=>?@{|}~-]+\])(\{\d+(,\d+)?\}|\+)?)+", re.ASCII)
# No value holds one of these: whether an edge decodes a path, or cuts parameters off it, is not documented, and the
# value must be the same or refused.
_NEVER_IN_A_VALUE = "%;"
_SET = re.compile(r"\[.+?\]")
_ANCHORED = re.compile(r"\^(.+?)\$(\(\?!\\n\))?", re.DOTALL)


class PathField(Struct, frozen=True):
    """The field's name, and the type that says what its value may be."""

    name: str
    type: Any

    @property
    def pattern(self) -> str:
        """What the value must match as a whole. Raises `ValueError` if an edge could read it otherwise than we do.

        That is so for a pattern that is not plain, and for one that allows `%` or `;`.
        """
        kind = msgspec.inspect.type_info(self.type)
        text = kind.type if isinstance(kind, Metadata) else kind
        found = _ANCHORED.fullmatch(text.pattern or "") if isinstance(text, StrType) else None
        if (
            not isinstance(text, StrType)
            or text.min_length is not None
            or text.max_length is not None
            or found is None
            or not _SAME_EVERYWHERE.fullmatch(found[1])
        ):
            raise ValueError(
                f"the values of {self.name} are not said by one plain pattern; write it like "
                'Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}"), and lengths in it'
            )
        if any(re.search(each, _NEVER_IN_A_VALUE) for each in _SET.findall(found[1])):
            raise ValueError(
                f"the values of {self.name} may hold % or ;, which paths do not keep; take them out of {found[1]}"
            )
        return found[1]


@cache
def path_field(contract: type[Struct]) -> PathField | None:
    """The field that comes from the path, if there is one. Raises `TypeError` for more than one."""
    marked = [each for each in msgspec.structs.fields(contract) if _is_marked(each.type)]
    if len(marked) > 1:
        raise TypeError(
            f"{contract.__name__} takes {' and '.join(each.name for each in marked)} from the path, but a message has "
            "one group; leave one to the body."
        )
    return PathField(marked[0].name, marked[0].type) if marked else None


@cache
def body_of(contract: type[Struct]) -> type[Struct]:
    """What travels in the body: the contract without the field that comes from the path."""
    field = path_field(contract)
    if field is None:
        return contract
    config = contract.__struct_config__
    return msgspec.defstruct(
        contract.__name__,
        [_copied(each) for each in msgspec.structs.fields(contract) if each.name != field.name],
        module=contract.__module__,
        namespace={"__doc__": contract.__doc__},
        rename={each.name: each.encode_name for each in msgspec.structs.fields(contract)},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=config.forbid_unknown_fields,
        omit_defaults=config.omit_defaults,
    )


def _copied(field: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return field.name, field.type


def _is_marked(hint: Any) -> bool:
    marks = (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Meta))
    return any((mark.extra or {}).get("path") for mark in marks)
