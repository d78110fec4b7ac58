"""The sample's stacks: `cdk --app "python -m tests.sample.app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.lifetime import now

if __name__ == "__main__":
    app = App()
    compose(app, now())
    app.synth()
