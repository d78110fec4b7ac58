"""What an edit refuses in a sentence that repeats nothing, and the difference that it shows of long bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.dead_letters.redaction import LONGEST, Redaction
from ops.errors import UsageError
from ops.redrive.edit import Edit, difference
from ops.sqs.message import Message
from tests.sample.topology import SAMPLE

DEEP = '{"a":' * 5_000 + "1" + "}" * 5_000
LONG = "x" * LONGEST


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("{", r"^The edit is no JSON: Input data was truncated\.?"),
        ("\ud800", r"^The edit is no JSON: it is nested too deep, or no text$"),
        ('{"a": 1E+99999999999999999999}', r"^The edit is no JSON: a number in it is beyond all measure$"),
        ("[1]", r'^The edit must be a JSON object, such as \{"language": "EN"\}\.$'),
        ("null", r"^The edit must be a JSON object"),
    ],
)
def test_a_patch_that_is_none_is_one_sentence(patch: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Edit(patch)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("hello", r"^its body is no JSON \(JSON is malformed: invalid character"),
        ('["a"]', r"^its body is no JSON object$"),
        ("1", r"^its body is no JSON object$"),
        (DEEP, r"^its body is no JSON \(it is nested too deep, or no text\)$"),
    ],
)
def test_a_body_that_no_patch_fits_is_said_to_be_that(body: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Edit('{"a": {"b": 1}}').apply(body)


def shown(before: Any, after: Any) -> list[str]:
    return list(difference(json.dumps(before), json.dumps(after), Redaction(SAMPLE)))


def test_a_difference_has_one_line_around_it_and_no_names_of_files() -> None:
    before = dict.fromkeys("abcdefg", 1)
    assert shown(before, before | {"d": 2}) == [
        "@@ -4,3 +4,3 @@",
        '   "c": 1,',
        '-  "d": 1,',
        '+  "d": 2,',
        '   "e": 1,',
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"n": 1}, {"n": 2}, ['-  "n": 1', '+  "n": 2']),
        ({"n": 1}, {"m": 1}, ['-  "n": 1', '+  "m": 1']),
        ({"n": 1, "m": 2}, {"m": 2}, ["-{", '-  "n": 1', "-}", "+{}"]),
        ({"n": {"m": 1}}, {"n": [1]}, ['-  "n": {', '-    "m": 1', "-  }", '+  "n": [', "+    1", "+  ]"]),
        ({"n": "a"}, {"n": {"m": 1}}, ['-  "n": "a"', '+  "n": {', '+    "m": 1', "+  }"]),
        ({"n": {"m": 1, "o": LONG}}, {"n": {"m": 2, "o": LONG}}, ['-    "m": 1', '+    "m": 2']),
        ({"password": "a"}, {"password": "b"}, ['-  "password": "[secret]"', '+  "password": "[secret, changed]"']),
    ],
)
def test_of_a_long_body_what_differs_is_shown_and_nothing_else(
    before: dict[str, Any], after: dict[str, Any], lines: list[str]
) -> None:
    told = shown({"long": LONG, **before}, {"long": LONG, **after})
    assert [line for line in told if line[0] in "+-"] == lines
    assert not [line for line in told if "x" * 100 in line]


def test_long_bodies_that_are_no_objects_are_shown_by_their_beginning() -> None:
    told = shown([1, LONG], [2, LONG])
    assert ("-  1," in told, "+  2," in told) == (True, True)
    assert shown([LONG], {"n": LONG})[1] == "-["


@pytest.mark.parametrize("spare", [0, 1])
def test_bodies_as_long_as_can_be_shown_are_compared_whole(spare: int) -> None:
    empty = len(json.dumps({"n": 1, "o": ""})) * 2
    before, after = ({"n": n, "o": "x" * ((LONGEST - empty) // 2) + "x" * spare} for n in (1, 2))
    assert len(json.dumps(before) + json.dumps(after)) == LONGEST + 2 * spare
    assert any('"o"' in line for line in shown(before, after)) is not bool(spare)


def test_what_becomes_too_deep_only_as_it_is_merged_is_said_to_be() -> None:
    edit = Edit('{"a":' * 700 + "1" + "}" * 700)
    assert edit.apply("{}") == '{"a":' * 700 + "1" + "}" * 700

    def below(frames: int) -> str:
        return below(frames - 1) if frames else edit.apply("{}")

    with pytest.raises(ValueError, match=r"^its body is nested too deep$"):
        below(300)


@pytest.mark.parametrize(
    ("body", "patch", "after"),
    [
        ('{"a":{"b":1,"c":2},"d":{"b":9}}', '{"a":{"b":3}}', '{"a":{"b":3,"c":2},"d":{"b":9}}'),
        ('{"a":{"b":{"c":1,"d":1}}}', '{"a":{"b":{"c":null}}}', '{"a":{"b":{"d":1}}}'),
        ('{"a":1}', '{"b":{"c":null,"d":1},"e":null}', '{"a":1,"b":{"d":1}}'),
        ('{"a":[{"b":1}]}', '{"a":[null]}', '{"a":[null]}'),
        ('{"a":"x"}', '{"a":{"b":1}}', '{"a":{"b":1}}'),
        ('{"a":1.10}', '{"b":1E5}', '{"a":1.10,"b":1E+5}'),
    ],
)
def test_a_patch_changes_what_it_names_at_any_depth_and_nothing_beside_it(body: str, patch: str, after: str) -> None:
    assert Edit(patch).apply(body) == Edit(patch).of(Message("m", "", body), body, None) == after
