"""The ingress of stage local as the CDK writes it, with some of its settings and routes changed."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# Read by the CDK's process when it starts, which importing aws_cdk does.
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App

from stacks import names
from stacks import settings as stages
from stacks.entry import Route, Topology
from stacks.ingress import Ingress
from tests.kept import kept
from tests.sample.topology import SAMPLE


def unlimited(route: Route) -> Route:
    """The route without limits of its own."""
    return replace(route, rate=None, burst=None)


def synthesize(
    folder: Path,
    change: Callable[[Route], Route] = unlimited,
    *,
    topology: Topology = SAMPLE,
    retired: bool = False,
    **settings: Any,
) -> Path:
    """The assembly's folder."""
    known = copy.deepcopy(names.CONTEXT["stages"])
    known[names.LOCAL] |= settings
    integrations = (
        replace(each, routes=tuple(map(change, each.routes)), retired=retired) for each in topology.integrations
    )
    topology = replace(topology, integrations=tuple(integrations))

    def make(draft: Path) -> None:
        app = App(context={**names.CONTEXT, "stages": known, "aws:cdk:bundling-stacks": []}, outdir=str(draft))
        Ingress(app, settings=stages.read(names.LOCAL, known), topology=topology)
        app.synth()

    return shutil.copytree(kept(("ingress", topology, known), make), folder, dirs_exist_ok=True)
