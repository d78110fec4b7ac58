"""The resources of all templates, and what a value in one of them points to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where a resource says its physical name.
NAMES = ("QueueName", "FunctionName", "TableName", "LogGroupName", "RoleName", "TopicName", "Name")


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource of a template."""

    template: str
    logical_id: str
    kind: str
    properties: Mapping[str, Any]
    deletion: str | None = None
    """What becomes of it when it leaves its stack: its DeletionPolicy."""

    @property
    def name(self) -> str | None:
        """Its physical name, if the template fixes one."""
        return next((self.properties[key] for key in NAMES if isinstance(self.properties.get(key), str)), None)


class Assembly:
    """Every resource of every template, so that a rule sees a queue and its consumer even in two stacks."""

    def __init__(self, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self.sizes = {path: _size(template) for path, template in templates.items()}
        """The bytes of each template as it is written, without spaces, its mappings once."""
        self._resources = {
            (path, logical_id): Resource(
                path,
                logical_id,
                found["Type"],
                looked_up(found.get("Properties", {}), template.get("Mappings", {})),
                found.get("DeletionPolicy"),
            )
            for path, template in templates.items()
            for logical_id, found in template.get("Resources", {}).items()
        }
        self._named = {(resource.kind, resource.name): resource for resource in self._resources.values()}
        self._exported = {
            text(output["Export"]["Name"]): (path, output["Value"])
            for path, template in templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    @classmethod
    def read(cls, paths: Iterable[str]) -> Assembly:
        """The templates at `paths`."""
        return cls({path: json.loads(Path(path).read_bytes()) for path in paths})

    def __iter__(self) -> Iterator[Resource]:
        """Every resource."""
        return iter(self._resources.values())

    def templates(self) -> list[list[Resource]]:
        """The resources of each template that has any."""
        found: dict[str, list[Resource]] = {}
        for resource in self:
            found.setdefault(resource.template, []).append(resource)
        return list(found.values())

    def of(self, kind: str) -> list[Resource]:
        """Every resource of that type, such as `AWS::SQS::Queue`."""
        return [resource for resource in self._resources.values() if resource.kind == kind]

    def target(self, origin: Resource, value: Any, kind: str) -> Resource | None:
        """The resource that a value of `origin` points to: by reference, in another template if that is what it
        imports, or by the name its ARN or URL ends with."""
        if not isinstance(value, Mapping):
            return self._named.get((kind, last_word(value)))
        path = origin.template
        if "Fn::ImportValue" in value:
            path, value = self._exported.get(text(value["Fn::ImportValue"]), (path, {}))
        logical_id = (
            (value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]) if isinstance(value, Mapping) else None
        )
        if logical_id is not None:
            return self._resources.get((path, str(logical_id)))
        return self._named.get((kind, last_word(value)))


def _size(template: Mapping[str, Any]) -> int:
    return len(json.dumps(template, separators=(",", ":"), ensure_ascii=False).encode())


def looked_up(value: Any, mappings: Mapping[str, Any]) -> Any:
    """The value with what it finds in the template's mappings put in its place."""
    match value:
        case {"Fn::FindInMap": [str() as mapping, str() as key, str() as name]}:
            return mappings[mapping][key][name]
        case Mapping():
            return {name: looked_up(each, mappings) for name, each in value.items()}
        case list():
            return [looked_up(each, mappings) for each in value]
    return value


def text(value: Any) -> str:
    """A value as text, as far as the template tells: a reference stands as `${Name}`."""
    match value:
        case str() | int() | float():
            return str(value)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
        case {"Fn::Sub": str() as template}:
            return template
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, *attributes]}:
            return f"${{{'.'.join([name, *attributes])}}}"
        case _:
            return json.dumps(value, sort_keys=True)


def last_word(value: Any) -> str:
    """What an ARN or a URL ends with."""
    return text(value).replace("/", ":").rpartition(":")[2]


def listed(value: Any) -> list[Any]:
    """A value as the list that a policy may write it as."""
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document."""
    return listed((document or {}).get("Statement"))
