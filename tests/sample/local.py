"""The sample on this machine: `python -m tests.sample.local up`."""

import shlex
import sys

from local.command import Door, app
from local.errors import imported, one_sentence

CDK_APP = f"{shlex.quote(sys.executable)} -m tests.sample.app"
"""The command that synthesizes the sample."""


def main() -> None:
    """Hand the sample in."""
    with one_sentence(), imported():
        from tests.sample.topology import SAMPLE
    door = Door(SAMPLE, module="tests.sample.local", operator="tests.sample.ops", cdk_app=CDK_APP)
    app(prog_name="python -m tests.sample.local", obj=door)


if __name__ == "__main__":
    main()
