"""Values in a text, however they are spelled there: in JSON, in Python's `repr`, in a URL, in HTML, in another case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial

DEEPEST = 4
"""How often a value may be escaped: a body in a body in a log line."""
SHORT = 3
"""Characters below which a value is found only where it stands alone: it is in half of all words."""
_ESCAPED = re.compile(
    r"(?P<units>(?:\\u[0-9a-fA-F]{4})+)|\\U(?P<point>[0-9a-fA-F]{8})|(?P<bytes>(?:\\x[0-9a-fA-F]{2})+)"
    r"|\\(?P<sign>[nrtbfv0\"'/\\])|(?P<percent>(?:%[0-9a-fA-F]{2})+)"
    r"|&\#[xX](?P<hex>[0-9a-fA-F]{1,6});|&\#(?P<decimal>[0-9]{1,7});|&(?P<name>quot|amp|apos|lt|gt|nbsp);"
)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_NAMES = {"quot": '"', "amp": "&", "apos": "'", "lt": "<", "gt": ">", "nbsp": "\u00a0"}


class _Layer:
    """A text, unescaped a few times; `starts` and `ends` are where each character was written in the text itself."""

    def __init__(self, text: str, starts: list[int], ends: list[int]) -> None:
        self.text, self.starts, self.ends = text, starts, ends

    def below(self, *, latin: bool) -> _Layer:
        """The same unescaped once more.

        What is written as bytes is UTF-8, or with `latin` a character a byte, as Python's `ascii` writes it.
        """
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done: int = 0
        for found in _ESCAPED.finditer(self.text):
            at, end = found.span()
            meant = _meant(found, latin=latin)
            parts += (self.text[done:at], meant)
            starts += self.starts[done:at] + [self.starts[at]] * len(meant)
            ends += self.ends[done:at] + [self.ends[end - 1]] * len(meant)
            done = end
        return _Layer("".join(parts) + self.text[done:], starts + self.starts[done:], ends + self.ends[done:])

    def folded(self) -> _Layer:
        """The same in one case, and with the plus that a form writes for a space."""
        folded = [_fold(character) for character in self.text]
        written = [at for at, each in enumerate(folded) for _ in each]
        return _Layer("".join(folded), [self.starts[at] for at in written], [self.ends[at] for at in written])


def unescaped(text: str) -> str:
    """The text with all its escapes, of JSON, Python, URLs and HTML, as what they mean."""
    for _ in range(DEEPEST):
        if not ("\\" in text or "%" in text or "&" in text):
            break
        text = _ESCAPED.sub(partial(_meant, latin=False), text)
    return text


def meant(text: str) -> tuple[str, list[int] | range]:
    """The text as `unescaped` has it, and where each of its characters ends in the text as it is written."""
    if not ("\\" in text or "%" in text or "&" in text):
        return text, range(1, len(text) + 1)
    layer = _Layer(text, [*range(len(text))], [*range(1, len(text) + 1)])
    for _ in range(DEEPEST):
        layer = layer.below(latin=False)
    return layer.text, layer.ends


def places(text: str, values: Iterable[str]) -> list[tuple[int, int]]:
    """Where in the text one of the values is written, from and to, in order; what overlaps is one place.

    No value is empty.
    """
    layers = [layer.folded() for layer in _layers(text)]
    found: list[tuple[int, int]] = []
    for value in values:
        for needle in {_fold(layer.text) for layer in _layers(value)}:
            for layer in layers:
                found += _found(needle, layer)
    found.sort()
    joined: list[tuple[int, int]] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _layers(text: str) -> Iterable[_Layer]:
    above = [_Layer(text, [*range(len(text))], [*range(1, len(text) + 1)])]
    known = {text: above[0]}
    for _ in range(DEEPEST):
        below = {layer.text: layer for each in above for layer in (each.below(latin=True), each.below(latin=False))}
        above = [layer for layer in below.values() if layer.text not in known]
        known |= below
    return known.values()


def _found(needle: str, layer: _Layer) -> Iterator[tuple[int, int]]:
    text, size = layer.text, len(needle)
    at = text.find(needle)
    while at >= 0:
        alone = not (text[at - 1 : at].isalnum() or text[at + size : at + size + 1].isalnum())
        if size >= SHORT or alone:
            yield layer.starts[at], layer.ends[at + size - 1]
        at = text.find(needle, at + size)


def _meant(found: re.Match[str], *, latin: bool) -> str:
    kind, written = found.lastgroup, found[found.lastgroup or 0]
    match kind:
        case "units":
            return bytes.fromhex(written.replace("\\u", "")).decode("utf-16-be", "surrogatepass")
        case "bytes":
            return _text(bytes.fromhex(written.replace("\\x", "")), latin=latin)
        case "percent":
            return _text(bytes.fromhex(written.replace("%", "")), latin=latin)
        case "sign":
            return _SIGNS.get(written, written)
        case "name":
            return _NAMES[written]
        case _:
            code = int(written, 10 if kind == "decimal" else 16)
            return chr(code) if code < 0x110000 else found[0]


def _text(written: bytes, *, latin: bool) -> str:
    return written.decode("latin-1") if latin else written.decode("utf-8", "surrogateescape")


def _fold(text: str) -> str:
    return text.upper().casefold().replace("+", " ")
