"""The stacks of the map of schedules: `cdk --app "python -m tests.sample.scheduled_app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.scheduled import SCHEDULED

if __name__ == "__main__":
    app = App()
    compose(app, SCHEDULED)
    app.synth()
