"""A small project of its own, and what is noticed of mistakes in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.mistakes import Mistake, places
from tests.mutants.nearest import Nearest
from tests.mutants.score import Room, table
from tests.mutants.seen import ENOUGH, Seen, watched
from tests.mutants.tree import Tree, Verdict

CODE = (
    "def half(number: int) -> int:\n    return number // 2\n\n\ndef loud(word: str) -> str:\n    return word.upper()\n"
)
TEST = "from ops.half import half\n\n\ndef test_half() -> None:\n    assert half(6) == 3\n"
BROKEN = "def test_that_always_fails() -> None:\n    assert False\n"
LOOP = "def down(number: int) -> int:\n    while number > 0:\n        number -= 1\n    return number\n"
ENDS = "from ops.loop import down\n\n\ndef test_down() -> None:\n    assert down(3) == 0\n"
ALSO = "from ops.other import twice\n\n\ndef test_twice() -> None:\n    assert twice(4) == 4\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    written = {
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["proof", "flow"]\n',
        "ops/__init__.py": "",
        "ops/half.py": CODE,
        "ops/loop.py": LOOP,
        "ops/other.py": "from ops.half import half\n\n\ndef twice(number: int) -> int:\n    return half(number) * 2\n",
        "tests/__init__.py": "",
        "tests/ops/__init__.py": "",
        "tests/ops/test_a_broken_one.py": "from ops.half import half\n" + BROKEN,
        "tests/ops/test_half.py": TEST,
        "tests/ops/test_loop.py": ENDS,
        "tests/ops/test_other.py": ALSO,
        "tests/test_laws.py": BROKEN,
    }
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def tree(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with Tree(root, tmp_path_factory.mktemp("tree")) as tree:
        yield tree


def mistake(root: Path, within: str, after: str, module: str = "ops/half.py") -> Mistake:
    found = [place.mistake(at) for place in places(root, Path(module)) for at in range(len(place.changes))]
    return next(each for each in found if each.within == within and each.after == after)


def test_the_tests_that_are_named_so_come_first_then_who_imports_it_then_who_reaches_it(root: Path) -> None:
    near, far = Nearest(root).of(Path("ops/half.py"))
    assert near == ["tests/ops/test_half.py", "tests/ops/test_a_broken_one.py"]
    assert far == ["tests/ops/test_other.py"]


@pytest.mark.parametrize(
    ("within", "after", "how", "by"),
    [
        ("half", "3", "test", "tests/ops/test_half.py::test_half"),
        ("loud", "word.lower()", "", ""),
        pytest.param("half", "number / 2", "types", "Incompatible return value", marks=pytest.mark.proof),
    ],
)
def test_a_mistake_is_noticed_by_who_notices_it(
    within: str, after: str, how: str, by: str, root: Path, tree: Tree
) -> None:
    tree.types = how == "types"
    near, far = Nearest(root).of(Path("ops/half.py"))
    verdict = tree.judged(mistake(root, within, after), [*near, *far])
    assert verdict.how == how
    assert by in verdict.by


def test_a_loop_without_an_end_is_noticed_by_the_time_that_its_tests_take(
    root: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.mutants.tree.SLACK", 6.0)
    endless = mistake(root, "down", "number += 1", "ops/loop.py")
    verdict = tree.judged(endless, ["tests/ops/test_loop.py"], 0.1)
    assert (verdict.how, verdict.by) == ("time", "more than 6 s")


def test_a_test_that_fails_without_the_mistake_has_noticed_nothing(root: Path, tree: Tree) -> None:
    tree.types = False
    silent = mistake(root, "loud", "word.lower()")
    assert tree.judged(silent, ["tests/ops/test_a_broken_one.py"]).how == ""


def test_the_score_leaves_out_what_is_equivalent_and_names_who_survived(root: Path) -> None:
    noticed, silent = mistake(root, "half", "3"), mistake(root, "loud", "word.lower()")
    room = Room(
        "ops",
        [Verdict(noticed, "test", "t", 1), Verdict(noticed, "types", "t", 1), Verdict(silent, "", "", 1)],
        [silent],
    )
    told = table([room])
    assert room.score == pytest.approx(2 / 3)
    assert "ops/half.py:6: loud\n  - return word.upper()\n  + return word.lower()" in told
    assert [line.split() for line in told.splitlines()][1] == ["ops", "3", "1", "1", "0", "1", "1", "66.7%"]


def test_the_tests_for_a_mistake_are_those_that_run_its_function_nearest_and_quickest_first(
    root: Path, tree: Tree
) -> None:
    nearest = Nearest(root)
    told = watched([tree], nearest.tests())
    half, twice = "tests/ops/test_half.py::test_half", "tests/ops/test_other.py::test_twice"
    broken, down = "tests/ops/test_a_broken_one.py::test_that_always_fails", "tests/ops/test_loop.py::test_down"
    assert told["tests"]["ops/half.py"]["half"] == [half, twice]
    assert told["seconds"].keys() == {half, broken, twice, down}
    seen = Seen(told, root)
    assert seen.seconds([half, "tests/ops/test_new.py::test_new"]) == pytest.approx(told["seconds"][half] + 1)
    near, far = nearest.of(Path("ops/half.py"))
    assert seen.of(Path("ops/half.py"), "half", near, far) == [half, broken, twice]
    assert seen.of(Path("ops/half.py"), "loud", near, far) == [half, broken, twice], (
        "nobody runs it: those of its module"
    )
    slow = Seen({**told, "seconds": {half: 1, twice: 2 * ENOUGH}}, root)
    assert slow.of(Path("ops/half.py"), "half", near, far) == [half, broken]
    gone = Seen({**told, "seconds": {half: 1, "tests/ops/test_half.py::test_gone": 1}}, root)
    assert gone.of(Path("ops/half.py"), "half", near, far) == [half, broken], "a near one that was never seen is asked"
