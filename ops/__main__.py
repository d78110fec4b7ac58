"""`python -m ops`."""

import gc
import sys

if __name__ == "__main__":
    try:
        gc.disable()  # what is imported stays, so looking through it again and again while it grows finds nothing
        from ops.cli.app import app
        from stacks.rules import TopologyError

        try:
            from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
        except TopologyError as wrong:
            sys.exit(str(wrong))
        gc.freeze()
        gc.enable()
        app(prog_name="python -m ops", obj=TOPOLOGY)
    except KeyboardInterrupt:  # before the command began, which says more
        sys.stderr.write("Stopped before anything was done.\n")
        sys.exit(5)
