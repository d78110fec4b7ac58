"""What git knows of a checkout."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from project.errors import ProjectError

CREDENTIALS = re.compile(r"(?<=://)[^/@]+@")


def git(folder: Path, *words: str) -> str:
    """What git says in `folder`, without the last line break. Raises `ProjectError` in git's words if it fails."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProjectError(f"git {words[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.rstrip("\n")


def succeeds(folder: Path, *words: str) -> bool:
    """Whether git agrees to `words` in `folder`."""
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False).returncode == 0


def tracked(checkout: Path) -> list[Path]:
    """The files under version control, relative to the checkout."""
    return [Path(name) for name in git(checkout, "ls-files", "-z").split("\0") if name]


def is_clean(checkout: Path) -> bool:
    """Whether everything is committed or ignored."""
    return not git(checkout, "status", "--porcelain")


def origin(checkout: Path) -> str | None:
    """Where others find this checkout's commit: the URL of `upstream` or else `origin`, without credentials.

    None if there is no such remote, if it is a folder of this machine, or if it does not have the commit, as far as
    this checkout knows.
    """
    for remote in ("upstream", "origin"):
        if not succeeds(checkout, "remote", "get-url", remote):
            continue
        url = git(checkout, "remote", "get-url", remote)
        has_it = git(checkout, "branch", "--remotes", "--contains", "HEAD", "--list", f"{remote}/*")
        if has_it and ("://" in url or "@" in url) and not url.startswith("file:"):
            return CREDENTIALS.sub("", url) if url.startswith("http") else url
    return None
