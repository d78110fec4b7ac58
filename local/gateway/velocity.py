"""Mapping templates: Velocity with the variables that API Gateway documents, rendered by airspeed.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import airspeed
from airspeed.operators import __additional_methods__ as java_methods

from local.gateway.errors import UnsupportedError


def _hash_code(text: str) -> int:
    """java.lang.String.hashCode: over UTF-16 code units, in 32 bits."""
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    value = 0
    for unit in units:
        value = (31 * value + unit) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


java_methods[str] |= {
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "equals": str.__eq__,
    "isEmpty": lambda text: not text,
    "endsWith": str.endswith,
    "length": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "hashCode": _hash_code,
    "compareTo": lambda text, other: (text > other) - (text < other),
}


class Parameters:
    """A map of names of others, of which only `get` and `keySet` can be called, whatever its keys are."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> Any:
        """The value of that exact name, or none."""
        return self._values.get(name)

    def keySet(self) -> list[str]:  # noqa: N802 - Java's name
        """Every name."""
        return list(self._values)


class Final(dict[str, Any]):
    """Overrides, of which each may be applied once; a second time API Gateway answers with a 5xx.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    """

    def __setitem__(self, name: str, value: Any) -> None:
        """Raises `UnsupportedError` for one that is there, which `render` raises as airspeed's `TemplateError`."""
        if name in self:
            raise UnsupportedError(f"a template overrides {name} twice")
        super().__setitem__(name, value)


class Document(Parameters):
    """A JSON object of a payload, whose members are also read as properties: `$error.Code`."""

    def __getitem__(self, name: str) -> Any:
        if name in ("get", "keySet"):
            raise KeyError(name)
        return self._values[name]


class Input:
    """`$input`: the payload and the parameters of the request."""

    def __init__(
        self, body: str, path: Mapping[str, str], query: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        # A missing payload reads as an empty object, as recorded from AWS.
        self.body = body or "{}"
        self._places = {"path": path, "querystring": query, "header": headers}

    def params(self, name: str | None = None) -> Any:
        """All parameters, or the first of that name in path, query and header."""
        if name is None:
            return Parameters({place: Parameters(values) for place, values in self._places.items()})
        return next((values[name] for values in self._places.values() if name in values), "")

    def path(self, expression: str) -> Any:
        """The value at a JSONPath of the payload, or none."""
        return _wrapped(self._at(expression))

    def _at(self, expression: str) -> Any:
        try:
            value = json.loads(self.body)
        except json.JSONDecodeError:
            return None
        for step in _steps(expression):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def json(self, expression: str) -> str:
        """The value at a JSONPath of the payload, as JSON."""
        return json.dumps(self._at(expression), separators=(",", ":"), ensure_ascii=False)


_ESCAPES = {ord(plain): f"\\{letter}" for plain, letter in zip("'\"\\/\b\n\t\f\r", "'\"\\/bntfr", strict=True)}


class Util:
    """`$util`."""

    def urlEncode(self, text: str) -> str:  # noqa: N802 - API Gateway's name
        """As java.net.URLEncoder writes UTF-8: space is `+`, and only `.-*_` stay."""
        return quote_plus(text, safe="*", errors="surrogatepass").replace("~", "%7E")

    def urlDecode(self, text: str) -> str:  # noqa: N802
        """The opposite of `urlEncode`."""
        return unquote_plus(text)

    def base64Encode(self, text: str) -> str:  # noqa: N802
        """Of the UTF-8 bytes."""
        return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()

    def base64Decode(self, text: str) -> str:  # noqa: N802
        """The opposite of `base64Encode`."""
        return base64.b64decode(text).decode()

    def escapeJavaScript(self, text: str) -> str:  # noqa: N802
        """For a JavaScript string, as commons-lang writes it: the apostrophe and the slash are escaped, too."""
        units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
        return "".join(_ESCAPES.get(unit) or (chr(unit) if 31 < unit < 128 else f"\\u{unit:04X}") for unit in units)

    def parseJson(self, text: str) -> Any:  # noqa: N802
        """The value of a JSON text."""
        return json.loads(text)


def render(template: str, *, given: Input, context: Mapping[str, Any], stage_variables: Mapping[str, str]) -> str:
    """The template's text. Overrides that it sets are left in `context`.

    Raises `airspeed.TemplateError` for a template that cannot be rendered.
    """
    text: str = _compiled(template).merge(
        {"input": given, "util": Util(), "context": context, "stageVariables": dict(stage_variables)}
    )
    return text


@lru_cache(maxsize=256)
def _compiled(template: str) -> Any:
    compiled = airspeed.Template(template)
    compiled.ensure_compiled()
    return compiled


def _wrapped(value: Any) -> Any:
    """The value with objects that are called as Java's maps are."""
    match value:
        case dict():
            return Document({name: _wrapped(inner) for name, inner in value.items()})
        case list():
            return [_wrapped(inner) for inner in value]
    return value


def _steps(expression: str) -> Iterator[str | int]:
    """The steps of a JSONPath that only names members and indexes."""
    if not re.fullmatch(r"\$(\.\w+|\['[^']+'\]|\[\d+\])*", expression):
        raise UnsupportedError(f"JSONPath {expression!r} is not read locally")
    for name, quoted, index in re.findall(r"\.(\w+)|\['([^']+)'\]|\[(\d+)\]", expression):
        yield int(index) if index else name or quoted
