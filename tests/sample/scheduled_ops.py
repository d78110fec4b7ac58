"""`python -m tests.sample.scheduled_ops`: the operator's command on the map of schedules."""

from ops.cli.app import app
from tests.sample.scheduled import SCHEDULED

if __name__ == "__main__":
    app(prog_name="python -m ops", obj=SCHEDULED)
