"""Templates to break, so that a rule is seen to find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.stacks.templates import Templates

Break = Callable[["Broken"], None]


class Broken:
    """A copy of the templates of a stage, to break."""

    def __init__(self, templates: Templates) -> None:
        self.templates: dict[str, Any] = json.loads(json.dumps(templates.stacks))

    def of(self, kind: str, **where: Any) -> Iterator[dict[str, Any]]:
        """The properties of the resources of that type, with those values."""
        for template in self.templates.values():
            for resource in template["Resources"].values():
                properties = resource.get("Properties", {})
                if resource["Type"] == kind and all(properties.get(key) == value for key, value in where.items()):
                    yield properties

    def set(self, kind: str, where: dict[str, Any] | None = None, **changes: Any) -> None:
        """Change properties of all resources of that type; None removes one."""
        found = list(self.of(kind, **(where or {})))
        assert found, f"there is no {kind} to break"
        for properties in found:
            properties.update(changes)
            for key in [key for key, value in changes.items() if value is None]:
                del properties[key]

    def add(self, stack: str, logical_id: str, kind: str, **properties: Any) -> None:
        """One more resource."""
        self.templates[stack]["Resources"][logical_id] = {"Type": kind, "Properties": properties}


def nested(kind: str, *path: str, value: Any, where: dict[str, Any] | None = None) -> Break:
    """Sets one property deep inside every resource of a type."""

    def change(broken: Broken) -> None:
        found = list(broken.of(kind, **(where or {})))
        assert found
        for properties in found:
            inner = properties
            for key in path[:-1]:
                inner = inner.setdefault(key, {})
            inner[path[-1]] = value

    return change


def prop(kind: str, where: dict[str, Any] | None = None, **changes: Any) -> Break:
    return lambda broken: broken.set(kind, where, **changes)
