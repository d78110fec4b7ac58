"""What a mapping template prints without encoding it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What API Gateway itself decides, in characters that mean nothing in a query string. Everything else of `$context` may
# hold the caller's words (path, user agent, authorizer, errors).
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
TRUSTED = re.compile(
    r"context\.(requestId|extendedRequestId|requestTimeEpoch|accountId|apiId|stage|identity\.apiKeyId)$"
)
DIRECTIVE = re.compile(r"#\{?(set|if|elseif|foreach)\}?\s*\(")
REFERENCE = re.compile(r"\$!?\{?([A-Za-z_][\w.-]*)")
ENCODED = "util.urlEncode"


def unencoded(template: str) -> list[str]:
    """The references that the template prints and that may hold a caller's characters as they are."""
    printed, assigned = _split(template)
    tainted = _tainted(assigned)
    return [name for name, arguments in _references(printed) if _carries(name, arguments, tainted)]


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


def _references(template: str) -> Iterator[tuple[str, str]]:
    """Every reference outside the arguments of another: its name, and the arguments of its first call."""
    position = 0
    while found := REFERENCE.search(template, position):
        position, arguments = found.end(), ""
        name = found[1].rstrip(".-")
        if template[position : position + 1] == "(":
            end = _closing(template, position + 1)
            arguments, position = template[position + 1 : end], end + 1
        yield name, arguments


def _tainted(assigned: list[tuple[str, str]]) -> set[str]:
    """The variables that may hold a caller's characters."""
    tainted: set[str] = set()
    while True:
        more = {
            variable
            for variable, expression in assigned
            if any(_carries(name, arguments, tainted) for name, arguments in _references(expression))
        }
        if more <= tainted:
            return tainted
        tainted |= more


def _carries(name: str, arguments: str, tainted: set[str]) -> bool:
    root = name.partition(".")[0]
    if name == ENCODED or TRUSTED.match(name) or root == "stageVariables":
        return False
    if root in ("input", "context"):
        return True
    if root == "util":
        return any(_carries(inner, words, tainted) for inner, words in _references(arguments))
    return root in tainted
