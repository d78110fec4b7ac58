"""This repository without its example, in place: `make empty`."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from project import git
from project.errors import ProjectError
from project.render import ROOT, render
from stacks import names


def empty() -> None:
    """Make this checkout what `make new` makes elsewhere, under the name that cdk.json has. Commits nothing.

    What is under version control and no project's goes: the example, its benchmarks, the template. Raises
    `ProjectError` if anything is not committed, because only then git can bring everything back.
    """
    if not git.is_clean(ROOT):
        raise ProjectError("There are changes that are not committed; commit or stash them first.")
    with TemporaryDirectory() as made:
        render(Path(made), names.PROJECT)
        given = {path.relative_to(made) for path in Path(made).rglob("*") if path.is_file()}
        gone = [path for path in git.tracked(ROOT) if path not in given]
        for path in gone:
            (ROOT / path).unlink()
            _remove_if_empty((ROOT / path).parent)
        shutil.copytree(made, ROOT, dirs_exist_ok=True)
    print(f"{len(gone)} files are gone, and {names.PROJECT} has no integration.")
    print(
        f"copier update will look for later versions in {git.origin(ROOT) or ROOT}; if that is this very repository, "
        "name the one that it was forked from: docs/own-project.md."
    )
    print("Look at it (git status), then: make check test; git add --all; git commit")


def _remove_if_empty(folder: Path) -> None:
    """Remove `folder` and those that it leaves empty; compiled code is nothing."""
    if all(path.name == "__pycache__" for path in folder.iterdir()):
        shutil.rmtree(folder)
        _remove_if_empty(folder.parent)
