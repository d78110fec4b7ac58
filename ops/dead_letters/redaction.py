"""Keeps secrets off the screen: the fields that contracts mark, and names that say what they are.

A name tells by its whole words, however they are joined: `userPassword`, `user-password` and `USER_PASSWORD` do,
`bypass`, `compass` and `secretary` do not; nor does what counts, names or describes a secret (`max_tokens`,
`next_token`, `secret_name`). A person must understand why a message is dead, so prose is shown: before a colon, a
name that is a word of a sentence (`Unexpected token: '<'`) hides what looks made up by a machine only, unless it is a
password's or a key's, and the name of an error (`SecretNotFound: ...`) hides nothing. Behind `=`, in quotes and at
the beginning of a line a name is a name. What looks like credentials is hidden wherever it stands.

What is shown of a text ends after `LONGEST` characters: whoever sends a megabyte shall not hold up who looks at it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from functions.contracts.redaction import REDACTED, hide
from functions.contracts.spellings import meant
from ops.dead_letters.telling import Telling, plain
from ops.sqs.message import UNREADABLE
from stacks import feeds
from stacks.entry import Topology

CHANGED = "[secret, changed]"
LONGEST = 32_000
"""Characters that are shown of a text, or of everything in a value."""
NEAR = 100
"""Characters before a separator among which its name is."""
SEPARATOR = re.compile("[:=\uff1a\uff1d]")
NAME = re.compile(r"""[^"'&?,;:={}\[\]<>()\r\n]*$""")
ARN = re.compile(r"\barn:aws[\w-]*:[\w:/-]*$")
"""What a colon is part of that separates no name from a value."""
ELEMENT = re.compile(
    r"(?P<before><(?:\w{1,100}:)?(?P<name>[\w.-]{1,100})(?:\s[^<>]{0,1000})?>(?:<!\[CDATA\[)?)(?P<value>[^<]+)"
)
"""An element of XML that holds a text."""
FLAG = re.compile(
    r"""(?P<before>(?<![\w-])--?(?P<name>[A-Za-z][\w-]{0,60})\s{1,9})(?P<value>"[^"]*"?|'[^']*'?|[^\s"'-][^\s"']*)"""
)
"""An option of a command with its value."""
VALUE = re.compile(
    r"""\s*+[>=]{0,2}\s*+(?:(?P<quote>\\*+["']|\\++u002[27]|%(?:25)*+2[27]|&(?:amp;)*+(?:quot|apos|\#34|\#39);)"""
    r"""(?s:.*?)(?:(?<!\\)(?P=quote)|\Z)|(?s:[\[{].*)"""
    r"""|(?:(?:bearer|basic|digest|negotiate)\s++)?[^\s,;&"'<>{}\[\]()]+)""",
    re.IGNORECASE,
)
"""What stands behind a name: what is quoted, however often escaped, all that a bracket opens, or a word."""
WHOLE_LINE = re.compile(r"authori[sz]ation|cookie")
LINE = re.compile(r"""\s*+(?!["'\\\[{])[^\r\n]+""")
MACHINE_MADE = re.compile(
    r"""\s*+["']?(?:(?:bearer|basic|digest|negotiate|aws4-hmac-sha256)\s|(?=\S{0,100}\d)[^\s,;"']{8})""", re.IGNORECASE
)
NAMELESS = re.compile(
    r"(?P<before>\b(?:bearer|basic)\s{1,9})[\w.~+/=-]{16,}|(?P<url>://[^/\s:@\"']{0,256}:)[^/\s@\"']{1,256}(?=@)"
    r"|(?<![\w-])eyJ[\w-]{8,4096}+\.[\w-]{2,4096}+\.[\w-]{0,4096}+"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
    r"|(?-i:\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)|\b(?:gh[oprsu]_|github_pat_|glpat-)\w{20,}"
    r"|\b(?:[rs]k_(?:live|test)|whsec)_\w{16,}|\bxox[a-z]-[\w-]{10,}",
    re.IGNORECASE,
)
"""What is a secret by its looks: credentials of a header, a password in a URL, a JWT, a private key, marked tokens."""
LITERAL = re.compile(r"'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`", re.DOTALL)
"""A literal of a JMESPath filter."""
LEFT_OUT = "…"
WHOLE = "`export` writes them all"
MANY = 10**NEAR
LABELS = ("name", "key", "header")
"""Fields whose value is the name of what stands beside it as `value`."""


