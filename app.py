"""The stacks of one stage: `cdk synth -c stage=prod`. Needs no network, no account and no git."""

from __future__ import annotations

import sys

from aws_cdk import App, Validations
from msgspec import structs

from stacks import settings as stages
from stacks.encryption import Encryption
from stacks.entry import TopologyError
from stacks.fanout import Fanout
from stacks.ingress import Ingress
from stacks.invariants.plugin import Invariants
from stacks.observability import Observability
from stacks.operator import Operator
from stacks.processing import Processing
from stacks.state import State


def compose(app: App) -> None:
    """Every stack of the stage that the context names, in the order in which they are deployed."""
    from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported

    settings = stages.read(app.node.try_get_context("stage"), app.node.try_get_context("stages"))
    if settings.customer_key is True:
        encryption = Encryption(app, settings=settings)
        settings = structs.replace(settings, customer_key=encryption.key.key_arn)
    state = State(app, settings=settings, topology=TOPOLOGY)
    fanout = Fanout(app, settings=settings, topology=TOPOLOGY)
    processing = Processing(app, settings=settings, topology=TOPOLOGY)
    ingress = Ingress(app, settings=settings, topology=TOPOLOGY)
    for earlier, later in ((state, fanout), (fanout, processing), (processing, ingress)):
        later.add_stack_dependency(earlier)
    Operator(app, settings=settings, topology=TOPOLOGY)
    if settings.alarms:
        Observability(app, settings=settings, topology=TOPOLOGY, limits=settings.alarms)
    Validations.of(app).add_plugins(Invariants())


def main() -> str | None:
    """Synthesize. Returns what is wrong, in words, or None."""
    app = App()
    try:
        compose(app)
        app.synth()
    except (TopologyError, stages.SettingsError) as wrong:
        return str(wrong)
    except RuntimeError as failed:  # all that the CDK raises, and what our own code raised inside it
        what, _, report = str(failed).partition(": ")
        if what == "ValidationFailed":
            return report
        if what.startswith("Failed to bundle asset"):
            return report.rpartition("RuntimeError: ")[2]
        raise
    return None


if __name__ == "__main__":
    sys.exit(main())
