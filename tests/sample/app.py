"""The sample's stacks: `cdk --app "python -m tests.sample.app"`."""

from aws_cdk import App

from stacks.compose import compose
from tests.sample.lifetime import now
from tests.sample.without import take

if __name__ == "__main__":
    app = App()
    compose(app, now())
    take(app)
    app.synth()
