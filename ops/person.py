"""Who sits at this machine."""

from __future__ import annotations

import getpass
import os


def login() -> str:
    """The person's name here; in a container that knows none for its user, the user's number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # which of them is raised depends on Python's version and system
        return f"user {os.getuid()}"
