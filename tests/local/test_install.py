"""`make setup`: needs nothing but Python, reads pip's settings, says how far it is and what went wrong."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest

from local import install
from local.install import InstallError


def test_it_imports_nothing_that_is_to_be_installed() -> None:
    tree = ast.parse(Path(install.__file__).read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names


def test_uv_is_the_locked_one_with_its_hashes() -> None:
    entry = install.locked("uv")
    assert entry.startswith(f"uv=={install.version('uv')} ")
    hashes = [line for line in entry.splitlines()[1:] if "--hash=sha256:" in line]
    assert len(hashes) == len(entry.splitlines()) - 1 > 1


def test_what_has_no_wheel_is_built_with_what_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv refuses to build with what has another hash than a build constraint: seen with a wrong one."""
    (tmp_path / "uv").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setattr(install, "UV", str(tmp_path / "uv"))
    monkeypatch.setattr(install, "environment", lambda: dict(os.environ))
    install.sync(tmp_path, install.LOCKED, lambda _: None)
    asked = (tmp_path / "asked").read_text()
    assert f"--require-hashes --build-constraints {install.BUILDING} " in asked
    entries = re.split(r"\n(?=\w)", install.BUILDING.read_text())
    assert {entry.partition("==")[0] for entry in entries} >= {"build", "setuptools", "wheel", "packaging"}
    assert all("--hash=sha256:" in entry for entry in entries)


def test_what_pip_was_told_is_told_to_uv() -> None:
    listed = """\
:env:.find-links='/wheels'
:env:.disable-pip-version-check='1'
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
global.find-links='/other /more'
global.index-url='https://mirror.example/simple'
global.no-index='true'
"""
    assert install.pip_settings(listed) == {
        "UV_FIND_LINKS": "/wheels",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_NO_INDEX": "true",
    }
    assert install.pip_settings("global.find-links='/one /two'") == {"UV_FIND_LINKS": "/one,/two"}
    assert install.pip_settings("") == {}


def test_settings_of_uv_itself_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(install, "run", lambda *_: "global.index-url='https://mirror.example/simple'")
    assert install.environment()["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    monkeypatch.setenv("UV_INDEX", "https://own.example/simple")
    assert "UV_DEFAULT_INDEX" not in install.environment()


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """A uv that says what is in `says`, and fails if that has `error` in it."""
    (tmp_path / "uv").write_text("#!/bin/sh\ncat says >&2\n! grep -q error says\n")
    (tmp_path / "uv").chmod(0o755)
    return tmp_path


def fetch(uv: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of a download in which uv says that."""
    monkeypatch.setattr(install, "ROOT", uv)
    (uv / "says").write_text(says)
    told: list[str] = []
    install.download([str(uv / "uv")], dict(os.environ), told.append)
    return told


def test_a_download_says_how_far_it_is(uv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = "Resolved 2 packages in 1ms\nDownloading aws-cdk-lib (57.1MiB)\nDownloading moto (6.9MiB)\n"
    says += " Downloaded moto\n Downloaded aws-cdk-lib\nInstalled 2 packages in 3ms\n + moto==5\n"
    assert fetch(uv, says, monkeypatch) == ["0 of 57 MB", "0 of 64 MB", "7 of 64 MB", "64 of 64 MB"]


def test_what_uv_complains_of_is_the_error(uv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InstallError, match=r"^error: Failed to fetch\n  Caused by: no network$"):
        fetch(uv, "Downloading moto (6.9MiB)\nerror: Failed to fetch\n  Caused by: no network\n", monkeypatch)


def test_a_failed_step_is_marked_and_what_failed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise InstallError("error: no space left on device")

    monkeypatch.setattr(install, "make_environment", fail)
    with pytest.raises(SystemExit) as ended:
        install.main()
    assert "✗ virtual environment" in capsys.readouterr().out
    assert str(ended.value).startswith("error: no space left on device\n")
    assert "Run `make setup` again" in str(ended.value)


@pytest.mark.parametrize(
    ("answers", "made"),
    [("{}.{}".format(*sys.version_info), False), ("3.2", True), (None, True)],
    ids=["done", "another Python", "unfinished"],
)
def test_an_environment_is_made_where_there_is_none_that_fits(
    monkeypatch: pytest.MonkeyPatch, answers: str | None, made: bool
) -> None:
    ran: list[tuple[str, ...]] = []

    def run(*command: str) -> str:
        ran.append(command)
        if command[1] == "-c" and answers is None:
            raise InstallError("No module named pip")
        return answers or ""

    monkeypatch.setattr(install, "run", run)
    install.make_environment()
    assert (("-m", "venv", "--clear") in [command[1:4] for command in ran]) == made
