"""`python -m ops`."""

import sys

from ops.cli.app import app
from stacks.rules import TopologyError

if __name__ == "__main__":
    try:
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
    except TopologyError as wrong:
        sys.exit(str(wrong))
    app(prog_name="python -m ops", obj=TOPOLOGY)
