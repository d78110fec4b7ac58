"""Keeps secrets off the screen: the fields that contracts mark, and names that say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from unicodedata import normalize

import msgspec
from msgspec import inspect

from functions.contracts.redaction import REDACTED
from functions.contracts.spellings import unescaped
from ops.sqs.message import UNREADABLE
from stacks.entry import Topology

CHANGED = "[secret, changed]"
TELLING = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pass$|pwd|secret|token|(?:api|access|private)key|authori[sz]ation|credential"
    r"|cookie|cardnumber|cvv|cvc|iban"
)
"""In a name written small, without anything between its words."""
BETWEEN = re.compile(r"[\W_]+")
SEPARATOR = re.compile(r"[:=]|%3[adAD]")
NEAR = 100
"""Characters before a separator among which its name is."""
NAME = re.compile(r"""[^"'&?,;:={}\[\]<>()\r\n]*$""")
ELEMENT = re.compile(
    r"(?P<before><(?:\w{1,100}:)?(?P<name>[\w.-]{1,100})(?:\s[^<>]{0,1000})?>(?:<!\[CDATA\[)?)(?P<value>[^<]+)"
)
"""An element of XML that holds a text."""
VALUE = re.compile(
    r"""\s*+>?\s*+(?:(?P<quote>\\*+["']|&(?:quot|apos|\#34|\#39);)(?s:.*?)(?:(?<!\\)(?P=quote)|\Z)|(?s:[\[{].*)"""
    r"""|(?:(?:bearer|basic|digest|negotiate)\s++)?[^\s,;&"'<>{}\[\]()]+)""",
    re.IGNORECASE,
)
"""What stands behind a name: what is quoted, however often escaped, all that a bracket opens, or a word."""
WHOLE_LINE = re.compile(r"authori[sz]ation|cookie")
LINE = re.compile(r"""\s*+(?!["'\\\[{])[^\r\n]+""")
NAMELESS = re.compile(
    r"(?P<before>\b(?:bearer|basic)\s{1,9})[\w.~+/=-]{16,}|(?P<url>://[^/\s:@\"']{0,256}:)[^/\s@\"']{1,256}(?=@)"
    r"|\beyJ[\w-]{8,4096}+\.[\w-]{2,4096}+\.[\w-]{0,4096}+",
    re.IGNORECASE,
)
"""What is a secret by its looks: credentials of a header, a password in a URL, a JWT."""
LITERAL = re.compile(r"'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`", re.DOTALL)
"""A literal of a JMESPath filter."""
LABELS = ("name", "key", "header")
"""Fields whose value is the name of what stands beside it as `value`."""


