"""The stacks of one stage, in one readable sentence."""

from __future__ import annotations

import os

from aws_cdk import App, Stack, Validations
from msgspec import structs

from stacks import encryption, names, network, protection
from stacks import settings as stages
from stacks.edge import authorization
from stacks.entry import Topology
from stacks.ingress import Ingress
from stacks.integration import Integration
from stacks.invariants.plugin import Invariants
from stacks.observability import Observability
from stacks.operator import Operator
from stacks.shared import Shared


def compose(app: App, topology: Topology) -> None:
    """Every stack of the stage that the context names, in the order in which they are deployed."""
    settings = stages.read(
        app.node.try_get_context("stage"), app.node.try_get_context("stages") or names.CONTEXT["stages"]
    )
    protection.check(settings, topology)
    network.check(topology, settings)
    authorization.check(settings, os.environ.get("CDK_DEFAULT_ACCOUNT"))
    encryption.check(settings, os.environ.get("CDK_DEFAULT_REGION"))
    if settings.customer_key is True:
        own = encryption.Encryption(app, settings=settings)
        settings = structs.replace(settings, customer_key=own.key.key_arn)
    shared = Shared(app, settings=settings, topology=topology)
    earlier: list[Stack] = [shared]
    for entry in topology.integrations:
        if entry.tables or entry.queues:  # CloudFormation takes no stack without a resource
            integration = Integration(app, settings=settings, topology=topology, integration=entry)
            integration.add_stack_dependency(shared)
            # A retired integration is destroyed alone; what depends on it would go with it.
            earlier += [] if entry.retired else [integration]
    if any(integration.routes for integration in topology.integrations):
        ingress = Ingress(app, settings=settings, topology=topology)
        for stack in earlier:
            ingress.add_stack_dependency(stack)
    Operator(app, settings=settings, topology=topology)
    if settings.alarms:
        Observability(app, settings=settings, topology=topology, limits=settings.alarms)
    Validations.of(app).add_plugins(Invariants())
