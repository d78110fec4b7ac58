"""`python -m tests.sample.timed_ops`: the operator's command on the map of schedules and delays."""

from ops.cli.app import app
from tests.sample.timed import TIMED

if __name__ == "__main__":
    app(prog_name="python -m ops", obj=TIMED)
