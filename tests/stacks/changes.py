"""A judge of deployments: what somebody who is at work lacks while one assembly takes the place of another.

It knows nothing of our constructs, only templates and CloudFormation's order. Within a stack, what a resource refers to
or depends on is made or changed before it; deletions come after all of that, in the reverse order. A stack is deployed
after those that it depends on, and before or after any other. `cdk deploy` deletes no stack.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

At work are functions, rules of EventBridge and the methods of an API as they are deployed: the deployment is a snapshot
of all methods that exist as it is made, those that are deleted afterwards included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

NAMES = {
    "AWS::DynamoDB::Table": ("TableName", "arn:aws:dynamodb:here:me:table/{}"),
    "AWS::SQS::Queue": ("QueueName", "arn:aws:sqs:here:me:{}"),
    "AWS::Events::EventBus": ("Name", "arn:aws:events:here:me:event-bus/{}"),
    "AWS::SecretsManager::Secret": ("Name", "arn:aws:secretsmanager:here:me:secret:{}-abcdef"),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:aws:logs:here:me:log-group:{}:*"),
    "AWS::Lambda::Function": ("FunctionName", "arn:aws:lambda:here:me:function:{}"),
}
"""What is found by name: the property that holds the name, and the ARN that is made of it."""
STOPPED = {"data": {"none": ["none"]}}
"""The filter by which a subscription takes nothing any more, in docs/removing-an-integration.md."""
METHOD = "AWS::ApiGateway::Method"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "here", "AWS::AccountId": "me", "AWS::URLSuffix": "amazonaws.com"}


@dataclass(frozen=True)
class Place:
    """A resource of a stack, in whichever assembly."""

    stack: str
    logical_id: str


@dataclass(frozen=True)
class Step:
    """What CloudFormation does with a resource: it makes or changes it, or deletes it."""

    place: Place
    deletes: bool = False


@dataclass(frozen=True)
class Need:
    """What somebody at work needs: that a thing of that ARN exists, or that `who` may do `what` with it."""

    arn: str
    who: str = ""
    what: str = ""

    def __str__(self) -> str:
        return f"{self.who} may {self.what} on {self.arn}" if self.what else f"{self.arn} exists"


class Side:
    """One of the two assemblies."""

    def __init__(self, folder: Path) -> None:
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        stacks = [name for name, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"]
        self.templates: dict[str, dict[str, Any]] = {
            name: json.loads((folder / f"{name}.template.json").read_text())["Resources"] for name in stacks
        }
        self.order = {name: set(artifacts[name].get("dependencies", ())) & set(stacks) for name in stacks}

    def get(self, place: Place) -> Mapping[str, Any] | None:
        """The resource, if this side has it."""
        found: Mapping[str, Any] | None = self.templates.get(place.stack, {}).get(place.logical_id)
        return found

    def of(self, kind: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        """Every resource of a type, and its properties."""
        for stack, template in self.templates.items():
            for logical_id, resource in template.items():
                if resource["Type"] == kind:
                    yield Place(stack, logical_id), resource.get("Properties", {})

    def plain(self, stack: str, value: Any) -> Any:
        """A value with its references resolved to names and ARNs."""
        match value:
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(str(self.plain(stack, part)) for part in parts)
            case {"Ref": name}:
                return PSEUDO.get(name) or self._name(stack, name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self._arn(stack, name)
            case dict():
                return {key: self.plain(stack, each) for key, each in value.items()}
            case list():
                return [self.plain(stack, each) for each in value]
        return value

    def _name(self, stack: str, logical_id: str) -> str:
        resource = self.templates[stack].get(logical_id, {})
        key = NAMES.get(resource.get("Type", ""), ("", ""))[0]
        return str(resource.get("Properties", {}).get(key, f"{stack}/{logical_id}"))

    def _arn(self, stack: str, logical_id: str) -> str:
        kind = self.templates[stack].get(logical_id, {}).get("Type", "")
        name = self._name(stack, logical_id)
        return NAMES[kind][1].format(name) if kind in NAMES else name

    def references(self, place: Place) -> set[str]:
        """What a resource refers to or depends on, in its own stack."""
        resource = self.get(place) or {}
        listed = resource.get("DependsOn", [])
        found = set([listed] if isinstance(listed, str) else listed)
        for words in re.findall(r'"Ref": "([^"]+)"|"Fn::GetAtt": \["([^"]+)"', json.dumps(resource)):
            found |= set(filter(None, words))
        return found & self.templates[place.stack].keys()

    def provides(self) -> dict[Need, set[Place]]:
        """What is there and who may do what, each with the resources that see to it."""
        found: dict[Need, set[Place]] = {}
        for kind, (_, pattern) in NAMES.items():
            for place, _ in self.of(kind):
                found.setdefault(Need(pattern.format(self._name(place.stack, place.logical_id))), set()).add(place)
        for place, role, document in self._policies():
            for statement in self.plain(place.stack, document)["Statement"]:
                for need in _allowed(statement, role):
                    found.setdefault(need, set()).add(place)
        return found

    def _policies(self) -> Iterator[tuple[Place, str, Any]]:
        for place, properties in self.of("AWS::IAM::Policy"):
            for role in properties["Roles"]:
                yield place, f"{place.stack}/{role['Ref']}", properties["PolicyDocument"]
        for place, properties in self.of("AWS::IAM::Role"):
            for policy in properties.get("Policies", []):
                yield place, f"{place.stack}/{place.logical_id}", policy["PolicyDocument"]
        for place, properties in self.of("AWS::SQS::QueuePolicy"):
            yield place, "", properties["PolicyDocument"]

    def keys(self) -> dict[str, str]:
        """The key of every queue that has one of its own, both by ARN."""
        return {
            self._arn(place.stack, place.logical_id): str(self.plain(place.stack, properties["KmsMasterKeyId"]))
            for place, properties in self.of("AWS::SQS::Queue")
            if "KmsMasterKeyId" in properties
        }

    def at_work(self) -> Iterator[tuple[Place, set[Need], str]]:
        """Who is at work: the resource, what it needs, and what to call it."""
        provided = self.provides()
        for place, properties in self.of("AWS::Lambda::Function"):
            role = self.plain(place.stack, properties["Role"])
            yield place, self._of_role(role, provided), properties["FunctionName"]
        for place, properties in self.of("AWS::Events::Rule"):
            if properties.get("EventBusName"):
                yield place, set(self._of_rule(place, properties)), properties["Name"]
        for place, properties in self.of(METHOD):
            credentials = properties["Integration"].get("Credentials")
            if credentials:
                needs = self._of_role(self.plain(place.stack, credentials), provided)
                yield place, needs, f"{place.logical_id} as it is deployed"

    def _of_role(self, role: str, provided: Mapping[Need, Any]) -> set[Need]:
        allowed = {need for need in provided if need.who == role}
        there = {Need(need.arn) for need in allowed if not re.search(r"[*?]", need.arn.removesuffix(":*"))}
        return allowed | {need for need in there if any(need.arn.startswith(_head(each[1])) for each in NAMES.values())}

    def _of_rule(self, place: Place, properties: Mapping[str, Any]) -> Iterator[Need]:
        rule = f"arn:aws:events:here:me:rule/{properties['EventBusName']}/{properties['Name']}"
        for target in self.plain(place.stack, properties["Targets"]):
            for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"]):
                yield Need(arn)
                yield Need(arn, rule, "sqs:SendMessage")


def _head(pattern: str) -> str:
    return pattern.partition("{")[0]


def _allowed(statement: Mapping[str, Any], role: str) -> Iterator[Need]:
    if statement["Effect"] != "Allow":
        return
    conditions = statement.get("Condition", {}).values()
    sources: Any = next((each["aws:SourceArn"] for each in conditions if "aws:SourceArn" in each), [])
    for who in [role] if role else _listed(sources):
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Need(str(resource).replace("-??????", "-abcdef"), who, action)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Deployment:
    """What `cdk deploy --all` does on the way from one assembly to the other."""

    def __init__(self, before: Side, after: Side) -> None:
        self.before, self.after = before, after
        self._had, self._has = before.provides(), after.provides()
        self._above = cache(self._find_above)

    def lacking(self) -> list[str]:
        """What somebody at work lacks on the way, in sentences; nothing if the deployment is safe."""
        return sorted({*self._old_lack(), *self._new_lack(), *self._sealed(), *self._undrained(), *self._moved()})

    def step(self, place: Place) -> Step | None:
        """What is done with the resource, if anything is. A dependency alone changes nothing."""
        was, now = (
            None if each is None else {**each, "DependsOn": ""}
            for each in (self.before.get(place), self.after.get(place))
        )
        if place.stack not in self.after.templates or was == now:
            return None
        return Step(place, deletes=now is None)

    def precedes(self, one: Step, other: Step) -> bool:
        """Whether the one is certainly over before the other begins."""
        if one.place.stack != other.place.stack:
            return one.place.stack in self._stacks_before(other.place.stack)
        if one.deletes != other.deletes:
            return other.deletes
        first, last = (other, one) if one.deletes else (one, other)
        above: frozenset[str] = self._above(last.place, one.deletes)
        return first.place.logical_id in above

    def _stacks_before(self, stack: str) -> set[str]:
        direct = self.after.order.get(stack, set())
        return direct.union(*(self._stacks_before(each) for each in direct))

    def _find_above(self, place: Place, deleted: bool) -> frozenset[str]:
        side, found, left = (self.before if deleted else self.after), set[str](), [place.logical_id]
        while left:
            more = side.references(Place(place.stack, left.pop())) - found
            found |= more
            left += more
        return frozenset(found)

    def _old_lack(self) -> Iterator[str]:
        """What those at work lack before they have changed, or at all if they do not change."""
        later = {place: needs for place, needs, _ in self.after.at_work()}
        for place, needs, name in self.before.at_work():
            end = self._turn(place)
            # What is not changed needs no more than what it is still given.
            for need in needs if end or place not in later else needs & later[place]:
                if not self._held(need, end):
                    yield f"{name}, as it was, still needs that {need}"

    def _held(self, need: Need, end: Step | None) -> bool:
        there = _satisfying(need, self._had)
        will_be = _satisfying(need, self._has)
        for place in there:
            step = self.step(place)
            if step is None or place in will_be or (not need.what and self._kept(place)):
                return True
            if end is not None and self.precedes(end, step):
                return True
            instead = [self.step(each) for each in will_be]
            if any(each is None or self.precedes(each, step) for each in instead):
                return True
        return not there

    def _kept(self, place: Place) -> bool:
        resource = self.before.get(place)
        return resource is not None and resource.get("DeletionPolicy", "Delete") != "Delete"

    def _new_lack(self) -> Iterator[str]:
        """What those who change or begin lack then."""
        for place, needs, name in self.after.at_work():
            begin = self._turn(place)
            for need in needs if begin else ():
                had, has = _satisfying(need, self._had), _satisfying(need, self._has)
                if had and not has:
                    yield f"{name}, as it will be, needs that {need}, which ends"
                elif has and not had & has and not self._ready(has, begin):
                    yield f"{name}, as it will be, begins before {need}"

    def _sealed(self) -> Iterator[str]:
        """What is in a queue and sealed with the key that the queue had, for whoever may receive it afterwards.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        """
        for queue, key in self.before.keys().items():
            for need in self._has:
                opens = Need(key, need.who, "kms:Decrypt")
                if (need.what, need.arn) == ("sqs:ReceiveMessage", queue) and not _satisfying(opens, self._has):
                    yield f"{need.who} may receive what {queue} took before, and may not open it with {key}"

    def _undrained(self) -> Iterator[str]:
        """What rules still bring to a queue until it is deleted, and what it holds: nobody takes it any more."""
        for place, properties in self.before.of("AWS::Events::Rule"):
            stays = place.stack not in self.after.templates
            stopped = properties.get("EventPattern", {}).get("detail") == STOPPED
            for target in () if stays or stopped else self.before.plain(place.stack, properties["Targets"]):
                holders = self._had.get(Need(target["Arn"]), set())
                if Need(target["Arn"]) not in self._has and not any(map(self._kept, holders)):
                    yield f"{properties['Name']} brings events to {target['Arn']} until it is deleted with them"

    def _moved(self) -> Iterator[str]:
        """What is made under a name that something else has, as far as CloudFormation knows."""
        for need in self._had.keys() & self._has.keys():
            if not need.what and self._had[need].isdisjoint(self._has[need]):
                (old,), (new,) = self._had[need], self._has[need]
                yield f"{need.arn} is made in {new.stack} while it is still in {old.stack}"

    def _ready(self, places: set[Place], begin: Step | None) -> bool:
        steps = [self.step(each) for each in places]
        return any(step is None or (begin is not None and self.precedes(step, begin)) for step in steps)

    def _turn(self, place: Place) -> Step | None:
        """The step by which the old gives way to the new; None if there is none."""
        resource = self.after.get(place) or self.before.get(place) or {}
        if resource["Type"] != METHOD:
            return self.step(place)
        if self.after.get(place) is None:
            return None  # the snapshot is made before the method is deleted, and serves it for ever
        stages = [each for each, _ in self.after.of("AWS::ApiGateway::Stage") if each.stack == place.stack]
        return self.step(stages[0]) if stages else None


def _satisfying(need: Need, provided: Mapping[Need, set[Place]]) -> set[Place]:
    """The resources that satisfy a need; a policy may name several by a pattern."""
    if need in provided:
        return provided[need]
    found = (
        places
        for each, places in provided.items()
        if need.what and (each.what, each.arn) == (need.what, need.arn) and fnmatchcase(need.who, each.who)
    )
    return set().union(*found)
