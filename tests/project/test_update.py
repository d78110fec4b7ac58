"""`copier update` over three versions of Headrace: it brings what is new and keeps what is the user's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.project.checkout import commit, copy, python, replace, run

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("update")]

FLAG = '"@aws-cdk/core:'
GREETING = "def greet(name: str) -> str:\n    return f'Hello {name}'\n"


def update(project: Path) -> str:
    """Take the latest version."""
    return python(project, "-m", "copier", "update", "--defaults")


def context(project: Path) -> dict[str, Any]:
    context: dict[str, Any] = json.loads((project / "cdk.json").read_text())["context"]
    return context


@pytest.fixture(scope="module")
def headrace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, because versions are added to it; of fewer files, which Copier takes one by one."""
    rooms = ("benchmarks", "documents", "example", "local", "ops", "project", "scaffold", "tests")
    headrace = copy(tmp_path_factory.mktemp("headrace"), *rooms)
    for room in ("docs/patterns", "docs/console"):
        (headrace / "template" / room).unlink()
    for room in ("template/stacks", "template/functions", "functions/runtime"):
        for path in (headrace / room).iterdir():
            if path.name in ("topology.py", "__init__.py", "runtime", "contracts", "requirements.in"):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    commit(headrace, "Half of it", "v1.0.1")
    return headrace


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, headrace: Path) -> tuple[Path, Mapping[str, str]]:
    """A project of v1 with everything changed that a user changes, and what its own files hold."""
    project = tmp_path_factory.mktemp("project") / "acme"
    python(headrace, "-m", "copier", "copy", "--quiet", "--defaults", "--data=name=acme", str(headrace), str(project))
    own = {
        "stacks/topology.py": "# mine\n" + (project / "stacks" / "topology.py").read_text(),
        "README.md": "# Acme\n",
        "CHANGELOG.md": "# Changelog of Acme\n",
        "functions/greet/logic.py": GREETING,
        "functions/contracts/greetings.py": '"""Greetings."""\n',
        "tests/functions/test_greet.py": '"""greet greets."""\n',
        "acme.mk": "greet: ## Greet\n",
    }
    for name, text in own.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    replace(project / "cdk.json", '"prod": {', '"prod-eu": {')
    replace(project / "cdk.json", '"log_days": 14', '"log_days": 30')
    replace(project / "functions" / "requirements.in", "msgspec", "iso4217==1.0\nmsgspec")
    replace(project / "Makefile", "# make fix", "# ours: see acme.mk\n# make fix")
    replace(project / "docs" / "local.md", "# AWS on this machine\n", "# AWS on this desk\n")
    (project / "docs" / "security.md").unlink()
    run(project, "git", "init", "--quiet")
    commit(project, "Acme's own")
    return project, own


def second(headrace: Path) -> None:
    """v2: files that the user changed elsewhere, left alone, deleted, or has no say in; one is new, one goes."""
    replace(headrace / "app.py", '"""The stacks of one stage', '"""Every stack of one stage')
    replace(headrace / "Makefile", "# make test ", "# make test: all of it ")
    replace(headrace / "cdk.json", FLAG + "checkSecretUsage", f'{FLAG}brandNew": true,\n    {FLAG}checkSecretUsage')
    replace(headrace / "template" / "stacks" / "topology.py", '"""The map', '"""The new map')
    replace(headrace / "template" / "README.md.jinja", "## Commands", "## All commands")
    (headrace / "template" / "CHANGELOG.md").write_text("# Another\n")
    (headrace / "docs" / "security.md").write_text("# Security, again\n")
    (headrace / "functions" / "runtime" / "brand_new.py").write_text('"""Brand new."""\n')
    (headrace / "docs" / "edge.md").unlink()
    (headrace / "template" / "docs" / "edge.md").unlink()


def third(headrace: Path) -> None:
    """v3: a line that the user changed too."""
    replace(headrace / "docs" / "local.md", "# AWS on this machine\n", "# AWS on your machine\n")


VERSIONS: Mapping[str, Callable[[Path], None]] = {"v2": second, "v3": third}


@pytest.fixture(scope="module")
def updated(theirs: tuple[Path, Mapping[str, str]], headrace: Path) -> Mapping[str, str]:
    """What `copier update` said to v2 and to v3; the project is at v3, with the conflict as it was left."""
    project, _ = theirs
    said = {}
    for tag, change in VERSIONS.items():
        change(headrace)
        commit(headrace, tag, tag)
        said[tag] = update(project)
        if tag == "v2":
            assert not run(project, "git", "diff", "--name-only", "--diff-filter=U"), said[tag]
            commit(project, tag, tag)
    return said


def at_v2(project: Path, name: str) -> str:
    return run(project, "git", "show", f"v2:{name}")


def test_the_users_own_files_are_not_touched(theirs: tuple[Path, Mapping[str, str]], updated: object) -> None:
    project, own = theirs
    assert {name: (project / name).read_text() for name in own} == own


def test_settings_are_kept_and_new_flags_come(theirs: tuple[Path, Mapping[str, str]], updated: object) -> None:
    project, _ = theirs
    assert list(context(project)["stages"]) == ["local", "dev", "prod-eu"]
    assert context(project)["stages"]["dev"]["log_days"] == 30
    assert context(project)["project"] == "acme"
    assert context(project)["@aws-cdk/core:brandNew"] is True


def test_what_the_user_left_alone_becomes_the_new_version(
    theirs: tuple[Path, Mapping[str, str]], headrace: Path, updated: object
) -> None:
    project, _ = theirs
    for name in ("app.py", "functions/runtime/brand_new.py"):
        assert (project / name).read_text() == (headrace / name).read_text()
    assert not (project / "docs" / "edge.md").exists()


def test_what_both_changed_in_different_places_has_both(
    theirs: tuple[Path, Mapping[str, str]], updated: object
) -> None:
    project, _ = theirs
    makefile = (project / "Makefile").read_text()
    assert "# make test: all of it " in makefile
    assert "# ours: see acme.mk\n" in makefile
    assert "iso4217==1.0" in (project / "functions" / "requirements.in").read_text()


def test_what_the_user_deleted_stays_deleted(theirs: tuple[Path, Mapping[str, str]], updated: object) -> None:
    project, _ = theirs
    assert not (project / "docs" / "security.md").exists()


def test_what_both_changed_in_one_place_is_marked(
    theirs: tuple[Path, Mapping[str, str]], updated: Mapping[str, str]
) -> None:
    project, _ = theirs
    assert at_v2(project, "docs/local.md").startswith("# AWS on this desk\n")
    assert (
        (project / "docs" / "local.md")
        .read_text()
        .startswith(
            "<<<<<<< before updating\n# AWS on this desk\n=======\n# AWS on your machine\n>>>>>>> after updating\n"
        )
    )
    assert run(project, "git", "diff", "--name-only", "--diff-filter=U") == "docs/local.md\n"
    assert "make fix check test" in updated["v3"]


def test_the_answers_name_the_version_and_its_origin(
    theirs: tuple[Path, Mapping[str, str]], headrace: Path, updated: object
) -> None:
    project, _ = theirs
    _, *answers = (project / ".copier-answers.yml").read_text().splitlines()
    assert answers == ["_commit: v3", f"_src_path: {headrace}", "name: acme"]
