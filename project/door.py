"""The command `headrace`, as it is installed by itself.

In a project's folder it is that project's own `python -m ops`, with its code, cdk.json and map; anywhere else it is its
own code, which has no stages and works on any queue that is named by its URL or ARN.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = ("cdk.json", "stacks/topology.py", "ops/__main__.py")
"""What every project has in its folder."""
ROOMS = ("ops", "stacks", "functions")
"""Where the code of a project is that the command runs."""


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
    if not all((here / part).is_file() for part in PROJECT):
        return Path(__file__).resolve().parent / "lib"
    why = next(_not_ones_own(here), None)
    if why is None:
        return here
    sys.stderr.write(
        f"The project in {here} is not yours alone: {why}. `headrace` runs no code that somebody else can have "
        "written: go to another folder, or run `python -m ops` here if you trust it.\n"
    )
    sys.exit(2)


def _not_ones_own(here: Path) -> Iterator[str]:
    """What others may have written of that which is imported there, and of what says what is deployed."""
    if why := _others(here.stat()):
        yield f"the folder {why}"
    for entry, at_top in _entries(here):
        told = entry.stat(follow_symlinks=False)
        if why := _others(told):
            yield f"{Path(entry.path).relative_to(here)} {why}"
        elif stat.S_ISLNK(told.st_mode) and (not at_top or entry.name in (*ROOMS, *PROJECT)) and _leaves(entry, here):
            yield f"{Path(entry.path).relative_to(here)} is a link to elsewhere"


def _leaves(entry: os.DirEntry[str], here: Path) -> bool:
    """Whether the link leads out of what is looked at."""
    target = Path(entry.path).resolve()
    return not any(target.is_relative_to(here.resolve() / room) for room in ROOMS)


def _entries(here: Path) -> Iterator[tuple[os.DirEntry[str], bool]]:
    """What is in the folder, and all that is in its rooms, of a link the link itself; whether it is at the top.

    What is in the folder comes before what the interpreter has installed, so any name there can be imported.
    """
    left = [str(here)]
    while left:
        folder = left.pop()
        at_top = folder == str(here)
        for entry in list(os.scandir(folder)):
            yield entry, at_top
            if (not at_top or entry.name in ROOMS) and entry.is_dir(follow_symlinks=False):
                left.append(entry.path)


def _others(told: os.stat_result) -> str | None:
    """Why somebody else than oneself and root can have written that, if they can."""
    if told.st_uid not in (os.geteuid(), 0):
        return "belongs to somebody else"
    if stat.S_ISLNK(told.st_mode):
        return None
    if told.st_mode & stat.S_IWOTH or (told.st_mode & stat.S_IWGRP and not _is_alone_in(told.st_gid)):
        return "can be written by others"
    return None


def _is_alone_in(group: int) -> bool:
    """Whether that is the group of one's own account alone, which many systems let write by default."""
    try:
        own, members = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return group == own.pw_gid and members.gr_name == own.pw_name and set(members.gr_mem) <= {own.pw_name}
