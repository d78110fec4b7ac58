"""What the API answers is read whatever it is: nothing in it stops `verify`."""

from __future__ import annotations

import pytest

from ops.send.caller import Answer, spoken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"message": "no such ticket"}', "400: no such ticket"),
        ('{"code": 7}', '400: {"code":7}'),
        ('{"message": "\\ud800"}', '400, no JSON: \'{"message": "\\\\ud800"}\''),
        ('{"code": "\\ud800"}', '400, no JSON: \'{"code": "\\\\ud800"}\''),
        ('{"a":' * 100_000, "400, no JSON: '" + '{"a":' * 24 + "'"),
        ('{"n": ' + "9" * 5_000 + "}", '400, no JSON: \'{"n": ' + "9" * 114 + "'"),
        ("[1]", "400, no JSON: '[1]'"),
    ],
    ids=["words", "object", "half a pair", "half a pair elsewhere", "deep", "digits", "list"],
)
def test_an_answer_is_said_in_short_whatever_it_is(text: str, words: str) -> None:
    said = spoken(Answer(400, {}, text))
    assert said == words
    assert said.encode()
