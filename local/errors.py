"""What can go wrong on this machine, in one sentence each."""

from __future__ import annotations


class LocalError(RuntimeError):
    """The local run cannot start or go on; the message says why and what to do."""
