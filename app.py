"""The stacks of one stage: `cdk synth -c stage=prod`. Needs no network, no account and no git."""

from __future__ import annotations

from aws_cdk import App

from stacks import settings as stage
from stacks.fanout import Fanout
from stacks.processing import Processing
from stacks.state import State
from stacks.topology import TOPOLOGY

app = App()
settings = stage.read(app.node.try_get_context("stage"), app.node.try_get_context("stages"))

state = State(app, settings=settings, topology=TOPOLOGY)
fanout = Fanout(app, settings=settings, topology=TOPOLOGY)
processing = Processing(app, settings=settings, topology=TOPOLOGY)

fanout.add_stack_dependency(state)
processing.add_stack_dependency(fanout)

app.synth()
