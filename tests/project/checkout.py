"""A checkout of this repository to make projects from: the tree as it is on disk, committed elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stacks.names import ROOT

# git and Copier as on a machine that was never used.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **{f"GIT_{role}_{what}": "nobody" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def run(folder: Path, *command: str, code: int = 0, **environment: str) -> str:
    """What the command says in `folder`, which ends with `code`."""
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def python(folder: Path, *words: str, code: int = 0, **environment: str) -> str:
    """The same for this Python."""
    return run(folder, sys.executable, *words, code=code, **environment)


def make(folder: Path, *words: str, code: int = 0) -> str:
    """The same for make, with the virtual environment taken as ready."""
    (folder / ".venv").symlink_to(sys.prefix) if not (folder / ".venv").exists() else None
    return run(folder, "make", "--no-print-directory", "--old-file=setup", *words, code=code)


def commit(folder: Path, message: str, tag: str | None = None) -> None:
    """Commit everything, under a tag if one is given."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)
    if tag:
        run(folder, "git", "tag", tag)


def copy(folder: Path, *without: str) -> Path:
    """A repository in `folder` with every file of this tree that git knows or would take, tagged v1.

    Without the rooms that are named, of this tree and of its template.
    """
    names = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, folder / name
        if name in (".venv", "build") or not os.path.lexists(source):
            continue
        if name.removeprefix("template/").partition("/")[0] in without:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    run(folder, "git", "init", "--quiet")
    commit(folder, "Headrace", "v1")
    return folder


def replace(path: Path, old: str, new: str) -> None:
    """Write `new` where the file has `old`, once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))
