"""`python -m tests.sample.followed_ops`: the operator's command on the map of workflows."""

from ops.cli.app import app
from tests.sample.followed import FOLLOWED_SOON

if __name__ == "__main__":
    app(prog_name="python -m ops", obj=FOLLOWED_SOON)
