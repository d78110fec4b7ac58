"""The installed command runs a project's code only where nobody else can have written it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from project import door

OWN = ("cdk.json", "typer.py", "ops", "ops/__init__.py", "ops/cli", "ops/cli/app.py", "stacks", "stacks/topology.py")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project's folder, as far as the door looks."""
    folder = tmp_path / "project"
    files = ("cdk.json", "typer.py", "stacks/topology.py", "functions/a.py", "ops/__main__.py", "ops/__init__.py")
    for name in (*files, "ops/cli/app.py", "ops/__pycache__/__main__.cpython-311.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def refused(here: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        door._root(here)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_ones_own_project_is_run(here: Path) -> None:
    assert door._root(here) == here


def test_without_a_project_it_is_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").touch()
    assert door._root(tmp_path).name == "lib"


def _foreign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the file somebody else's; who may not, is somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 12_345, -1, follow_symlinks=False)
    else:
        uid = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: uid + 1)


@pytest.mark.parametrize("name", ["", *OWN, "functions/a.py", "ops/__pycache__/__main__.cpython-311.pyc"])
def test_what_somebody_else_owns_is_not_run(
    here: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _foreign(here / name, monkeypatch)
    assert "belongs to somebody else" in refused(here, capsys)


@pytest.mark.parametrize("name", ["", *OWN, "functions/a.py", "ops/__pycache__/__main__.cpython-311.pyc"])
@pytest.mark.parametrize("bit", [0o002, 0o020])
def test_what_others_can_write_is_not_run(
    here: Path, name: str, bit: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(door, "_is_alone_in", lambda group: False)
    path = here / name
    path.chmod(path.stat().st_mode | bit)
    told = refused(here, capsys)
    assert f"{name or 'the folder'} can be written by others" in told
    assert len(told.splitlines()) == 1


def test_a_group_of_oneself_alone_may_write(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_is_alone_in", lambda group: group == here.stat().st_gid)
    (here / "ops").chmod(0o775)
    assert door._root(here) == here


def _room(here: Path, elsewhere: Path) -> None:
    (here / "ops").rename(elsewhere / "ops")
    (here / "ops").symlink_to(elsewhere / "ops")


def _file(here: Path, elsewhere: Path) -> None:
    (here / "stacks/topology.py").rename(elsewhere / "topology.py")
    (here / "stacks/topology.py").symlink_to(elsewhere / "topology.py")


def _settings(here: Path, elsewhere: Path) -> None:
    (here / "cdk.json").rename(here / "other.json")
    (here / "cdk.json").symlink_to("other.json")


@pytest.mark.parametrize("linked", [_room, _file, _settings])
def test_a_link_to_code_elsewhere_is_not_followed(
    here: Path, tmp_path: Path, linked: Callable[[Path, Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    linked(here, tmp_path)
    assert "is a link to elsewhere" in refused(here, capsys)


def test_links_that_stay_inside_and_an_environment_elsewhere_are_fine(here: Path) -> None:
    (here / "functions/b.py").symlink_to("a.py")
    (here / ".venv").symlink_to(sys.prefix)
    assert door._root(here) == here
