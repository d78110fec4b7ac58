"""Ruff, as the project has set it up, on some of its files.

It runs where the files are, because it looks there for the modules that are the project's own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def tidy(root: Path, paths: Iterable[Path]) -> None:
    """Leave the files under `root` as `make fix` does. Raises `RuntimeError` for what is no Python."""
    those = [str(path) for path in paths]
    for command in (("check", "--select=I", "--fix"), ("format",)):
        done = _ruff(root, *command, *those)
        if done.returncode:
            raise RuntimeError(f"ruff does not take what was written: {done.stdout.strip() or done.stderr.strip()}")


def is_tidy(root: Path, path: Path) -> bool:
    """Whether `make fix` would leave the file as it is."""
    return not any(
        _ruff(root, *command, str(path)).returncode for command in (("check", "--select=I"), ("format", "--check"))
    )


def _ruff(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
