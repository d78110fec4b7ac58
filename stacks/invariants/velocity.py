"""What a mapping template prints without encoding it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What API Gateway itself decides, in characters that mean nothing in a query string. Everything else of `$context` may
# hold the caller's words (path, user agent, authorizer, errors).
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
TRUSTED = re.compile(
    r"context\.(requestId|extendedRequestId|requestTimeEpoch|accountId|apiId|stage|identity\.apiKeyId)$"
)
DIRECTIVE = re.compile(r"#\{?(set|if|elseif|foreach)\}?\s*\(")
CHAINED = re.compile(r"\.([A-Za-z_]\w*)|\[[^\]]*\]")
HARMLESS = {"length", "contains", "matches", "startsWith", "hashCode", "toUpperCase", "toLowerCase", "isEmpty"}
"""Methods after which what was encoded still is."""
REFERENCE = re.compile(r"\$!?\{?([A-Za-z_][\w.-]*)")
ENCODED = "util.urlEncode"


def unencoded(template: str) -> list[str]:
    """The references that the template prints and that may hold a caller's characters as they are."""
    printed, assigned = _split(template)
    # What is handed to a method of a list or a map stays in it.
    words = _words([*assigned, *_handed(template)])
    return [each.name for each in _references(printed) if _carries(each, words)]


def overriding(template: str) -> list[str]:
    """The references to a caller's words, encoded or not, by which the template overrides the call that is made."""
    _, assigned = _split(template)
    words = _words([*assigned, *_handed(template)])
    overrides = [expression for variable, expression in assigned if variable.startswith("context.requestOverride")]
    return [each.name for expression in overrides for each in _references(expression) if _holds(each, words)]


def _handed(template: str) -> Iterator[tuple[str, str]]:
    """What each call in the template is on, and what is handed to it."""
    for each in _references(template):
        if each.arguments:
            if each.name.partition(".")[0] not in ("input", "context", "util"):
                yield each.name, each.arguments
            yield from _handed(each.arguments)


def _split(template: str) -> tuple[str, list[tuple[str, str]]]:
    """The template without its directives, and what they assign: a variable and the expression it takes."""
    printed, assigned, position = [], [], 0
    while found := DIRECTIVE.search(template, position):
        printed.append(template[position : found.start()])
        end = _closing(template, found.end())
        inside = template[found.end() : end]
        if found[1] in ("set", "foreach"):
            variable, _, expression = inside.partition("=" if found[1] == "set" else " in ")
            assigned.append((variable.strip().strip("${}!"), expression))
        position = end + 1
    return "".join([*printed, template[position:]]), assigned


def _closing(template: str, start: int) -> int:
    """Where the parenthesis that was opened before `start` is closed, quotes respected."""
    depth, quote = 1, ""
    for position in range(start, len(template)):
        character = template[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return position
    return len(template)


@dataclass(frozen=True)
class Reference:
    """What a template refers to."""

    name: str
    arguments: str
    """Those of all calls on the way."""
    methods: tuple[str, ...]
    """What is called on it."""


@dataclass(frozen=True)
class Words:
    """The variables that may hold a caller's words."""

    plain: frozenset[str] = frozenset()
    """As they are."""
    encoded: frozenset[str] = frozenset()
    """As they are, or encoded."""


def _references(template: str) -> Iterator[Reference]:
    """Every reference outside the arguments of another."""
    position = 0
    while found := REFERENCE.search(template, position):
        position = found.end()
        name, arguments = found[1].rstrip(".-"), ""
        path = name
        methods: list[str] = []
        while True:
            if template[position : position + 1] == "(":
                end = _closing(template, position + 1)
                arguments += f" {template[position + 1 : end]}"
                methods.append(path.rpartition(".")[2])
                position = end + 1
            elif (more := CHAINED.match(template, position)) is not None:
                path, position = more[1], more.end()
            else:
                break
        yield Reference(name, arguments, tuple(methods))


def _words(assigned: list[tuple[str, str]]) -> Words:
    words = Words()
    while True:
        plain, encoded = set(words.plain), set(words.encoded)
        for variable, expression in assigned:
            root = variable.partition(".")[0]
            for each in _references(expression):
                plain |= {root} if _carries(each, words) else set()
                encoded |= {root} if _holds(each, words) else set()
        # Where API Gateway's own words begin nothing is assigned that changes them.
        more = Words(frozenset(plain - {"input", "context"}), frozenset(encoded - {"input", "context"}))
        if more == words:
            return words
        words = more


def _carries(reference: Reference, words: Words) -> bool:
    """Whether it may be a caller's words as they are."""
    root = reference.name.partition(".")[0]
    if TRUSTED.match(reference.name):
        return False
    if reference.name == ENCODED:
        return _changed(reference.methods[1:]) and _holds(reference, words)
    if root in ("input", "context") or root in words.plain:
        return True
    if root == "util":
        return any(_holds(each, words) for each in _references(reference.arguments))
    # What was encoded is not, once some of it is replaced; what replaces it may be a caller's, too.
    return _changed(reference.methods) and _holds(reference, words)


def _holds(reference: Reference, words: Words) -> bool:
    """Whether a caller's words are in it, encoded or not."""
    root = reference.name.partition(".")[0]
    if TRUSTED.match(reference.name):
        return False
    if root in ("input", "context") or root in words.encoded | words.plain:
        return True
    return any(_holds(each, words) for each in _references(reference.arguments))


def _changed(methods: tuple[str, ...]) -> bool:
    return not HARMLESS.issuperset(methods)
