"""A rule: an id, one sentence, what to do about it, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stacks.invariants.assembly import Assembly, Resource

Finding = tuple[Resource, str]
"""A resource that breaks a rule, and what it has instead."""


@dataclass(frozen=True)
class Rule:
    """One thing that holds in every template."""

    id: str
    sentence: str
    fix: str
    source: str
    check: Callable[[Assembly], Iterable[Finding]]


def rule(*, fix: str, source: str) -> Callable[[Callable[[Assembly], Iterator[Finding]]], Rule]:
    """Makes a function a rule: its name is the id, its docstring the sentence, what it yields breaks the rule."""

    def make(check: Callable[[Assembly], Iterator[Finding]]) -> Rule:
        assert check.__doc__
        return Rule(check.__name__.replace("_", "-"), check.__doc__, fix, source, check)

    return make
