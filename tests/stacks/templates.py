"""The templates of a stage, synthesized once, and questions to ask of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from app import compose

ROOT = Path(__file__).resolve().parents[2]


def context(stage: str, **settings: Any) -> dict[str, Any]:
    """cdk.json's context for that stage, some settings changed; nothing is bundled."""
    known = json.loads((ROOT / "cdk.json").read_text())["context"]
    known["stages"][stage] |= settings
    return {**known, "stage": stage, "aws:cdk:bundling-stacks": []}


@dataclass(frozen=True)
class Templates:
    """The templates by the words of their stacks: `templates.stacks["processing"]`."""

    folder: Path
    stacks: Mapping[str, Mapping[str, Any]]

    def resources(self, kind: str, stack: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Every resource of that type, whole."""
        for word, template in self.stacks.items():
            if stack in (None, word):
                yield from (found for found in template["Resources"].values() if found["Type"] == kind)

    def properties(self, kind: str, stack: str | None = None) -> list[Mapping[str, Any]]:
        """The properties of every resource of that type."""
        return [resource["Properties"] for resource in self.resources(kind, stack)]

    def named(self, kind: str, key: str, name: str) -> Mapping[str, Any]:
        """The properties of the one resource of that type whose `key` is `name`."""
        (found,) = [properties for properties in self.properties(kind) if properties[key] == name]
        return found


def synthesize(folder: Path, stage: str, **settings: Any) -> Templates:
    """The templates of `stage`, with some of its settings changed."""
    app = App(context=context(stage, **settings), outdir=str(folder))
    compose(app)
    app.synth()
    paths = sorted(folder.glob("*.template.json"))
    words = (path.name.removesuffix(".template.json").removeprefix(f"headrace-{stage}-") for path in paths)
    return Templates(folder, dict(zip(words, (json.loads(path.read_text()) for path in paths), strict=True)))


def statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy resource's properties."""
    document: Mapping[str, Any] = policy["PolicyDocument"]
    return list(document["Statement"])


def listed(value: Any) -> list[Any]:
    """A policy's value as the list that it may be written as."""
    return value if isinstance(value, list) else [value]
