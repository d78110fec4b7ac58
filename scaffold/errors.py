"""What ends the command before it wrote anything: one sentence each, and the exit code."""

from __future__ import annotations


class Failed(Exception):
    """What was to be written does not work. The message says why."""

    code = 1


class Refused(Failed):
    """The command asks for what cannot be written. The message says what to do."""

    code = 2
