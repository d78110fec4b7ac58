"""Values that botocore's description of an operation allows, drawn from it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape, StructureShape
from hypothesis import strategies as st

from functions.runtime.aws.service import PROTOCOLS

OPERATIONS = [(service, name) for service, each in PROTOCOLS.items() for name in sorted(each.operations)]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SECONDS = st.integers(0, 4_000_000_000)
DEPTH = 4


@cache
def operation(service: str, name: str) -> OperationModel:
    """The description of an operation."""
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def values(shape: Shape | None, depth: int = DEPTH) -> st.SearchStrategy[Any]:
    """What the shape allows, as Python has it; nothing for an operation without one."""
    if shape is None:
        return st.just({})
    match shape.type_name:
        case "structure" | "map" if depth == 0:
            return st.just({})
        case "structure":
            assert isinstance(shape, StructureShape)
            return _structure(shape, depth)
        case "list":
            return st.lists(values(shape.member, depth - 1), max_size=2) if depth else st.just([])
        case "map":
            return st.dictionaries(TEXTS, values(shape.value, depth - 1), max_size=2)
        case "string":
            return st.sampled_from(shape.enum) if shape.enum else TEXTS
        case "integer" | "long":
            return st.integers(0, 2**31 - 1)
        case "double" | "float":
            return st.floats(0, 1e6, width=32)
        case "boolean":
            return st.booleans()
        case "blob":
            return st.binary(max_size=6)
        case "timestamp":
            return SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
    raise AssertionError(f"no values of {shape.type_name}")


def _structure(shape: StructureShape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    members = {name: values(member, depth - 1) for name, member in shape.members.items()}
    if getattr(shape, "is_tagged_union", False) or shape.name == "AttributeValue":
        return st.one_of(*[st.fixed_dictionaries({name: each}) for name, each in members.items()])
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)
