"""What can go wrong for the person at the keyboard: one sentence each, and the exit code that scripts read.

OpsError                 1  AWS refused, or something it needs is missing
├── UsageError           2  the command asks for what cannot be done
├── Kept                 3  done, but some messages are still where they were
├── CameBack             4  most messages came straight back
├── Interrupted          5  stopped by a person or a fault; `resume` goes on
└── Differs              6  `verify` saw something else than we assume of AWS
"""

from __future__ import annotations


class OpsError(Exception):
    """AWS refused, or something that the command needs is missing. The message says what to do."""

    code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class UsageError(OpsError):
    """The command asks for what cannot be done."""

    code = 2


class Kept(OpsError):
    """The work is done, but some messages are still where they were."""

    code = 3


class CameBack(OpsError):
    """Most of the messages that were redriven failed again at once; where others were left, they were kept."""

    code = 4


class Interrupted(OpsError):
    """The work stopped half-way; nothing is lost and `resume` goes on."""

    code = 5


class Differs(OpsError):
    """A deployed stage does something else than we assume of AWS."""

    code = 6
