"""The resources of all templates, and what a value in one of them points to."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.invariants import templates as files
from stacks.invariants.templates import HOME, STACK, Templates, plain

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

    def __init__(
        self, templates: Mapping[str, Mapping[str, Any]] | Templates, *, accounts: Collection[str] = ()
    ) -> None:
        found = templates if isinstance(templates, Templates) else Templates(templates)
        self.accounts = frozenset(accounts)
        """The accounts that the stacks are for, where they are for some and not for any."""
        self.sizes = {path: _size(template) for path, template in found.by_path.items()}
        """The bytes of each template as it is written, without spaces, its mappings once."""
        self._resources = {
            (path, logical_id): Resource(
                path,
                logical_id,
                resource["Type"],
                found.placed(path, plain(resource.get("Properties", {}), template.get("Mappings", {}))),
                resource.get("DeletionPolicy"),
            )
            for path, template in found.by_path.items()
            for logical_id, resource in template.get("Resources", {}).items()
        }
        self._named = {(resource.kind, resource.name): resource for resource in self._resources.values()}
        self._exported = {
            text(plain(output["Export"]["Name"])): found.placed(path, plain(output["Value"]), "")
            for path, template in found.by_path.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }
        self.unread = [each for each in self.of(STACK) if (each.template, each.logical_id) not in found.nested]
        """Nested stacks whose templates are not there."""

    @classmethod
    def read(cls, paths: Iterable[str], *, accounts: Collection[str] = ()) -> Assembly:
        """The templates at `paths`, and those that are nested in them."""
        return cls(files.read(paths), accounts=accounts)

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
        if "Fn::ImportValue" in value:
            value = self._exported.get(text(value["Fn::ImportValue"]), {})
        logical_id = (
            (value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]) if isinstance(value, Mapping) else None
        )
        if logical_id is not None:
            return self._resources.get((value.get(HOME, origin.template), str(logical_id)))
        return self._named.get((kind, last_word(value)))


def _size(template: Mapping[str, Any]) -> int:
    return len(json.dumps(template, separators=(",", ":"), ensure_ascii=False).encode())


def text(value: Any) -> str:
    """A value as text, as far as the template tells: a reference stands as `${Name}`."""
    match value:
        case str() | int() | float():
            return str(value)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::ImportValue": name}:
            return f"${{{text(name)}}}"
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
