"""JMESPath over what a message says, which never selects a message that it was not made for.

JMESPath answers null where a value is of another kind than was asked for, and `!` makes true of it: a filter that was
to leave a message alone would move it. So a comparison by size of what has no order, a look into a body that has no
such inside, and a function that refuses its arguments are all the same here: the filter does not fit the message.
So are texts where `<` compares two of them: `'9' < '10'` is false, whoever wrote it. What would select everything or
nothing, whatever a message says, is refused: a name that no message has, `!body.paid`, which JMESPath reads as
`(!body).paid`, a filter that names nothing of a message, and one that is always true, such as `[body.paid]`.
https://jmespath.org/specification.html
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

from ops.errors import UsageError

EQUAL = ("eq", "ne")
SEEN = ("message_id", "body", "attributes", "system", "cause")
"""The names at the top of what a filter sees."""
INSIDE = {"field": dict, "index": list, "slice": list}
PROJECTED = {"projection": list, "filter_projection": list, "flatten": list, "value_projection": dict}
NEVER_FALSE = ("abs", "ceil", "floor", "length", "sum", "to_array", "to_string", "type")
"""Functions whose result is no comparison, and true but for an empty text or list: numbers are, zero too."""
PATHS = ("pipe", "subexpression", "index_expression")
BODY = {"type": "field", "children": [], "value": "body"}


class DoesNotFit(Exception):
    """The filter cannot be applied to this message."""


class Filter:
    """A filter, read. Raises `UsageError` for one that no message could fit, without repeating what is in it."""

    def __init__(self, text: str) -> None:
        try:
            self._tree = jmespath.compile(text).parsed
            nodes = [*_nodes(self._tree)]
        except (JMESPathError, RecursionError, UnicodeError) as error:
            raise UsageError(f"The filter is no JMESPath: {_reason(error)}.") from None
        for node in nodes:
            _check(node)
        if not _names_any(self._tree, top=True) or self._tree["type"] == "current":
            raise UsageError(f"The filter names nothing of a message, so it means all or none: name {_seen()}.")
        if _always(self._tree):
            raise UsageError(
                "The filter is true whatever a message says, so it means all: write a comparison, such as "
                "length(body.items) > `1`."
            )

    @classmethod
    @lru_cache(16)
    def of(cls, text: str) -> Filter:
        """The filter of that text. Raises `UsageError`."""
        return cls(text)

    def reads(self, name: str) -> bool:
        """Whether its result may depend on that part of what it is applied to: it names it, or takes the whole."""
        return _reads(self._tree, name)

    def selects(self, document: dict[str, Any]) -> bool:
        """Whether the result is true as JMESPath has it: not false, null or empty. Raises `DoesNotFit`."""
        interpreter = _Interpreter(document)
        try:
            result = interpreter.visit(self._tree, document)
        except RecursionError:
            raise
        except Exception as error:  # whatever Python says to values that JMESPath's functions were not tried with
            raise DoesNotFit from error
        finally:
            # It refers to itself, and what it has would stay until Python looks for such: of a queue, most bodies.
            interpreter.document = {}
        return result is not None and result is not False and result not in ("", [], {})


class _Functions(Functions):
    @signature({"types": []})
    def _func_to_string(self, value: Any) -> str:
        """JSON with every letter as it is: who looks for `Zürich` means it, and not `Z\\u00fcrich`."""
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Interpreter(TreeInterpreter):
    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(Options(custom_functions=_Functions()))
        self.document = document

    def visit(self, node: Any, value: Any) -> Any:
        kind = node["type"]
        if value is self.document["body"] and not isinstance(value, INSIDE.get(kind, object)):
            raise DoesNotFit
        projected = kind in PROJECTED and value is self.document and node["children"][0] == BODY
        if projected and not isinstance(value["body"], PROJECTED[kind]):
            raise DoesNotFit
        return super().visit(node, value)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        if node["value"] in EQUAL:
            return super().visit_comparator(node, value)
        left, right = (self.visit(side, value) for side in node["children"])
        if not (_is_number(left) and _is_number(right)):
            raise DoesNotFit
        return self.COMPARATOR_FUNC[node["value"]](left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed filter; a slice's children are numbers."""
    if isinstance(tree, dict):
        yield tree
        for part in tree["children"]:
            yield from _nodes(part)


