"""The templates of an app, nested ones with those that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STACK = "AWS::CloudFormation::Stack"
HOME = "Template"
"""Says of a reference in which template it stands, where that is not the one that it is read in."""


@dataclass(frozen=True)
class Templates:
    """Templates by their paths."""

    by_path: Mapping[str, Mapping[str, Any]]
    nested: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The path of each nested stack's template, by the template that holds it and its logical id there."""

    def placed(self, path: str, value: Any, home: str | None = None) -> Any:
        """The value of the template at `path` as it means the same in the one at `home`: what a parent gives a nested
        stack stands where it is used, and so does what a nested stack gives back."""
        home = path if home is None else home
        match value:
            case {"Ref": str() as name} if (given := self._given(path, name)) is not None:
                return self.placed(*given, home)
            case {"Fn::GetAtt": [str() as name, str() as attribute]} if (path, name) in self.nested:
                inner = self.nested[path, name]
                output = self.by_path[inner].get("Outputs", {}).get(attribute.removeprefix("Outputs."))
                return value if output is None else self.placed(inner, plain(output["Value"]), home)
            case {"Ref": str() as name} if name.startswith("AWS::"):
                return value
            case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::ImportValue": _} if path != home:
                return {**value, HOME: path}
            case Mapping():
                return {name: self.placed(path, each, home) for name, each in value.items()}
            case list():
                return [self.placed(path, each, home) for each in value]
        return value

    def _given(self, path: str, name: str) -> tuple[str, Any] | None:
        """The value of a nested template's parameter, and the template that it stands in."""
        holder = next((at for at, inner in self.nested.items() if inner == path), None)
        declared = self.by_path[path].get("Parameters", {}).get(name)
        if holder is None or declared is None:
            return None
        parent, logical_id = holder
        given = self.by_path[parent]["Resources"][logical_id].get("Properties", {}).get("Parameters", {})
        if name in given:
            return parent, plain(given[name])
        return (path, declared["Default"]) if "Default" in declared else None


def read(paths: Iterable[str]) -> Templates:
    """The templates at `paths`, and those of their nested stacks, which the CDK keeps beside them as assets."""
    by_path, nested = {}, {}
    for first in map(Path, paths):
        manifest = first.with_name(first.name.removesuffix(".template.json") + ".assets.json")
        files = json.loads(manifest.read_bytes())["files"] if manifest.is_file() else {}
        waiting = [first]
        while waiting:
            path = waiting.pop()
            template = by_path[str(path)] = json.loads(path.read_bytes())
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] != STACK:
                    continue
                url = json.dumps(resource.get("Properties", {}).get("TemplateURL"))
                source = next((each["source"].get("path") for key, each in files.items() if key in url), None)
                if source is not None and first.with_name(source).is_file():
                    inner = first.with_name(source)
                    nested[str(path), logical_id] = str(inner)
                    waiting.append(inner)
    return Templates(by_path, nested)


def plain(value: Any, mappings: Mapping[str, Any] | None = None) -> Any:
    """The value with what it finds in the template's mappings put in its place, and written in one way of several:
    `Fn::Sub` as what it joins, the parts of `Fn::GetAtt` apart."""
    match value:
        case {"Fn::FindInMap": [str() as mapping, str() as key, str() as name]} if mappings:
            return mappings[mapping][key][name]
        case {"Fn::GetAtt": str() as dotted}:
            return {"Fn::GetAtt": dotted.split(".", 1)}
        case {"Fn::Sub": str() as sentence}:
            return _joined(sentence, {})
        case {"Fn::Sub": [str() as sentence, Mapping() as words]}:
            return _joined(sentence, plain(words, mappings))
        case Mapping():
            return {name: plain(each, mappings) for name, each in value.items()}
        case list():
            return [plain(each, mappings) for each in value]
    return value


def _joined(sentence: str, words: Mapping[str, Any]) -> Any:
    """What `Fn::Sub` makes of the sentence.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
    """
    first, *rest = sentence.split("${")
    parts: list[Any] = [first]
    for each in rest:
        name, _, after = each.partition("}")
        if name.startswith("!"):
            parts.append(f"${{{name[1:]}}}")
        elif name in words:
            parts.append(words[name])
        else:
            parts.append({"Fn::GetAtt": name.split(".", 1)} if "." in name else {"Ref": name})
        parts.append(after)
    return {"Fn::Join": ["", [part for part in parts if part != ""]]}
