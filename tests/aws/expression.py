"""DynamoDB's condition and update expressions, read and applied to items as DynamoDB types them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html. Paths into lists
and maps are not read: no function of ours uses them.
"""

from __future__ import annotations

import copy
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
Value = dict[str, Any]

TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-]|[A-Za-z_][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+)")
WORDS = frozenset(
    {
        *("AND", "OR", "NOT", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "DELETE", "SIZE", "CONTAINS"),
        *("ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "ATTRIBUTE_TYPE", "BEGINS_WITH", "IF_NOT_EXISTS", "LIST_APPEND"),
    }
)
"""The language's own words."""
COMPARISONS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Invalid(Exception):
    """What DynamoDB answers with ValidationException."""


class Expression:
    """One expression with its names and values, applied to `item`."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Value], item: Item | None) -> None:
        self._tokens = _tokens(text)
        self._names, self._values = names, values
        self._item = item or {}
        self._at = 0
        self._changed: set[str] = set()

    def holds(self) -> bool:
        """Whether the item meets the condition."""
        result = self._or()
        self._end()
        return result

    def applied(self) -> Item:
        """The item as the update leaves it. Every operand is read from the item as it was before."""
        after = copy.deepcopy(self._item)
        clauses: list[str] = []
        while self._at < len(self._tokens):
            clause = self._next().upper()
            change = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}.get(clause)
            if change is None or clause in clauses:
                raise Invalid(f"{clause} is no clause, or is there twice")
            clauses.append(clause)
            change(after)
            while self._take(","):
                change(after)
        return after

    # Conditions, loosest binding first. Both sides are always read, so that the whole text is.

    def _or(self) -> bool:
        result = self._and()
        while self._take("OR"):
            result = self._and() or result
        return result

    def _and(self) -> bool:
        result = self._not()
        while self._take("AND"):
            result = self._not() and result
        return result

    def _not(self) -> bool:
        return not self._not() if self._take("NOT") else self._test()

    def _test(self) -> bool:
        if self._take("("):
            result = self._or()
            self._need(")")
            return result
        function = self._peek().lower()
        if function in ("attribute_exists", "attribute_not_exists"):
            self._next()
            self._need("(")
            there = self._name() in self._item
            self._need(")")
            return there == (function == "attribute_exists")
        if function in ("begins_with", "contains"):
            self._next()
            self._need("(")
            whole = self._operand()
            self._need(",")
            part = self._operand()
            self._need(")")
            if whole is None or part is None:
                return False
            (content,), (wanted,) = whole.values(), part.values()
            return content.startswith(wanted) if function == "begins_with" else wanted in content
        left = self._operand()
        if self._take("BETWEEN"):
            low = self._operand()
            self._need("AND")
            return _compare(">=", left, low) & _compare("<=", left, self._operand())
        if self._take("IN"):
            self._need("(")
            among = [self._operand()]
            while self._take(","):
                among.append(self._operand())
            self._need(")")
            return left in among
        return _compare(self._next(), left, self._operand())

    # Updates.

    def _set(self, after: Item) -> None:
        name = self._target()
        self._need("=")
        value = self._sum()
        if value is None:
            raise Invalid("The provided expression refers to an attribute that does not exist in the item")
        after[name] = value

    def _remove(self, after: Item) -> None:
        after.pop(self._target(), None)

    def _add(self, after: Item) -> None:
        name = self._target()
        value = self._operand()
        assert value is not None
        ((kind, content),) = value.items()
        before = self._item.get(name)
        if kind == "N":
            after[name] = {"N": str(Decimal(content) + Decimal(before["N"] if before else 0))}
        else:
            after[name] = {kind: sorted({*content, *(before[kind] if before else ())})}

    def _target(self) -> str:
        """What is changed, which one expression does once."""
        name = self._name()
        if name in self._changed:
            raise Invalid(f"Two document paths overlap with each other: {name}")
        self._changed.add(name)
        return name

    def _sum(self) -> Value | None:
        left = self._operand()
        while (sign := self._peek()) in ("+", "-"):
            self._next()
            right = self._operand()
            if left is None or right is None:
                raise Invalid("The provided expression refers to an attribute that does not exist in the item")
            change = Decimal(right["N"]) * (1 if sign == "+" else -1)
            left = {"N": str(Decimal(left["N"]) + change)}
        return left

    def _operand(self) -> Value | None:
        token = self._peek()
        if token.lower() in ("if_not_exists", "list_append", "size"):
            self._next()
            return self._function(token.lower())
        if token.startswith(":"):
            self._next()
            if token not in self._values:
                raise Invalid(f"An expression attribute value used in expression is not defined: {token}")
            return self._values[token]
        return self._item.get(self._name())

    def _function(self, name: str) -> Value | None:
        self._need("(")
        if name == "size":
            value = self._operand()
            self._need(")")
            return None if value is None else {"N": str(len(next(iter(value.values()))))}
        first = self._operand()
        self._need(",")
        second = self._operand()
        self._need(")")
        if name == "if_not_exists":
            return second if first is None else first
        assert first is not None
        assert second is not None
        return {"L": [*first["L"], *second["L"]]}

    # Tokens.

    def _name(self) -> str:
        token = self._next()
        if token.startswith("#"):
            if token not in self._names:
                raise Invalid(f"An expression attribute name used in expression is not defined: {token}")
            return self._names[token]
        if not token[0].isalpha() and token[0] != "_":
            raise Invalid(f"{token} is no name")
        return token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise Invalid("The expression ends too early")
        self._at += 1
        return token

    def _take(self, word: str) -> bool:
        taken = self._peek().upper() == word
        self._at += taken
        return taken

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise Invalid(f"{word} is missing before {self._peek()!r}")

    def _end(self) -> None:
        if self._peek():
            raise Invalid(f"{self._peek()!r} is too much")


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Invalid(f"{text[at:]!r} cannot be read")
        tokens.append(match[1])
        at = match.end()
    return tokens


def _compare(sign: str, left: Value | None, right: Value | None) -> bool:
    compare: Callable[[Any, Any], bool] | None = COMPARISONS.get(sign)
    if compare is None:
        raise Invalid(f"{sign!r} is no comparison")
    if left is None or right is None:
        return sign == "<>" and left is not right
    ((kind, one),), ((other_kind, other),) = left.items(), right.items()
    if kind != other_kind:
        return sign == "<>"
    return compare(Decimal(one), Decimal(other)) if kind == "N" else compare(one, other)