class Redaction:
    """Hides what the contracts of a topology mark as secret, and what a name says is secret."""

    def __init__(self, topology: Topology) -> None:
        others = (entry.event for entry in topology.subscriptions)
        self._names = Telling(_secret_names((*feeds.commands(topology), *topology.events, *others)))

    def of(self, value: Any) -> Any:
        """The same value with everything secret hidden, at any depth, in texts too; the beginning of a long one."""
        return self._value(value, "", _Room())

    def body(self, body: str) -> str:
        """A body as it may be shown: JSON indented and redacted, and what is left out of it.

        Of what is no JSON, or nested too deep to be read as such, it is what `text` answers.
        """
        room = _Room()
        try:
            shown = msgspec.json.encode(self._value(msgspec.json.decode(body), "", room))
            indented = msgspec.json.format(shown, indent=2)  # of what is nested deep, mostly spaces
            text = (indented if len(indented) <= 8 * LONGEST else shown).decode()
        except UNREADABLE:
            return shortened(body, self._text(body[:LONGEST]))
        return f"{text}\n{_remark(body)}; {WHOLE}" if room.left <= 0 else text

    def text(self, text: str) -> str:
        """A text as it may be shown: without the values that stand behind a telling name, as in JSON, headers and URLs.

        A text that is JSON itself is redacted as that. Of a long one it is the beginning, and how long it is.
        """
        room = _Room()
        shown = self._string(text, room)
        return f"{shown} {_remark(text)}" if room.left <= 0 else shown

    def said_of(self, text: str, body: str, attributes: Mapping[str, str]) -> str:
        """What somebody's code said of a message with that body, as it may be shown: without the message's secrets.

        Of a message that is no JSON, and has a secret, nothing of it is.
        """
        try:
            inside: Any = msgspec.json.decode(body)
        except UNREADABLE:
            if self._text(body[:LONGEST]) != body[:LONGEST]:
                return REDACTED
            inside = None
        return self.text(hide(text, {value for value in self._secrets([inside, dict(attributes)], "") if value}))

    def _secrets(self, value: Any, name: str, *, inside: bool = False) -> Iterator[str]:
        """Every value that is hidden in it, as a text."""
        inside = inside or bool(name and self._names.tell(name))
        if isinstance(value, dict):
            labels = (each for label, each in value.items() if label.casefold() in LABELS and isinstance(each, str))
            labelled = any(self._names.tell(label) for label in labels)
            for key, inner in value.items():
                yield from self._secrets(inner, key, inside=inside or (labelled and key.casefold() == "value"))
        elif isinstance(value, list):
            for inner in value:
                yield from self._secrets(inner, "", inside=inside)
        elif inside and value is not None and not isinstance(value, bool):
            yield str(value)

    def filter(self, text: str) -> str:
        """A filter as it may be kept: where it names something secret, without its literals."""
        names = re.findall(r"\w+", LITERAL.sub("", text))
        return LITERAL.sub(f"'{REDACTED}'", text) if any(map(self._names.tell, names)) else self.text(text)

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

    def _value(self, value: Any, name: str, room: _Room) -> Any:
        if value is None:
            return None
        if name and self._names.tell(name) and not (isinstance(value, bool) and not self._names.marked(name)):
            return REDACTED
        if isinstance(value, dict):
            return self._object(value, room)
        if isinstance(value, list):
            items: list[Any] = []
            for inner in value:
                if room.left <= 0:
                    return [*items, LEFT_OUT]
                room.left -= 1
                items.append(self._value(inner, "", room))
            return items
        if isinstance(value, str):
            return self._string(value, room)
        room.left -= len(str(value)) if not isinstance(value, int) or abs(value) < MANY else NEAR
        return value

    def _object(self, value: dict[str, Any], room: _Room) -> dict[str, Any]:
        labels = (each for label, each in value.items() if label.casefold() in LABELS and isinstance(each, str))
        hidden = any(self._names.tell(label) for label in labels)
        shown: dict[str, Any] = {}
        for key, inner in value.items():
            if room.left <= 0:
                shown[LEFT_OUT] = LEFT_OUT
                break
            kept = room.taken(key)
            shown[kept] = REDACTED if hidden and key.casefold() == "value" else self._value(inner, key, room)
        return shown

    def _string(self, text: str, room: _Room) -> str:
        if text.lstrip()[:1] in ("{", "["):
            inside = _Room(room.left)
            try:
                inner = msgspec.json.decode(text)
                shown = self._value(inner, "", inside)
                if shown != inner:
                    room.left = inside.left
                    return msgspec.json.encode(shown).decode()
                if len(text) <= room.left:
                    room.left -= len(text)
                    return text
            except UNREADABLE:
                pass
        return self._text(room.taken(text))

    def _text(self, text: str) -> str:
        text = ELEMENT.sub(self._behind, text)
        text = FLAG.sub(self._behind, text)
        said, ends = meant(text)
        parts: list[str] = []
        done = floor = 0
        for separator in SEPARATOR.finditer(said):
            at = separator.start()
            end = ends[at]
            if end <= done:
                continue
            value = self._secret(said[max(floor, at - NEAR) : at], text, end, colon=separator[0] in ":\uff1a")
            if value is None:
                continue
            quote = value.groupdict().get("quote") or ""
            parts += (text[done:end], value[0][: len(value[0]) - len(value[0].lstrip())], quote, REDACTED, quote)
            done = value.end()
            floor = bisect_right(ends, done)
        return NAMELESS.sub(_nameless, "".join(parts) + text[done:])

    def _secret(self, before: str, text: str, end: int, *, colon: bool) -> re.Match[str] | None:
        """The secret at `end` of the text, if what stands `before` the separator there is its name."""
        written = before.rstrip(" \t\r\n\\")
        quoted = written.endswith(('"', "'"))
        found = NAME.search(written.rstrip(" \t\r\n\"'\\"))
        words = found[0].split() if found else []
        if not words:
            return None
        if quoted:
            name = " ".join(words[-2:])
            if not self._names.tell(name):
                return None
        else:
            names = [each for each in (words[-1:], words[-2:]) if self._names.end(each)]
            if not names or (colon and (self._names.fault(words[-1]) or ARN.search(written))):
                return None
            name = " ".join(names[0])
            prose = colon and len(words) > len(names[0]) and not words[-len(names[0]) - 1].startswith("-")
            if prose and not self._names.strong(name) and MACHINE_MADE.match(text, end) is None:
                return None
        value = LINE.match(text, end) if WHOLE_LINE.search(plain(name)) else None
        return value or VALUE.match(text, end)

    def _behind(self, found: re.Match[str]) -> str:
        return f"{found['before']}{REDACTED}" if self._names.tell(found["name"]) else found[0]


