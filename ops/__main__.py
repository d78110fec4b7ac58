"""`python -m ops`."""

from ops.command import app

if __name__ == "__main__":
    app(prog_name="python -m ops")
