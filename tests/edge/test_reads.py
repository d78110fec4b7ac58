"""Apache Velocity renders what is read as our gateway does: JSON with exactly the named fields, and one key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.contracts.key import scoped
from functions.runtime.table import typed
from local.gateway import velocity
from stacks import status
from stacks.edge import read_template
from tests.edge import items, java
from tests.examples import examples
from tests.sample.statuses import STATUSES

pytestmark = [pytest.mark.edge, pytest.mark.long]
NOW = 1_764_188_000_123
TENANTS = st.sampled_from(["", "acme", "a/b", "100%", '"', "\\", "'", "\\'", '"}}', "$key", "#end", "!~"])
REQUESTS = next(read for read in status.reads(STATUSES) if read.of_requests)
VALUES = st.sampled_from(["tic-1", "A_b", "a.b", "a b", "é", '"', "'", "$key", "#end", "x" * 65, "..", "a;b"])


@dataclass(frozen=True)
class Rendered:
    """A template, what went in, and what our gateway made of it."""

    template: str
    body: str
    path: Mapping[str, str]
    headers: Mapping[str, str]
    text: str
    override: Mapping[str, Any]

    @property
    def job(self) -> list[str]:
        context = {"requestId": "r-1", "requestTimeEpoch": NOW, "path": "/local/v1/things/x"}
        places = [java.mapping(self.path), "", java.mapping(self.headers)]
        return [java.text(self.body), *places, java.mapping(context)]


def rendered(template: str, body: Any, path: Mapping[str, str], tenant: str, **headers: str) -> Rendered:
    sent = {**({"X-Tenant-Id": tenant} if tenant else {}), **headers}
    context: dict[str, Any] = {
        "requestId": "r-1",
        "requestTimeEpoch": NOW,
        "path": "/local/v1/things/x",
        "responseOverride": {"header": {}, "status": 0},
    }
    text = json.dumps(body, ensure_ascii=False)
    given_ = velocity.Input(text, path, {}, sent)
    made = velocity.render(template, given=given_, context=context, stage_variables={})
    return Rendered(template, text, path, sent, made, context["responseOverride"])


def collected(number: int, *strategies: Any, make: Callable[..., Iterator[Rendered]]) -> list[Rendered]:
    """What is made of that many drawn examples, the same in every run."""
    found: list[Rendered] = []

    @settings(max_examples=number, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(st.tuples(*strategies))
    def draw(values: tuple[Any, ...]) -> None:
        found.extend(make(*values))

    draw()
    return found


def compare(every: list[Rendered]) -> None:
    java.check()
    templates = {
        each.template: str(number) for number, each in enumerate({one.template: one for one in every}.values())
    }
    jobs = [["template", number, java.text(template)] for template, number in templates.items()]
    jobs += [["render", templates[each.template], *each.job] for each in every]
    answers = java.run(jobs)
    assert len(answers) == len(every)
    for each, (kind, *fields) in zip(every, answers, strict=True):
        assert kind == "text", (java.read(fields[0]), each)
        assert java.read(fields[0]) == each.text
        assert java.read(fields[1]) == str(each.override["status"])
        # How a payload is spelled by `$input.json` is not known, only that it is the same for the same one.
        headers, ours = (
            java.read_mapping(fields[2]),
            {name: str(value) for name, value in each.override["header"].items()},
        )
        assert ("ETag" in headers) == ("ETag" in ours)
        assert {**headers, "ETag": ""} == {**ours, "ETag": ""}


def test_velocity_makes_the_same_json_of_any_item() -> None:
    template = read_template.found(items.READ, "none")

    def make(item: dict[str, Any], tenant: str) -> Iterator[Rendered]:
        yield rendered(template, {"Item": item}, {"thing_id": "tic-1"}, tenant)
        yield rendered(template, {"Item": item}, {"thing_id": "tic-1"}, tenant, **{"If-None-Match": "*"})

    every = collected(examples(1200), items.ITEMS, TENANTS, make=make)
    for each in every:
        if each.override["status"] == 304:
            assert each.text == ""
        else:
            assert items.read(each.text) == items.shown(json.loads(each.body)["Item"], "tic-1")
    compare(every)


@pytest.mark.parametrize("read", status.reads(STATUSES), ids=["thing", "request"])
def test_velocity_asks_for_the_same_key_or_for_nothing(read: status.Read) -> None:
    template = read_template.request(read, "none", "things")

    def make(value: str, tenant: str) -> Iterator[Rendered]:
        yield rendered(template, {}, {read.parameter: value}, tenant)

    every = collected(examples(600), VALUES, TENANTS, make=make)
    assert {each.text == "{}" for each in every} == {True, False}
    for each in every:
        asked = json.loads(each.text)
        key = scoped(each.headers.get("X-Tenant-Id"), each.path[read.parameter])
        assert asked == {} or asked["Key"] == {read.key: {"S": key}}
    compare(every)


@pytest.mark.parametrize("read", status.reads(STATUSES), ids=["thing", "request"])
def test_velocity_says_the_same_of_what_is_not_there_and_of_failures(read: status.Read) -> None:
    bodies: list[tuple[str, Any]] = [(read_template.found(read, "none"), {})]
    codes = ("ThrottlingException", "ProvisionedThroughputExceededException", "ResourceNotFoundException", "it's")
    bodies += [(read_template.refused(read, "none"), {"__type": f"com.amazonaws#{code}"}) for code in codes]
    bodies += [(read_template.refused(read, "none"), {"message": "no"})]
    bodies += [(read_template.failed(read, "none", busy=busy), {}) for busy in (True, False)]

    def make(value: str, tenant: str) -> Iterator[Rendered]:
        for template, body in bodies:
            yield rendered(template, body, {read.parameter: value}, tenant)

    every = collected(examples(100), VALUES, TENANTS, make=make)
    assert all(set(json.loads(each.text)) >= {"message", "correlation_id"} for each in every)
    compare(every)


def test_velocity_knows_what_is_true_from_a_time_on() -> None:
    template = read_template.found(REQUESTS, "none")
    later = {"status": "dead"}
    moments = [NOW - 1, NOW, NOW + 1]
    every = [
        rendered(
            template,
            {"Item": typed({"status": "retrying", "otherwise": later, "otherwise_from": moment})},
            {REQUESTS.parameter: "c-1"},
            "acme",
        )
        for moment in moments
    ]
    assert [json.loads(each.text)["status"] for each in every] == ["dead", "retrying", "retrying"]
    compare(every)
