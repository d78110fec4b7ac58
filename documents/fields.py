"""What the fields of a class are, as its source says: annotation, default, and the text that stands below each."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """One field. `annotation` and `default` are source code; without a default it must be given."""

    name: str
    annotation: str
    default: str | None
    text: str


def fields(class_: type[Any]) -> Iterator[Field]:
    """The fields of a dataclass or struct, in order. Raises `ValueError` for one that says nothing of itself."""
    (tree,) = ast.parse(inspect.getsource(class_)).body
    assert isinstance(tree, ast.ClassDef)
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id != "_":
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            if not isinstance(text, str) or not text:
                raise ValueError(f"{class_.__name__}.{node.target.id} says nothing; write a text below it.")
            default = None if node.value is None else _default(node.value)
            yield Field(node.target.id, ast.unparse(node.annotation), default, " ".join(inspect.cleandoc(text).split()))


def about(class_: type[Any]) -> str:
    """What the class says of itself, its paragraphs apart."""
    return inspect.cleandoc(class_.__doc__ or "")


def _default(value: ast.expr) -> str:
    """The default as one would write it; that of a `field(default_factory=dict)` is empty."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        return "{}"
    return ast.unparse(value)
