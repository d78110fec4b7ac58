"""Templates to break, so that a rule is seen to find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.stacks.templates import Templates

Break = Callable[["Broken"], None]
MAY = r"(\*|\{.*\}) may [\w:, *]+"
SAID = {
    "asked-callers": "it asks nobody",
    "bus-policy": "everyone may",
    "exact-actions": r"s3:(\?etObject|Get\*)",
    "exact-resources": "sqs:DeleteQueue|s3:GetObject",
    "function-url": "AuthType is NONE",
    "invoked-from-here": r"(\*|\w+\.amazonaws\.com) may invoke it for anybody",
    "key-policy": MAY,
    "no-exceptions": "it allows by Not(Action|Resource|Principal)",
    "no-lasting-keys": "user u has one",
    "other-doors": r"(POST /x|\$default) asks nobody|its routes stand in (Target|Body)|CloudFormation makes .* later",
    "own-authorizer": r"(apigateway|events)\.amazonaws\.com may invoke it for (null|arn:.*)|it may not invoke it",
    "own-policies": "arn:aws:iam::aws:policy/AdministratorAccess",
    "planned-keys": "none does",
    "private-endpoints": "its policy refuses no other",
    "queue-policy": MAY,
    "queue-tls": "its policy denies no plain HTTP",
    "readable-policies": r"\w+::\w+(::\w+)? holds one|\w+ has (parameter Whatever|parameter Whoever|Fn::If)",
    "readable-templates": "its template is not",
    "resource-policy": f"{MAY}|everyone may use it",
    "signed-by-permission": r"the API's policy allows (\S+|all but some)",
    "topic-policy": MAY,
    "trusted": "(everyone|all of account 999999999999|whomever arn:aws:iam::.* knows) may take it",
}
"""What is said where somebody is let in, by rule."""


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
