"""The mistakes that can be put into a module: mutmut's, and three that its list lacks.

Not mistaken are type annotations, imports, decorators, names of encodings, the words of sentences and what is said to a
log: no test may pin every sentence, and the type checker reads the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,}|^[A-Z][a-z]+ [a-z]|^[^A-Za-z0-9]*$")
"""A string of which no test need know each letter: it has two words, one after the other, or none at all."""
CODEC = re.compile(r"(?i)utf-?8|ascii|latin-?1")
"""A name in which no letter's case counts."""
QUIET = m.Call(func=m.Attribute(value=m.Name("logger")))
UNTOUCHED = (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator)
Operator = Callable[[Any], Iterable[cst.CSTNode]]


@dataclass(frozen=True)
class Mistake:
    """One change of a module: where it is, what stands there before and after, and the whole code of both."""

    path: Path
    line: int
    within: str
    before: str
    after: str
    original: str
    code: str

    @property
    def key(self) -> str:
        """What says which mistake this is, wherever its line moves."""
        return told(self.path, self.within, *self.changed)

    @property
    def changed(self) -> tuple[str, str]:
        """The lines that differ, before and after, each in one line."""
        old, new = self.original.splitlines(), self.code.splitlines()
        start = next((at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
        most = min(len(old), len(new)) - start - 1
        end = next((at for at in range(max(most, 0)) if old[-1 - at] != new[-1 - at]), max(most, 0))
        return _short(" ".join(old[start : len(old) - end])), _short(" ".join(new[start : len(new) - end]))


def told(path: Path, within: str, before: str, after: str) -> str:
    """The key of a mistake that changes these lines of that function."""
    return f"{path}: {within}: {_short(before)} -> {_short(after)}"


def _short(code: str) -> str:
    return " ".join(code.split())


def _left_out(node: cst.Dict | cst.List | cst.Tuple | cst.Set) -> Iterator[cst.CSTNode]:
    """A literal without one of its entries."""
    for at in range(len(node.elements)):
        if len(node.elements) > 1 or not isinstance(node, cst.Tuple | cst.Set):
            yield node.with_changes(elements=[*node.elements[:at], *node.elements[at + 1 :]])


def _not_done(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """A call whose answer nobody reads is not made; what is raised is not; what is deleted is not."""
    done = m.Expr(value=m.Call() | m.Await()) | m.Raise() | m.Del()
    if len(node.body) == 1 and m.matches(node.body[0], done) and not m.matches(node.body[0], m.Expr(value=QUIET)):
        yield node.with_changes(body=[cst.Pass()])


def _always(node: cst.If) -> Iterator[cst.CSTNode]:
    """A condition that holds always, and one that never does."""
    if not m.matches(node.test, m.Name("TYPE_CHECKING")):
        for value in ("True", "False"):
            yield node.with_changes(test=cst.Name(value))


OPERATORS: tuple[tuple[Any, Operator], ...] = (
    *mutation_operators,
    ((cst.Dict, cst.List, cst.Tuple, cst.Set), _left_out),
    (cst.SimpleStatementLine, _not_done),
    (cst.If, _always),
)


@dataclass(frozen=True)
class Place:
    """A piece of a module that can be mistaken, in one way or several."""

    path: Path
    line: int
    within: str
    """The function or class around it, as Python names it; nothing at the level of the module."""
    module: cst.Module
    node: cst.CSTNode
    changes: tuple[cst.CSTNode, ...]

    def mistake(self, at: int) -> Mistake:
        """The mistake with the number `at`."""
        changed = self.module.deep_replace(self.node, self.changes[at])
        assert isinstance(changed, cst.Module)
        before, after = (self.module.code_for_node(each) for each in (self.node, self.changes[at]))
        return Mistake(self.path, self.line, self.within, before, after, self.module.code, changed.code)


class _Walk(cst.CSTVisitor):
    """Walks a module and keeps what may be changed, with the changes that each operator makes of it."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[int, str, cst.CSTNode, tuple[cst.CSTNode, ...]]] = []
        self._names: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, UNTOUCHED) or m.matches(node, QUIET) or _is_untouched(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._names.append(node.name.value)
        changes = tuple(
            each
            for kind, operator in OPERATORS
            if isinstance(node, kind)
            for each in operator(node)
            if not each.deep_equals(node)
        )
        if changes:
            line = self.get_metadata(PositionProvider, node).start.line
            self.found.append((line, ".".join(self._names), node, changes))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._names.pop()


def _is_untouched(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleString):
        quiet = node.quote in ('"""', "'''") or CODEC.fullmatch(node.raw_value)
        return bool(quiet or SENTENCE.search(node.raw_value))
    if isinstance(node, cst.If):
        return m.matches(node.test, m.Name("TYPE_CHECKING") | m.Comparison(left=m.Name("__name__")))
    return m.matches(node, m.Assign(targets=[m.AssignTarget(target=m.Name("__all__"))]))


def places(root: Path, path: Path, lines: frozenset[int] | None = None) -> list[Place]:
    """What can be mistaken in the module at `root / path`, or in these lines of it, in order."""
    wrapper = MetadataWrapper(cst.parse_module((root / path).read_text()))
    walk = _Walk()
    wrapper.visit(walk)
    return [
        Place(path, line, within, wrapper.module, node, changes)
        for line, within, node, changes in walk.found
        if lines is None or line in lines
    ]
