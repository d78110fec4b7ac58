"""The API's part of the templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stacks import names
from stacks.invariants.templates import plain
from tests.stacks.templates import Templates


def methods(templates: Templates) -> dict[str, Mapping[str, Any]]:
    """The methods that feed queues, by the word of the queue, with what they look up in the template's mappings."""
    found: dict[str, Mapping[str, Any]] = {}
    mappings = templates.stacks["ingress"].get("Mappings", {})
    for method in templates.properties("AWS::ApiGateway::Method", "ingress"):
        if method["Integration"]["Type"] == "AWS":
            method = {**method, "Integration": plain(method["Integration"], mappings)}
            name = json.dumps(method["Integration"]["Uri"]).rpartition("/")[2].partition('"')[0]
            found[name.removeprefix(names.resource(templates.stage, "")).removesuffix(".fifo")] = method
    return found
