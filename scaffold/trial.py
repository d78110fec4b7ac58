"""`python -m scaffold.trial`, in a copy of the project: is the map sound, and what do its pages look like?"""

from __future__ import annotations

import sys
from importlib import import_module

from documents.command import main as documents
from scaffold.errors import Failed, Refused
from stacks.names import ROOT
from stacks.rules import TopologyError


def main() -> int:
    """Check the map, import its functions and write the pages. Returns the exit code; the sentence goes to stderr."""
    try:
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported

        for consumer in TOPOLOGY.consumers:
            import_module(TOPOLOGY.module(consumer.function))
        return documents([], TOPOLOGY, ROOT)
    except TopologyError as wrong:
        print(wrong, file=sys.stderr)
        return Refused.code
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return Failed.code


if __name__ == "__main__":
    sys.exit(main())
