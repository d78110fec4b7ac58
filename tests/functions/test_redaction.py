"""Nothing of a secret remains in a text, however it is spelled there."""

from __future__ import annotations

import ast
import html
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Annotated
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from functions.contracts import spellings as module
from functions.contracts.contract import Secret
from functions.contracts.redaction import LONGEST, REDACTED, redact

Spell = Callable[[str], str]
SPELLINGS: dict[str, Spell] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "bytes": lambda text: repr(text.encode())[2:-1],
    "percent": lambda text: quote(text, safe=""),
    "percent in small letters": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "plus": quote_plus,
    "html": html.escape,
    "html by numbers": lambda text: "".join(f"&#{ord(each)};" for each in text),
}
CASES: list[Spell] = [str, str.upper, str.lower, str.swapcase]


class Account(Struct):
    password: Annotated[str, Secret]
    other: Annotated[str, Secret] = ""
    pin: Annotated[int, Secret] = 0


class Vault(Struct):
    tokens: list[Annotated[str, Secret]]


secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=3, max_size=12)
spellings = st.lists(st.sampled_from([*SPELLINGS]), max_size=3)


@given(secret=secrets, case=st.sampled_from(CASES), names=spellings)
@example(secret="\\%6e\u00e9", case=str, names=["json", "percent"])
@example(secret="Stra\u00dfe 'a' \"b\"/\\n\n", case=str.upper, names=["json"])
@example(secret="\u0130\u0131\u017f\u00c3\u00a9", case=str.lower, names=["ascii", "json"])
@example(secret="\U0001f600&amp;%25+", case=str, names=["json", "json", "html"])
def test_nothing_of_a_secret_remains_however_it_is_spelled(secret: str, case: Spell, names: list[str]) -> None:
    spelled = case(secret)
    for name in names:
        spelled = SPELLINGS[name](spelled)
    shown = redact(f"<the [{spelled}] is wrong>", Account(password=secret))
    assert shown == "<the [[secret]] is wrong>"


@pytest.mark.parametrize(("times", "plain"), [(0, True), (1, True), (4, True), (5, False)])
def test_a_text_is_unescaped_four_times_over_and_each_character_is_found_where_it_was_written(
    times: int, plain: bool
) -> None:
    text = "a<\u00e9>b"
    for _ in range(times):
        text = SPELLINGS["percent"](text)
    assert (module.unescaped(text) == "a<\u00e9>b") == plain
    said, ends = module.meant(text)
    assert said == module.unescaped(text)
    assert (len(ends), ends[0], ends[-1]) == (len(said), 1, len(text))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"\n\r\t\b\f\v\0", "\n\r\t\b\f\v\0"),
        (r"\"\'\/\\", "\"'/\\"),
        ("&quot;&amp;&apos;&lt;&gt;&nbsp;&copy;", "\"&'<>\u00a0&copy;"),
        ("&#65;&#x42;&#X43;", "ABC"),
        ("%41%c3%a9%ff", "A\u00e9\udcff"),
        (r"\x41\xc3\xa9\u0042\ud83d\ude00\ud800\U00000043", "A\u00e9B\U0001f600\ud800C"),
        (r"\U0010ffff&#x10ffff;&#1114111;", "\U0010ffff" * 3),
        (r"\U00110000 &#x110000; &#1114112;", r"\U00110000 &#x110000; &#1114112;"),
        ("100% & \\q &; %4", "100% & \\q &; %4"),
    ],
)
def test_an_escape_is_what_it_means_and_anything_else_stays_as_it_is_written(text: str, plain: str) -> None:
    assert module.unescaped(text) == module.meant(text)[0] == plain
    assert redact(f"<{text}>", Account(password=f"<{plain}>")) == REDACTED


def test_a_text_without_escapes_is_not_searched_for_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ESCAPED", None)  # takes a hundred times as long
    assert module.unescaped("as it is") == "as it is"
    assert module.meant("as it is") == ("as it is", range(1, 9))


@pytest.mark.parametrize(("times", "hidden"), [(4, True), (5, False)])
def test_a_secret_is_found_that_is_escaped_four_times_over(times: int, hidden: bool) -> None:
    text = "hunter-2"
    for _ in range(times):
        text = SPELLINGS["percent in small letters"](text)
    assert (redact(f"{text}.", Account(password="hunter-2")) == f"{REDACTED}.") == hidden


def test_secrets_that_overlap_are_hidden_together_and_the_mark_is_none_of_them() -> None:
    account = Account(password="hunter2", other="secret")
    assert redact("hunter2 is a secret", account) == "[secret] is a [secret]"
    assert redact("see abcdef", Account(password="abcd", other="cdef")) == "see [secret]"


def test_a_short_secret_is_hidden_where_it_stands_alone() -> None:
    account = Account(password="e", pin=42)
    assert redact("pin 42 of e, not 1423, refused", account) == "pin [secret] of [secret], not 1423, refused"
    for kept in ("xe", "ex", "-xe", "ex-", "1e", "e1", "\u00e9e"):
        assert redact(kept, account) == kept
    for hidden in ("e", "(e)", "_e", "e_", "x e", "e x"):
        assert redact(hidden, account) == hidden.replace("e", REDACTED)
    assert redact("xx1423xx ab xabcx", Account(password="abc", other="ab")) == "xx1423xx [secret] x[secret]x"


