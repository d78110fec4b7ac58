"""The ingress of stage local as the CDK writes it, with some of its settings and routes changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# Read by the CDK's process when it starts, which importing aws_cdk does.
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App

from stacks import settings as stages
from stacks.entry import Route
from stacks.ingress import Ingress
from stacks.topology import TOPOLOGY

ROOT = Path(__file__).resolve().parents[3]


def unlimited(route: Route) -> Route:
    """The route without limits of its own."""
    return replace(route, rate=None, burst=None)


def synthesize(folder: Path, change: Callable[[Route], Route] = unlimited, **settings: Any) -> Path:
    """The assembly's folder."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    known = context["stages"]
    known["local"] |= settings
    topology = replace(TOPOLOGY, routes=tuple(map(change, TOPOLOGY.routes)))
    app = App(context=context | {"aws:cdk:bundling-stacks": []}, outdir=str(folder))
    Ingress(app, settings=stages.read("local", known), topology=topology)
    app.synth()
    return folder
