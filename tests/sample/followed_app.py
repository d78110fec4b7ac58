"""The stacks of the map of workflows: `cdk --app "python -m tests.sample.followed_app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.followed import FOLLOWED_SOON

if __name__ == "__main__":
    app = App()
    compose(app, FOLLOWED_SOON)
    app.synth()
