"""The command `headrace`, as it is installed by itself.

In a project's folder it is that project's own `python -m ops`, with its code, cdk.json and map; anywhere else it is its
own code, which has no stages and works on any queue that is named by its URL or ARN.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = ("cdk.json", "stacks/topology.py", "ops/__main__.py")
"""What every project has in its folder."""


def main() -> None:
    """Run the command, and exit."""
    try:
        root = _root(Path.cwd())
    except OSError as error:
        sys.exit(f"The current folder cannot be read: {error.strerror}.")
    sys.path.insert(0, str(root))
    from ops.__main__ import main as run

    run("headrace")


def _root(here: Path) -> Path:
    """The folder whose code is run: of a project only one's own, because whoever wrote it decides what is done."""
    parts = [here / part for part in PROJECT]
    if not all(part.is_file() for part in parts):
        return Path(__file__).resolve().parent / "lib"
    if any(part.stat().st_uid != os.geteuid() for part in parts):
        sys.stderr.write(
            f"The project in {here} belongs to somebody else, whose code `headrace` does not run: go to another "
            "folder, or run `python -m ops` here if you trust it.\n"
        )
        sys.exit(2)
    return here
