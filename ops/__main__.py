"""`python -m ops`."""

import sys

if __name__ == "__main__":
    try:
        from ops.cli.app import app
        from stacks.rules import TopologyError

        try:
            from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
        except TopologyError as wrong:
            sys.exit(str(wrong))
        app(prog_name="python -m ops", obj=TOPOLOGY)
    except KeyboardInterrupt:  # before the command began, which says more
        if "--json" in sys.argv:
            sys.stdout.write('{"error":"Stopped before anything was done.","exit_code":5}\n')
        else:
            sys.stderr.write("Stopped before anything was done.\n")
        sys.exit(5)