def _names_any(node: Any, *, top: bool) -> bool:
    """Whether the node reads something of the message; `top` says that what it is given is the whole of it.

    Raises `UsageError` for a name that no message has at the top, and for a `!` that belongs to less than it looks.
    """
    kind, parts = node["type"], node["children"]
    match kind:
        case "literal" | "slice" | "index" | "identity":
            return False
        case "field":
            if top and node["value"] not in SEEN:
                raise UsageError(f"The filter names {node['value'][:40]!r}, which no message has: it has {_seen()}.")
            return True
        case "current":
            return True
        case _ if kind in (*PATHS, *PROJECTED):
            if kind != "pipe" and parts[0]["type"] == "not_expression":
                raise UsageError(
                    "The filter has a ! before a path, which JMESPath takes for its first name's: write !(body.paid)."
                )
            whole = top and parts[0]["type"] in ("current", "identity")
            first, *rest = (
                _names_any(part, top=top if at == 0 else whole and at == 1) for at, part in enumerate(parts)
            )
            return first or any(rest)
        case _:
            found = [
                _names_any(part, top=top and kind != "expref") for part in parts
            ]  # all, because each may be refused
            return any(found)


def _always(node: Any) -> bool:
    """Whether the node's result is always true as JMESPath has it: a number, or a list or object that is not empty."""
    parts = node["children"]
    match node["type"]:
        case "multi_select_list" | "multi_select_dict":
            return True
        case "function_expression":
            return node["value"] in NEVER_FALSE
        case "literal":
            return node["value"] is not None and node["value"] is not False and node["value"] not in ("", [], {})
        case "or_expression":
            return any(map(_always, parts))
        case "and_expression":
            return all(map(_always, parts))
        case _:
            return False


def _seen() -> str:
    return f"{', '.join(SEEN[:-1])} and {SEEN[-1]}"


def _reads(node: Any, name: str) -> bool:
    """Whether the node, applied to the whole document, looks at that part of it."""
    kind, children = node["type"], node["children"]
    match kind:
        case "field":
            return bool(node["value"] == name)
        case "current":
            return True
        case "value_projection" if children[0]["type"] == "identity":
            return True
        case "expref" | "literal" | "identity" | "index" | "slice":
            return False
        case "subexpression" | "pipe" | "index_expression" | "flatten" | "projection" | "filter_projection":
            return _reads(children[0], name)  # what follows is applied to what that gives
        case "value_projection":
            return _reads(children[0], name)
        case _:
            return any(_reads(child, name) for child in children)


def _check(node: dict[str, Any]) -> None:
    """Refuses what JMESPath would notice at the first message only, or at none."""
    if node["type"] == "slice" and node["children"][2] == 0:
        raise UsageError("The filter has a slice whose step is 0.")
    if node["type"] != "function_expression":
        return
    name, given = node["value"], node["children"]
    if name not in Functions.FUNCTION_TABLE:
        raise UsageError(f"The filter asks for {name}(), which JMESPath does not have.")
    takes = Functions.FUNCTION_TABLE[name]["signature"]
    variadic = bool(takes) and takes[-1].get("variadic", False)
    if len(given) < len(takes) or (len(given) > len(takes) and not variadic):
        least = "at least " if variadic else ""
        raise UsageError(f"The filter gives {name}() {len(given)} arguments; it takes {least}{len(takes)}.")
    for argument, one in zip(given, takes, strict=False):
        if (argument["type"] == "expref") is not ("expref" in (one["types"] or ())):
            raise UsageError(f"The filter gives {name}() an expression (&…) where it takes a value, or the reverse.")


def _reason(error: Exception) -> str:
    match error:
        case ParseError(lex_position=int(at)):
            return f"something is wrong at character {at + 1}"
        case RecursionError():
            return "it is nested too deep"
        case UnicodeError():
            return "it is no text"
        case _:
            return "something is missing"


def containing(text: str) -> str:
    """The filter that means messages with that text in their body, an attribute, or their cause, as it is written.

    In a body that is JSON a text stands as JSON writes it: a quotation mark behind a backslash.
    """
    literal = msgspec.json.encode(text).decode().replace("`", "\\`")
    return " || ".join(f"contains(to_string({name}), `{literal}`)" for name in ("body", "attributes", "cause"))
