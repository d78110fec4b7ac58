"""`python -m ops`."""

import gc
import os
import sys


def main(name: str) -> None:
    """The operator's command under that name, with the project's map where there is a project; it exits."""
    try:
        gc.disable()  # what is imported stays, so looking through it again and again while it grows finds nothing
        from stacks.names import INSTALLED

        if INSTALLED:
            from stacks.entry import Topology

            topology = Topology()
        else:
            from stacks.rules import TopologyError

            try:
                from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
            except TopologyError as wrong:
                sys.exit(str(wrong))
            topology = TOPOLOGY
        from ops import words

        told = words.answer(os.environ, f"_{name.upper()}_COMPLETE", topology)
        if told is not None:
            print(told)
            return
        if " " in name and any(word in sys.argv for word in ("--show-completion", "--install-completion")):
            sys.exit(
                f"Shells complete commands of one word, and `{name}` is none: install `headrace`, see docs/runbook.md."
            )
        from ops.cli.app import app

        gc.freeze()
        gc.enable()
        app(prog_name=name, obj=topology)
    except KeyboardInterrupt:  # before the command began, which says more
        if "--json" in sys.argv:
            sys.stdout.write('{"error":"Stopped before anything was done.","exit_code":5}\n')
        else:
            sys.stderr.write("Stopped before anything was done.\n")
        sys.exit(5)


if __name__ == "__main__":
    main("python -m ops")
