"""The files of one command: tried out in a copy of the project first, then written all or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from scaffold.errors import Failed, Refused
from scaffold.ruff import tidy
from stacks.names import ROOT

Files = Mapping[Path, str]
"""Each file's path under the project, with its whole text."""
Changes = Mapping[Path, str | None]
"""The same; None where a file goes."""

LEFT_OUT = ("build", "cdk.out", "template")
PAGES = ("README.md", "docs")


def tried(files: Files) -> Changes:
    """The files as ruff lays them out, and the pages that change with them.

    Raises `Refused` with the sentence of the map's rule that is broken, and `Failed` for what does not work otherwise.
    All of it happens in a copy of the project: its map is checked by the rules of the map, its functions are imported,
    and its pages are made.
    """
    with TemporaryDirectory(prefix="scaffold-") as folder:
        copy = Path(folder).resolve() / ROOT.name
        shutil.copytree(ROOT, copy, ignore=left_out, symlinks=True)
        write(copy, files)
        tidy(copy, files)
        done = subprocess.run(
            [sys.executable, "-m", "scaffold.trial"],
            cwd=copy,
            env={**os.environ, "CDK_VALIDATION": "false"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == Refused.code:
            raise Refused(done.stderr.strip())
        if done.returncode:
            raise Failed(
                f"Nothing was written, because it does not work in a copy of the project: {done.stderr.strip()}"
            )
        tidied = {path: (copy / path).read_text() for path in files}
        made = {path.relative_to(copy): path.read_text() for path in _pages(copy)}
    there = {path.relative_to(ROOT): path.read_text() for path in _pages(ROOT)}
    pages = {path: made.get(path) for path in sorted({*made, *there}) if there.get(path) != made.get(path)}
    return {**tidied, **pages}


def left_out(folder: str, names: list[str]) -> set[str]:
    """What of a folder's files no copy of the project needs: what is hidden, built or generated."""
    built = LEFT_OUT if Path(folder) == ROOT else ()
    return {name for name in names if name.startswith(".") or name == "__pycache__" or name in built}


def _pages(root: Path) -> list[Path]:
    found = [root / PAGES[0], *(root / PAGES[1]).rglob("*")]
    return [path for path in found if path.is_file() and path.suffix in (".md", ".json")]


def write(root: Path, files: Changes) -> None:
    """Write every file under `root`, or none: whatever ends it half-way, what was there is put back."""
    before = {path: (root / path).read_bytes() if (root / path).exists() else None for path in files}
    made: list[Path] = []
    try:
        for path, text in files.items():
            missing = [folder for folder in (root / path).parents if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir()
                made.append(folder)
            if text is None:
                (root / path).unlink()
            else:
                (root / path).write_text(text, encoding="utf-8")
    except BaseException:
        for path, content in before.items():
            if content is None:
                (root / path).unlink(missing_ok=True)
            else:
                (root / path).write_bytes(content)
        for folder in reversed(made):
            folder.rmdir()
        raise