class _Room:
    """How many characters may be shown yet."""

    def __init__(self, left: int = LONGEST) -> None:
        self.left = left

    def taken(self, text: str) -> str:
        """What there is room for of a text; a text that is longer leaves none."""
        shown = text[: max(self.left, 0)]
        self.left -= len(text)
        return shown if self.left >= 0 else f"{shown}{LEFT_OUT}"


def shortened(text: str, shown: str | None = None) -> str:
    """The beginning of a long text, or what is `shown` of it, and how long it is."""
    shown = text[:LONGEST] if shown is None else shown
    return shown if len(text) <= LONGEST else f"{shown}\n{_remark(text)}; {WHOLE}"


def _remark(text: str) -> str:
    return f"{LEFT_OUT} the beginning of {len(text):,} characters"


@lru_cache(4)
def _secret_names(contracts: tuple[type, ...]) -> frozenset[str]:
    return frozenset(plain(name) for contract in contracts for name in _marked(inspect.type_info(contract)))


def _nameless(found: re.Match[str]) -> str:
    return f"{found['before'] or found['url'] or ''}{REDACTED}"


def _told(before: Any, after: Any, shown: Any) -> Any:
    """`shown`, which is what may be shown of `after`, with a word where what is hidden is not what it was."""
    if isinstance(shown, dict) and isinstance(before, dict) and isinstance(after, dict):
        return {name: _told(before.get(name), after.get(name), inner) for name, inner in shown.items()}
    if isinstance(shown, list) and isinstance(before, list) and isinstance(after, list):
        rest = [None] * (len(after) - len(before))
        return [_told(*parts) for parts in zip([*before, *rest], after, shown, strict=False)]
    if isinstance(shown, str) and before is not None and before != after:
        return shown.replace(REDACTED, CHANGED)
    return shown


def _marked(kind: inspect.Type) -> Iterator[str]:
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if is_secret(field.type):
                yield field.encode_name
            yield from _marked(field.type)
    for part in ("item_type", "type", "key_type", "value_type"):
        inner = getattr(kind, part, None)
        if isinstance(inner, inspect.Type):
            yield from _marked(inner)
    for inner in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        yield from _marked(inner)


def is_secret(kind: inspect.Type) -> bool:
    """Whether a contract marks what is of that type as a secret."""
    if isinstance(kind, inspect.Metadata):
        return bool((kind.extra or {}).get("secret")) or is_secret(kind.type)
    return any(is_secret(inner) for inner in getattr(kind, "types", ()))
