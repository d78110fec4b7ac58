"""`make empty` leaves of a checkout what `make new` makes elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.checkout import commit, make, replace, run

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("new")]


@pytest.fixture
def fork(headrace: Path, tmp_path: Path) -> Path:
    """A clone whose project is called acme already."""
    run(tmp_path, "git", "clone", "--quiet", str(headrace), "fork")
    replace(tmp_path / "fork" / "cdk.json", '"project": "headrace"', '"project": "acme"')
    commit(tmp_path / "fork", "Our name")
    return tmp_path / "fork"


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file that git knows or would take, with its mode; without where the project came from."""
    names = run(folder, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    paths = {name: folder / name for name in names.split("\0")}
    return {
        name: (path.read_bytes(), path.stat().st_mode)
        for name, path in paths.items()
        if path.is_file() and name != ".copier-answers.yml"
    }


def test_what_is_left_is_a_project_under_its_name(fork: Path, made: tuple[Path, str]) -> None:
    (fork / "functions" / "accept_order" / "__pycache__").mkdir()
    (fork / "functions" / "accept_order" / "__pycache__" / "handler.cpython-311.pyc").touch()
    said = make(fork, "empty")
    assert "acme has no integration.\n" in said
    assert f"copier update will look for later versions in {fork}; if that is this very repository," in said
    assert files(fork) == files(made[0])
    assert sorted(path.name for path in (fork / "functions").iterdir()) == sorted(
        path.name for path in (made[0] / "functions").iterdir() if path.name != "__pycache__"
    )
    assert "name: acme\n" in (fork / ".copier-answers.yml").read_text()
    assert run(fork, "git", "log", "--format=%s") == "Our name\nHeadrace\n"


def test_a_tree_with_changes_is_left_alone(fork: Path) -> None:
    (fork / "draft.py").write_text("")
    before = files(fork)
    said = make(fork, "empty", code=2)
    assert "There are changes that are not committed; commit or stash them first.\n" in said
    assert files(fork) == before
