"""`python -m tests.sample.delayed_ops`: the operator's command on the map of delays."""

from ops.cli.app import app
from tests.sample.delayed import DELAYED

if __name__ == "__main__":
    app(prog_name="python -m ops", obj=DELAYED)
