"""The auditor bites: it is shown a run of every kind of wrong end, and names what is wrong. And it is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.redrive_fuzz.auditor import decoded, judged, merged
from tests.redrive_fuzz.evidence import Asked, Copy, Ended, Evidence, Letter, Send
from tests.redrive_fuzz.faults import FAULTS, Faults
from tests.redrive_fuzz.scenario import KINDS, drawn
from tests.test_laws import OURS, imports, is_in

FOLDER = Path(__file__).parent
STAMP = {"redriven": ("String", "1 20260101-000000-aaaa")}
COUNT = 12


def body(number: int) -> str:
    return json.dumps({"key": f"k-1-{number}-z", "n": number, "kind": "red" if number % 2 else "blue"})


def well(*, fifo: bool = False, moved: int = COUNT, **asked: object) -> Evidence:
    """A redrive that did what it was asked to: the first so many went, the others were not meant."""
    letters = [
        Letter(
            f"k-1-{n}-z", body(n), {"a": ("String", "x"), "b": ("Binary", b"\0")}, "g" if fifo else None, n, f"id-{n}"
        )
        for n in range(COUNT)
    ]
    there = [Copy(each.body, dict(each.attributes), each.group, each.id) for each in letters]
    told = Asked("redrive", fifo, {each.key for each in letters[:moved]})
    for name, value in asked.items():
        setattr(told, name, value)
    answer = {"run": "r", "maybe_twice": 0, "undeleted": 0, "tally": {"refused": {}, "group_blocked": 0}}
    return Evidence(
        told,
        letters,
        there[moved:],
        [Copy(each.body, {**each.attributes, **STAMP}, each.group, f"new-{each.id}") for each in there[:moved]],
        [Ended(["redrive", "q"], 1, 0, json.dumps(answer), "")],
        [Send(each.body, 1.0 + each.number / 100, 1.5, 1) for each in letters[:moved]],
    )


def kinds(evidence: Evidence) -> set[str]:
    return {finding.kind for finding in judged(evidence)}


def test_a_run_that_did_what_it_was_asked_to_is_found_well() -> None:
    for fifo in (False, True):
        for moved in (COUNT, 5, 0):
            assert judged(well(fifo=fifo, moved=moved)) == []
        assert judged(well(fifo=fifo, moved=5, limit=5)) == []


def _lose(run: Evidence) -> None:
    del run.target[3]


def _change_a_byte(run: Evidence) -> None:
    run.target[3] = replace(run.target[3], body=run.target[3].body + " ")


def _change_an_attribute(run: Evidence) -> None:
    run.target[3].attributes["b"] = ("Binary", b"\1")


def _add_an_attribute(run: Evidence) -> None:
    run.target[3].attributes["c"] = ("String", "y")


def _change_one_that_stayed(run: Evidence) -> None:
    run.source[0].attributes.pop("a")


def _send_twice(run: Evidence) -> None:
    run.target.append(run.target[3])


def _leave(run: Evidence) -> None:
    run.source.append(Copy(run.letters[3].body, run.letters[3].attributes, run.letters[3].group, "id-3"))


def _swap(run: Evidence) -> None:
    run.target[3], run.target[4] = run.target[4], run.target[3]


def _pass_one_by(run: Evidence) -> None:
    run.source.append(Copy(run.letters[3].body, run.letters[3].attributes, run.letters[3].group, "id-3"))
    del run.target[3]


def _take_one_more(run: Evidence) -> None:
    last = run.source.pop()
    run.target.append(last)
    run.sends.append(Send(last.body, 2.0, 2.0, 1))


def _hurry(run: Evidence) -> None:
    run.asked.rate = 1
    run.sends = [Send(f"{number}", 1 + number / 1000, 2, 1) for number in range(60)]


def _end(code: int) -> Callable[[Evidence], None]:
    def change(run: Evidence) -> None:
        run.processes[-1].code = code

    return change


def _say(out: str, err: str = "") -> Callable[[Evidence], None]:
    def change(run: Evidence) -> None:
        run.processes[-1].out, run.processes[-1].err = out, err

    return change


def _kill_the_last(run: Evidence) -> None:
    run.processes[-1].killed = 9.0


def _leave_the_journal(run: Evidence) -> None:
    run.unfinished.append("r")


def _refuse(run: Evidence) -> None:
    run.asked.refusing = True


@pytest.mark.parametrize(
    ("fifo", "moved", "wrong", "kind"),
    [
        (False, COUNT, _lose, "lost"),
        (False, COUNT, _change_a_byte, "altered"),
        (False, COUNT, _change_an_attribute, "altered"),
        (False, COUNT, _add_an_attribute, "altered"),
        (False, 5, _change_one_that_stayed, "altered"),
        (False, COUNT, _send_twice, "duplicated"),
        (True, COUNT, _send_twice, "duplicated"),
        (False, COUNT, _leave, "left in both"),
        (True, COUNT, _swap, "disordered"),
        (True, COUNT, _pass_one_by, "disordered"),
        (False, 5, _take_one_more, "selected wrongly"),
        (False, COUNT, _pass_one_by, "kept"),
        (False, COUNT, _pass_one_by, "exit code"),
        (False, COUNT, _hurry, "rate exceeded"),
        (False, COUNT, _end(3), "exit code"),
        (False, COUNT, _end(4), "exit code"),
        (False, COUNT, _end(1), "exit code"),
        (False, COUNT, _end(-11), "exit code"),
        (False, COUNT, _end(5), "never ended"),
        (False, COUNT, _kill_the_last, "never ended"),
        (False, COUNT, _leave_the_journal, "never ended"),
        (False, COUNT, _say("{"), "json"),
        (False, COUNT, _say("{}\n{}"), "json"),
        (False, COUNT, _say("{}", "Traceback (most recent call last):"), "traceback"),
        (False, COUNT, _say('{"undeleted": 2}'), "undeleted"),
        (False, COUNT, _refuse, "selected wrongly"),
        (False, 0, _refuse, "exit code"),
    ],
)
def test_every_kind_of_wrong_is_named(fifo: bool, moved: int, wrong: Callable[[Evidence], None], kind: str) -> None:
    run = well(fifo=fifo, moved=moved)
    wrong(run)
    assert kind in kinds(run)


def test_a_limit_that_was_exceeded_is_named() -> None:
    run = well(moved=6, limit=5)
    run.asked.selected = {each.key for each in run.letters}
    assert kinds(run) == {"limit exceeded"}


def test_who_was_kept_without_a_word_is_named_where_others_had_a_reason() -> None:
    run = well()
    for _ in range(2):
        _pass_one_by(run)
        run.letters[3], run.letters[4] = run.letters[4], run.letters[3]
    run.processes[-1].code = 3
    run.processes[-1].out = '{"tally": {"refused": {"too long": 1}}}'
    assert kinds(run) == {"kept"}


def test_an_edit_must_make_what_the_patch_says_and_keep_the_original() -> None:
    patch = decoded('{"kind": "green", "n": 1.10}')
    run = well(patch=patch)
    for number, each in enumerate(run.target):
        edited = json.dumps({"key": f"k-1-{number}-z", "kind": "green"})[:-1] + ', "n": 1.10}'
        run.target[number] = Copy(edited, each.attributes, each.group, each.id)
    run.sends = [Send(each.body, 1.0, 1.5, 1) for each in run.target]
    run.files["originals"] = [Copy(each.body, each.attributes, each.group, each.id) for each in run.letters]
    assert judged(run) == []
    kept = run.files["originals"].pop()
    assert kinds(run) == {"original lost"}
    run.files["originals"].append(kept)
    run.target[3] = Copy(run.target[3].body.replace("1.10", "1.1"), run.target[3].attributes, None, "x")
    assert kinds(run) == {"altered"}


def test_a_copy_more_is_allowed_where_a_send_had_no_answer_and_the_report_says_so() -> None:
    run = well()
    run.target.append(run.target[3])
    run.sends.append(Send(run.target[3].body, 1.0, None, 1))
    assert kinds(run) == {"duplicated"}, "the report does not say so"
    run.processes[-1].out = '{"maybe_twice": 10}'
    assert judged(run) == []


def test_what_was_dropped_is_in_its_file_or_lost() -> None:
    run = well(moved=5, action="drop")
    run.processes[-1].arguments[0] = "drop"
    run.files["dropped"] = [Copy(each.body, dict(each.attributes), None, each.id) for each in run.letters[:5]]
    run.target.clear()
    run.sends.clear()
    assert judged(run) == []
    run.files["dropped"].pop()
    assert kinds(run) == {"lost"}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a"], {"a": "b"}, {"a": "b"}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_are_those_of_the_rfc(target: object, patch: object, result: object) -> None:
    assert merged(target, patch) == result  # examples of RFC 7396, appendix A


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    others = OURS - {"tests"}
    found = [
        f"{path.name}:{line} imports {module}"
        for path in sorted(FOLDER.glob("*.py"))
        if path.name not in ("zygote.py", Path(__file__).name)
        for line, module in imports(path.read_text())
        if is_in(module, *others) or (is_in(module, "tests") and not is_in(module, "tests.redrive_fuzz"))
    ]
    assert not found, "\n".join(found)


def test_a_seed_and_a_kind_draw_the_same_run_again() -> None:
    for kind in KINDS:
        one, other = drawn(7, kind), drawn(7, kind)
        assert (one.drafts, one.faults, one.upsets, one.selected) == (
            other.drafts,
            other.faults,
            other.upsets,
            other.selected,
        )


def test_every_kind_of_fault_is_drawn_as_often_as_it_is_likely() -> None:
    faults = Faults(1, dict.fromkeys(FAULTS, 0.05))
    drawn_ones = [faults.of("SendMessageBatch", number)[0] for number in range(4_000)]
    assert {name: 130 < drawn_ones.count(name) < 270 for name in FAULTS} == dict.fromkeys(FAULTS, True)
