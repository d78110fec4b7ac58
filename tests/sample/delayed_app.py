"""The stacks of the map of delays: `cdk --app "python -m tests.sample.delayed_app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.delayed import DELAYED

if __name__ == "__main__":
    app = App()
    compose(app, DELAYED)
    app.synth()
