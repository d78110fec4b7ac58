"""The stacks of the map of schedules and delays: `cdk --app "python -m tests.sample.timed_app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.timed import TIMED

if __name__ == "__main__":
    app = App()
    compose(app, TIMED)
    app.synth()
