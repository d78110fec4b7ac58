"""Templates of several stages as one text a stack: a line for each property, which says in which stages it is so.

A line that says no stage is so in all that have the resource. References read as `${LogicalId}`, text that is JSON as
what it holds. Of a long text only the beginning is there, with its length and a digest, so that a change shows; what
depends on code that is bundled, on the machine or on the CDK's version is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stacks import names
from tests.stacks.templates import Templates

FOLDER = Path(__file__).parent
WIDTH = 150
SHOWN = 200
"""Characters of a text that are written out."""
UNSTEADY = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<asset>"),
    (re.compile(r"^[0-9a-f]{8}$"), "<release>"),
    (re.compile(r"(?<=Deployment)[0-9A-F]{8}[0-9a-f]{32}"), ""),
    (re.compile(r"(?<=Policy)[0-9a-f]{8}(?=[0-9A-F]{8}\b)"), ""),
    (re.compile(r"(?<=[A-Za-z])[0-9A-F]{8}(?![0-9A-Fa-f])"), ""),
)
"""Digests of what is bundled, of what a deployment or a policy says, which stands in other lines, and of paths."""
OF_CDK = ("Parameters", "Rules")
"""Parts of a template that are the CDK's own."""
OF_HOST = ("Architectures", "CompatibleArchitectures", "CompatibleRuntimes", "Runtime")
"""What the local stage takes from the machine."""

ByStage = Mapping[str, Any]
"""The values of one thing in the stages that have it."""


def summaries(made: Sequence[Templates]) -> dict[str, str]:
    """The text of each stack, by its word."""
    by_word: dict[str, dict[str, Any]] = {}
    for templates in made:
        for word, template in templates.stacks.items():
            by_word.setdefault(word, {})[templates.stage] = _steady(_plain(template), templates.stage)
    return {word: "\n".join(_stack(word, by_stage)) + "\n" for word, by_stage in sorted(by_word.items())}


def _stack(word: str, by_stage: ByStage) -> Iterator[str]:
    stages = tuple(by_stage)
    yield f"# {word}: {' '.join(stages)}"
    kept = {
        stage: {key: value for key, value in template.items() if key not in (*OF_CDK, "Resources")}
        for stage, template in by_stage.items()
    }
    yield from _entries(kept, stages, "")
    resources: dict[str, dict[str, Any]] = {}
    for stage, template in by_stage.items():
        for logical_id, resource in template["Resources"].items():
            resources.setdefault(logical_id, {})[stage] = _said(resource)
    kinds = sorted({resource["Type"] for having in resources.values() for resource in having.values()})
    common = {
        kind: _common([having for having in resources.values() if next(iter(having.values()))["Type"] == kind])
        for kind in kinds
    }
    for kind, said in common.items():
        if said:
            yield f"\nEvery {kind}:"
            yield from _entries({"": said}, ("",), "  ")
    for logical_id, having in sorted(resources.items()):
        yield f"\n{logical_id}: {next(iter(having.values()))['Type']}{_in(having, stages)}"
        own = {
            stage: {key: value for key, value in resource.items() if key not in ("Type", *common[resource["Type"]])}
            for stage, resource in having.items()
        }
        yield from _entries(own, tuple(having), "  ")


