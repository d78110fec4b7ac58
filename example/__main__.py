"""`python -m example`: one order's whole life on this machine, a dead letter and its redrive; then everything stops."""

from __future__ import annotations

import sys

from rich.console import Console

from example.demo import show
from local.errors import one_sentence


def main() -> int:
    """Show it; the exit code says whether every promise was kept."""
    console = Console(highlight=False)
    with one_sentence():
        try:
            return 0 if show(console) else 1
        except KeyboardInterrupt:
            console.print("\nStopped.")
            return 130


if __name__ == "__main__":
    sys.exit(main())
