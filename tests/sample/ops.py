"""`python -m tests.sample.ops`: the operator's command on the sample."""

from ops.cli.app import app
from tests.sample.lifetime import now

if __name__ == "__main__":
    app(prog_name="python -m ops", obj=now())