def _said(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a resource, and what it says beside them with a mark."""
    around = {f"^ {key}": value for key, value in resource.items() if key not in ("Type", "Properties", "Metadata")}
    if isinstance(around.get("^ DependsOn"), list):
        around["^ DependsOn"] = sorted(around["^ DependsOn"])
    return {"Type": resource["Type"], **resource.get("Properties", {}), **around}


def _common(resources: Sequence[ByStage]) -> dict[str, Any]:
    """What all of these say in every stage, where there are several."""
    first, *others = [resource for having in resources for resource in having.values()]
    return {
        key: value
        for key, value in first.items()
        if key != "Type" and len(resources) > 1 and all(key in each and each[key] == value for each in others)
    }


def _entries(by_stage: ByStage, all_of: Sequence[str], indent: str) -> Iterator[str]:
    """Each key of what is a mapping in every stage."""
    for key in sorted({key for found in by_stage.values() for key in found}):
        having = {stage: found[key] for stage, found in by_stage.items() if key in found}
        yield from _merged(having, all_of, f"{indent}{key}: ", indent)


def _merged(by_stage: ByStage, all_of: Sequence[str], head: str, indent: str) -> Iterator[str]:
    """A value once for all stages that have the same; of one that differs only the parts that do, stage by stage."""
    distinct: dict[str, list[str]] = {}
    for stage, value in by_stage.items():
        distinct.setdefault(json.dumps(value, sort_keys=True), []).append(stage)
    below, mark = indent + "  ", _in(by_stage, all_of)
    values = list(by_stage.values())
    if len(distinct) == 1:
        first, *rest = _written(values[0], head, indent)
        yield first + mark
        yield from rest
    elif all(isinstance(each, dict) for each in values):
        yield head.rstrip() + mark
        yield from _entries(by_stage, tuple(by_stage), below)
    elif all(isinstance(each, list) for each in values):
        yield head.rstrip() + mark
        for elements in _aligned(by_stage):
            yield from _merged(elements, tuple(by_stage), f"{below}- ", below)
    else:
        for value, stages in distinct.items():
            first, *rest = _written(json.loads(value), head, indent)
            yield first + _in(stages, all_of)
            yield from rest


def _aligned(by_stage: Mapping[str, list[Any]]) -> Iterator[ByStage]:
    """The elements of lists: by their places where the lists are as long, or else by what they say."""
    if len({len(each) for each in by_stage.values()}) == 1:
        for elements in zip(*by_stage.values(), strict=True):
            yield dict(zip(by_stage, elements, strict=True))
        return
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for stage, listed in by_stage.items():
        seen = Counter[str]()
        for each in listed:
            said = json.dumps(each, sort_keys=True)
            found.setdefault((said, seen[said]), {})[stage] = each
            seen[said] += 1
    yield from found.values()


def _in(stages: Iterable[str], all_of: Sequence[str]) -> str:
    return "" if set(stages) == set(all_of) else f"   [{' '.join(stages)}]"


def _written(value: Any, head: str, indent: str) -> Iterator[str]:
    """The value in one line where it fits into one, or else what it holds below."""
    flow, below = _flow(value), indent + "  "
    if len(head) - len(indent) + len(flow) <= WIDTH or not isinstance(value, dict | list):
        yield head + flow
    elif isinstance(value, dict):
        keys = sorted(value)
        if head.endswith("- "):
            yield from _written(value[keys[0]], f"{head}{keys[0]}: ", below)
            keys = keys[1:]
        else:
            yield head.rstrip()
        for key in keys:
            yield from _written(value[key], f"{below}{key}: ", below)
    else:
        yield head.rstrip()
        for each in value:
            yield from _written(each, f"{below}- ", below)


def _flow(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str() if len(value) > SHOWN:
            digest = hashlib.sha256(value.encode()).hexdigest()[:8]
            return f"{_flow(value[:60])}… ({len(value)} characters, {digest})"
        case str() if not value or value != value.strip() or re.search(r"[\n,:{}\[\]]|^[\d\"]|^(true|false)$", value):
            return json.dumps(value, ensure_ascii=False)
        case str():
            return value
    return json.dumps(value)


def _plain(value: Any) -> Any:
    """References as text, and text that is JSON as what it holds."""
    match value:
        case {"Fn::Join": [separator, parts]} if all(isinstance(_plain(part), str) for part in parts):
            return _read(str(separator).join(map(_text, parts)))
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::FindInMap": [str() as name, first, second]}:
            return f"${{{name}.{first}.{second}}}"
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case str():
            return _read(value)
    return value


def _text(part: Any) -> str:
    return part if isinstance(part, str) else str(_plain(part))


def _read(text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _steady(value: Any, stage: str) -> Any:
    """The same for every stage and whatever is bundled, as far as it is the same."""
    match value:
        case dict():
            changed = {
                _steady(key, stage): "<host>" if stage == names.LOCAL and key in OF_HOST else _steady(each, stage)
                for key, each in value.items()
            }
            assert len(changed) == len(value), "two keys are the same without their digests"
            return changed
        case list():
            return [_steady(each, stage) for each in value]
        case str():
            for pattern, word in UNSTEADY:
                value = pattern.sub(word, value)
            return re.sub(rf"\b{stage}\b|(?<={names.PROJECT}){stage}|(?<=DeploymentStage){stage}", "<stage>", value)
    return value
