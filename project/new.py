"""A new project beside this repository: `make new DIR=../acme NAME=acme`."""

from __future__ import annotations

from pathlib import Path

from project import git
from project.errors import ProjectError
from project.render import ROOT, render


def new(folder: Path, name: str) -> None:
    """Make the project `name` in `folder`, and its first commit. Prints what it did and what comes next.

    A folder inside a repository of yours gets no repository of its own. Raises `ProjectError` if the folder holds
    anything or is in this checkout, or if the name cannot be one.
    """
    if folder.resolve().is_relative_to(ROOT):
        raise ProjectError(f"{folder} is inside this checkout; name a folder beside it: ../{name}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(f"{folder} is not empty; name a new folder.")
    if not git.is_clean(ROOT):
        print("Changes that are not committed here are left out.")
    render(folder, name)
    print(f"Made {name} in {folder}.")
    _commit(folder)
    if git.origin(ROOT) is None:
        print(
            f"copier update will look for later versions in {ROOT}; docs/own-project.md says how to name another place."
        )
    print(f"Next: cd {folder}; make check; make test; make up. README.md says where things are.")


def _commit(folder: Path) -> None:
    if git.succeeds(folder, "rev-parse", "--is-inside-work-tree"):
        print("It is inside a repository; commit it there.")
        return
    git.git(folder, "init", "--quiet")
    git.git(folder, "add", "--all")
    if git.succeeds(folder, "commit", "--quiet", "--message", "A project from Headrace"):
        print("Everything is in its first commit.")
    else:
        print('git could not commit (does it know your name?); do it yourself: git commit -m "A project from Headrace"')
