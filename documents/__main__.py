"""`python -m documents` writes the pages that are made from the code; with `--check` it says which are out of date."""

from __future__ import annotations

import sys

from documents.command import main
from stacks.names import ROOT
from stacks.rules import TopologyError

if __name__ == "__main__":
    try:
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
    except TopologyError as wrong:
        sys.exit(str(wrong))
    sys.exit(main(sys.argv[1:], TOPOLOGY, ROOT))
