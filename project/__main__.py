"""`python -m project new DIR NAME` makes a project elsewhere; `python -m project empty` takes the example out here."""

from __future__ import annotations

import sys
from pathlib import Path

from project.empty import empty
from project.errors import ProjectError
from project.new import new


def main(arguments: list[str]) -> str | None:
    """Do what is asked. Returns what is wrong, in words, or None."""
    try:
        match arguments:
            case ["new", folder, name] if folder and name:
                new(Path(folder), name)
            case ["empty"]:
                empty()
            case _:
                return "Say: make new DIR=../acme NAME=acme, or: make empty"
    except ProjectError as wrong:
        return str(wrong)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
