"""The template of this checkout's last commit, rendered by Copier: https://copier.readthedocs.io."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from copier import run_copy
from copier.errors import CopierError

from project.errors import ProjectError
from project.git import git, origin

ROOT = Path(__file__).resolve().parent.parent


def render(folder: Path, name: str) -> None:
    """Write the project `name` into `folder`, with the pages of docs/ that are made from its code. Needs no network.

    The commit is what `copier update` starts from later, so changes that are not committed are left out. Raises
    `ProjectError` for a name that cannot be one.
    """
    try:
        run_copy(
            str(ROOT),
            folder,
            data={"name": name, "source": origin(ROOT)},
            vcs_ref=git(ROOT, "rev-parse", "HEAD"),
            defaults=True,
            quiet=True,
        )
    except CopierError as wrong:
        raise ProjectError(str(wrong)) from None
    except ValueError as wrong:  # the name's validator in copier.yml said no
        raise ProjectError(f"{name!r} cannot be the name: {str(wrong).partition(': ')[2]}.") from None
    pages = subprocess.run(
        [sys.executable, "-m", "documents"],
        cwd=folder,
        env={**os.environ, "CDK_VALIDATION": "false", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if pages.returncode:
        raise ProjectError(f"The pages of docs/ could not be written:\n{pages.stdout}{pages.stderr}")