class Redaction:
    """Hides what the contracts of a topology mark as secret, and what a name says is secret."""

    def __init__(self, topology: Topology) -> None:
        self._names = _secret_names((*(route.accepts for route in topology.routes), *topology.events))

    def of(self, value: Any, name: str = "") -> Any:
        """The same value with everything secret hidden, at any depth, in texts too."""
        if value is None:
            return None
        if name and self._tells(name):
            return REDACTED
        if isinstance(value, dict):
            labels = (each for label, each in value.items() if label.casefold() in LABELS and isinstance(each, str))
            hidden = any(self._tells(label) for label in labels)
            return {
                key: REDACTED if hidden and key.casefold() == "value" else self.of(inner, key)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def body(self, body: str) -> str:
        """A body as it may be shown: JSON indented and redacted.

        Of what is no JSON, or nested too deep to be read as such, it is what `text` answers.
        """
        try:
            return msgspec.json.format(msgspec.json.encode(self.of(msgspec.json.decode(body))), indent=2).decode()
        except UNREADABLE:
            return self._text(body)

    def text(self, text: str) -> str:
        """A text as it may be shown: without the values that stand behind a telling name, as in JSON, headers and URLs.

        A text that is JSON itself is redacted as that.
        """
        if text.lstrip()[:1] in ("{", "["):
            try:
                inner = msgspec.json.decode(text)
                shown = self.of(inner)
                return text if shown == inner else msgspec.json.encode(shown).decode()
            except UNREADABLE:
                pass
        return self._text(text)

    def filter(self, text: str) -> str:
        """A filter as it may be kept: where it names something secret, without its literals."""
        names = re.findall(r"\w+", LITERAL.sub("", text))
        return LITERAL.sub(f"'{REDACTED}'", text) if any(map(self._tells, names)) else self.text(text)

    def asked(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of a command as they may be kept."""
        return {
            name: self.asked(value)
            if isinstance(value, dict)
            else self.filter(value)
            if name == "filter" and isinstance(value, str)
            else self.of(value)
            for name, value in options.items()
        }

    def change(self, before: Any, after: Any) -> tuple[Any, Any]:
        """Both as they may be shown; what is hidden in both and differs is `[secret, changed]` in the second."""
        return self.of(before), _told(before, after, self.of(after))

    def _text(self, text: str) -> str:
        text = ELEMENT.sub(self._element, text)
        parts: list[str] = []
        done = 0
        for separator in SEPARATOR.finditer(text):
            at, end = separator.span()
            if at < done:
                continue
            name = _before(text[max(done, at - NEAR) : at])
            if not self._tells(name):
                continue
            value = LINE.match(text, end) if WHOLE_LINE.search(_plain(name)) else None
            value = value or VALUE.match(text, end)
            if value is None:
                continue
            quote = value.groupdict().get("quote") or ""
            parts += (text[done:end], value[0][: len(value[0]) - len(value[0].lstrip())], quote, REDACTED, quote)
            done = value.end()
        return NAMELESS.sub(_nameless, "".join(parts) + text[done:])

    def _element(self, found: re.Match[str]) -> str:
        return f"{found['before']}{REDACTED}" if self._tells(found["name"]) else found[0]

    def _tells(self, name: str) -> bool:
        plain = _plain(name)
        return plain in self._names or TELLING.search(plain) is not None


@lru_cache(4)
def _secret_names(contracts: tuple[type, ...]) -> frozenset[str]:
    return frozenset(_plain(name) for contract in contracts for name in _marked(inspect.type_info(contract)))


def _plain(name: str) -> str:
    """A name as it is compared: `card-number`, `cardNumber` and `CARD NUMBER` are one."""
    return _known(name) if len(name) <= NEAR else _alone(name)  # a strange name may be as long as a message


def _alone(name: str) -> str:
    return BETWEEN.sub("", normalize("NFKC", unescaped(name)).casefold())


_known = lru_cache(4096)(_alone)


def _before(text: str) -> str:
    """The name at the end of a text: its last two words, because `card number` is one, too."""
    found = NAME.search(unescaped(text).rstrip(" \t\r\n\"'\\"))
    return " ".join(found[0].split()[-2:]) if found else ""


def _nameless(found: re.Match[str]) -> str:
    return f"{found['before'] or found['url'] or ''}{REDACTED}"


def _told(before: Any, after: Any, shown: Any) -> Any:
    """`shown`, which is what may be shown of `after`, with a word where what is hidden is not what it was."""
    if isinstance(shown, dict) and isinstance(before, dict) and isinstance(after, dict):
        return {name: _told(before.get(name), after[name], inner) for name, inner in shown.items()}
    if isinstance(shown, list) and isinstance(before, list) and isinstance(after, list):
        rest = [None] * (len(after) - len(before))
        return [_told(*parts) for parts in zip([*before, *rest], after, shown, strict=False)]
    if isinstance(shown, str) and before is not None and before != after:
        return shown.replace(REDACTED, CHANGED)
    return shown


def _marked(kind: inspect.Type) -> Iterator[str]:
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if _is_secret(field.type):
                yield field.encode_name
            yield from _marked(field.type)
    for part in ("item_type", "type", "key_type", "value_type"):
        inner = getattr(kind, part, None)
        if isinstance(inner, inspect.Type):
            yield from _marked(inner)
    for inner in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        yield from _marked(inner)


def _is_secret(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.Metadata):
        return bool((kind.extra or {}).get("secret")) or _is_secret(kind.type)
    return any(_is_secret(inner) for inner in getattr(kind, "types", ()))
