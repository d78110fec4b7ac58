"""Which mistakes are made, and which are not: nobody can be asked to notice those."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.equivalents import Equivalents
from tests.mutants.mistakes import Mistake, places

HEAD = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\n"


def made(root: Path, code: str, lines: frozenset[int] | None = None) -> list[Mistake]:
    (root / "module.py").write_text(code)
    found = places(root, Path("module.py"), lines)
    return [place.mistake(at) for place in found for at in range(len(place.changes))]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("less = 1 < 2", "less = 1 <= 2"),
        ("number = 5", "number = 6"),
        ("names = {'QUEUE_URL': url, 'STAGE': stage}", "names = {'STAGE': stage}"),
        ("codes = ('a', 'b')", "codes = ('a', )"),
        ("queue.grant(role)", "pass"),
        ("raise Refused(why)", "pass"),
        ("send(url, body)", "send(url, )"),
        ("if ready and open_: go()", "if ready or open_: go()"),
        ("if ready: go()", "if True: go()"),
        ("if ready: go()", "if False: go()"),
        ("key = 'kms:Decrypt'", "key = 'XXkms:DecryptXX'"),
        ("def f(x):\n    return not x", "def f(x):\n    return x"),
    ],
)
def test_a_mistake_of_each_kind_is_made(code: str, wrong: str, tmp_path: Path) -> None:
    assert wrong in {each.code.strip() for each in made(tmp_path, code + "\n")}


@pytest.mark.parametrize(
    "code",
    [
        HEAD,
        '"""What it says, in 3 words."""\n',
        "def told() -> int:\n    '''Says 1 of 2.'''\n",
        "logger.debug('sent', count=3)\n",
        "@dataclass(frozen=True)\nclass Told:\n    name: Literal[1]\n",
        "__all__ = ['a', 'b']\n",
    ],
)
def test_what_no_test_need_notice_is_left_alone(code: str, tmp_path: Path) -> None:
    assert made(tmp_path, code) == []


def test_a_sentence_may_be_said_otherwise(tmp_path: Path) -> None:
    found = made(tmp_path, "raise Refused('Name a queue of this stage.')\n")
    assert not any("XX" in each.code for each in found)
    assert any(each.code == "pass\n" for each in found)


def test_only_the_lines_that_are_named_are_mistaken(tmp_path: Path) -> None:
    assert {each.line for each in made(tmp_path, "a = 1\nb = 2\nc = 3\n", frozenset({2}))} == {2}


def test_a_mistake_is_the_same_wherever_its_line_moves(tmp_path: Path) -> None:
    one, moved = (made(tmp_path, f"{head}def f():\n    return 1 < 2\n") for head in ("", "\n\n\n"))
    assert [each.key for each in one] == [each.key for each in moved]
    assert one[0].line + 3 == moved[0].line
    assert len({each.key for each in one}) == len(one)
    assert {each.within for each in one} == {"f"}


def test_a_mistake_is_shown_as_the_lines_that_differ(tmp_path: Path) -> None:
    found = made(tmp_path, "one = 1\ntwo = send(\n    url,\n    7,\n)\nthree = 3\n")
    assert ("7,", "8,") in {each.changed for each in found}


def test_an_equivalent_is_known_again_by_its_line_and_has_a_reason(tmp_path: Path) -> None:
    one, *_ = made(tmp_path, "number = 5\n")
    listed = '[[equivalent]]\npath = "module.py"\nwithin = ""\nbefore = "number = 5"\nafter = "number = 6"\n'
    known = Equivalents(listed + 'reason = "nobody counts"\n')
    assert [one.changed for one in made(tmp_path, "number = 5\n") if one in known] == [("number = 5", "number = 6")]
    assert one not in Equivalents("")
    with pytest.raises(ValueError, match=r"no reason for a mistake in module\.py"):
        Equivalents(listed + 'reason = " "\n')


def test_an_equivalent_whose_line_is_another_now_is_told(tmp_path: Path) -> None:
    listed = (
        '[[equivalent]]\npath = "module.py"\nwithin = ""\nbefore = "number = 5"\nafter = "number = 6"\nreason = "r"\n'
    )
    made(tmp_path, "\nnumber = 5\n")
    assert Equivalents(listed).old(tmp_path) == []
    made(tmp_path, "number = 7\n")
    assert Equivalents(listed).old(tmp_path) == ["module.py: : number = 5 -> number = 6"]