def test_a_number_is_found_with_its_thousands_apart() -> None:
    assert redact("4,111,222 is 4111222", Account(password="", pin=4_111_222)) == "[secret] is [secret]"


class Odd(Struct):
    rate: Annotated[float, Secret] = 0.0
    on: Annotated[bool, Secret] = True
    none: Annotated[str | None, Secret] = None
    nested: Annotated[dict[str, list[int]], Secret] = {}


def test_a_secret_of_any_kind_is_found_but_for_what_is_in_every_text() -> None:
    odd = Odd(rate=1234.5, nested={"a": [777, 888]})
    assert redact("1,234.5 and 1234.5 of 777 and 888: True, None, a", odd) == (
        "[secret] and [secret] of [secret] and [secret]: True, None, a"
    )


@pytest.mark.parametrize(("count", "whole"), [(500, False), (501, True)])
def test_so_many_secrets_are_looked_for(count: int, whole: bool) -> None:
    text = redact("no token-1. here", Vault(tokens=[f"token-{number}." for number in range(count)]))
    assert text == (REDACTED if whole else f"no {REDACTED} here")


def test_what_is_not_secret_stays_as_it_was_written() -> None:
    text = "50%25 of \\u00e9 &amp; \\\\n, a+b"
    assert redact(text, Account(password="hunter2")) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a" * 100_000 + "c", "a" * 300_000),
        ("a" * 1_000 + "b", "a" * 300_000),
        ("\\" * 500 + "x", "\\" * 200_000),
        ("%" * 500, "%25" * 100_000),
        ("hunter2", "\\u0041" * 100_000),
    ],
    ids=range(5),
)
def test_no_text_takes_long(secret: str, text: str) -> None:
    started = time.process_time()
    redact(text, Account(password=secret))
    assert time.process_time() - started < 10  # what backtracks takes hours


@pytest.mark.parametrize("spell", [str, SPELLINGS["json"], quote], ids=["plain", "json", "percent"])
@pytest.mark.parametrize("before", [0, 100, LONGEST // 2 - 10, LONGEST - 10, 10 * LONGEST])
@pytest.mark.parametrize("secret", ["hunter\u00e9-2", "p\u00e4ss-" * 200_000], ids=["short", "long"])
def test_of_a_text_without_measure_no_part_of_a_secret_is_kept(secret: str, before: int, spell: Spell) -> None:
    text = redact("." * before + spell(secret) + "." * 10 * LONGEST, Account(password=secret))
    assert set(text.replace(REDACTED, "")) <= set(".\u2026")
    assert len(text) <= LONGEST


@pytest.mark.parametrize("secret", ["%25C3%25A9\\xc3" * 70_000, "\\u0041" * 150_000], ids=["percent", "json"])
def test_of_a_secret_without_measure_its_beginning_is_looked_for(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    asked: list[str] = []
    places = module.places

    def noted(text: str, values: Iterable[str]) -> list[tuple[int, int]]:
        asked.extend(values)
        return places(text, values)

    monkeypatch.setattr(module, "places", noted)
    text = redact(f"no account for {secret[:3000]}, sorry", Account(password=secret))
    assert text == "no account for [secret]"
    assert sum(map(len, asked)) < 1_000


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("." * 16_000, "hunter2", "." * 16_000),
        ("." * 16_001, "hunter2", "." * 8_000 + "\u2026"),
        ("." * 16_001, "", "." * 16_001),
        ("." * 7_993 + "hunter2" + "." * 9_000, "hunter2", "." * 7_993 + "[secret]\u2026"),
        ("." * 7_999 + "hunter2" + "." * 9_000, "hunter2", "." * 7_999 + "[secret]\u2026"),
        ("." * 8_000 + "hunter2" + "." * 9_000, "hunter2", "." * 8_000 + "\u2026"),
        ("." * 7_999 + "x" * 300 + "." * 9_000, "x" * 300, "." * 7_999 + "[secret]"),
        ("." * 8_000 + "x" * 300 + "." * 9_000, "x" * 300, "." * 8_000 + "\u2026"),
        ("a " + "x" * 250 + " b", "x" * 250, "a [secret] b"),
        ("a " + "x" * 251 + " b", "x" * 251, "a [secret]"),
    ],
    ids=range(10),
)
def test_a_text_and_a_secret_are_cut_at_exactly_these_lengths(text: str, secret: str, shown: str) -> None:
    assert redact(text, Account(password=secret, pin=77)) == shown if secret else redact(text, None) == shown


def test_a_text_is_hidden_whole_where_there_are_too_many_secrets_to_look_for() -> None:
    many = Vault(tokens=[f"token-{number}" for number in range(50_000)])
    assert redact("no token-49999 here", many) == REDACTED


def test_a_cold_start_loads_nothing_for_it() -> None:
    code = "import sys, functions.contracts.redaction; print([*filter(lambda name: 'spellings' in name, sys.modules)])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(loaded) == []
