"""A form that grows: items and objects come and go as the contract has them, and nothing else changes."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ops.errors import UsageError
from ops.queue import Queue, find_dead
from ops.redrive import form as forms
from ops.redrive.edit import decode
from ops.redrive.form import Form, filled, filled_in, form, form_of, grown, grown_in
from ops.redrive.member import Verb
from ops.stage import Stage

OPEN = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 2}]}


class Place(msgspec.Struct, kw_only=True, omit_defaults=True):
    street: str
    number: Annotated[int, msgspec.Meta(ge=1)]
    floor: int | None = None


class Parcel(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    kind: Literal["small", "large"]
    to: Place
    back: Place | None = None
    stops: list[Place] = []
    rows: list[list[int]] = []
    tags: Annotated[list[str], msgspec.Meta(max_length=2)] = []
    lots: Annotated[list[Place], msgspec.Meta(min_length=1)] = []
    either: int | str = 1
    free: dict[str, int] = {}
    note: str | None = None
    sure: bool = False
    inside: list[Parcel] = []


PLACES = some.fixed_dictionaries(
    {"street": some.text(max_size=5), "number": some.integers()}, optional={"floor": some.none() | some.integers(0, 9)}
)
PARCELS = some.recursive(
    some.fixed_dictionaries(
        {"id": some.text(max_size=5), "kind": some.sampled_from(["small", "large", "odd"]), "to": PLACES},
        optional={
            "back": some.none() | PLACES,
            "stops": some.lists(PLACES, max_size=3),
            "rows": some.lists(some.lists(some.integers(), max_size=2), max_size=2),
            "tags": some.lists(some.text(max_size=4), max_size=3),
            "lots": some.lists(PLACES, max_size=2),
            "either": some.integers() | some.text(max_size=3),
            "free": some.dictionaries(some.text(max_size=3), some.integers(), max_size=2),
            "note": some.none() | some.text(max_size=5),
            "sure": some.booleans(),
            "more/~of": some.integers(),
        },
    ),
    lambda inner: some.builds(lambda one, two: {**one, "inside": [two]}, inner, inner),
    max_leaves=3,
)


def bare(body: Any) -> Any:
    """The body without what is null, which is as good as not there."""
    if isinstance(body, dict):
        return {name: bare(each) for name, each in body.items() if each is not None}
    return [bare(each) for each in body] if isinstance(body, list) else body


def asked(text: str) -> Form:
    found = form_of(Parcel, text)
    assert found is not None
    return found


@given(PARCELS)
def test_what_a_form_shows_is_what_it_was_made_of(body: dict[str, Any]) -> None:
    text = json.dumps(body)
    said = {each.name: each.value or "" for each in asked(text).fields}
    assert filled_in(asked(text), text, said) == text


@given(PARCELS, some.data())
def test_what_is_added_and_removed_again_leaves_the_body_as_it_was(body: dict[str, Any], data: some.DataObject) -> None:
    text = json.dumps(body)
    adding = [each for each in asked(text).members if "add" in each.verbs]
    member = data.draw(some.sampled_from(adding))
    more = grown_in(asked(text), text, "add", member.name)
    assert decode(more) != body
    there = {each.name for each in asked(text).members if "remove" in each.verbs}
    new = [each.name for each in asked(more).members if "remove" in each.verbs and each.name not in there]
    name = min(new, key=len, default="")
    if not name:  # what is required was missing, and cannot be removed again
        return
    assert bare(decode(grown_in(asked(more), more, "remove", name))) == bare(body)


@given(PARCELS, some.data())
def test_an_item_goes_up_and_down_and_nothing_else_moves(body: dict[str, Any], data: some.DataObject) -> None:
    text = json.dumps(body)
    moving = [each for each in asked(text).members if "down" in each.verbs]
    if moving:
        member = data.draw(some.sampled_from(moving))
        *_, last = member.path
        assert isinstance(last, int)
        other = f"{member.name.rpartition('/')[0]}/{last + 1}"
        down = grown_in(asked(text), text, "down", member.name)
        assert decode(grown_in(asked(down), down, "up", other)) == body


def test_what_is_added_is_the_least_that_its_contract_asks_for() -> None:
    body = {"id": "p", "kind": "small", "to": {"street": "s", "number": 3}}
    for name, there in {
        "/back": {"street": "", "number": 1},
        "/stops": [{"street": "", "number": 1}],
        "/rows": [[]],
        "/tags": [""],
        "/lots": [{"street": "", "number": 1}],
        "/inside": [{"id": "", "kind": "large", "to": {"street": "", "number": 1}}],
    }.items():
        text = json.dumps(body)
        assert json.loads(grown_in(asked(text), text, "add", name)) == {**body, name[1:]: there}


def test_no_more_is_offered_than_the_contract_lets_be_there() -> None:
    text = json.dumps({"id": "p", "kind": "small", "tags": ["a", "b"], "either": "x", "free": {"a": 1}})
    offered = {each.name: each.verbs for each in asked(text).members}
    assert offered["/tags"] == ("remove",)
    assert offered["/tags/0"] == ("down", "remove")
    assert offered["/tags/1"] == ("up", "remove")
    assert offered["/to"] == ("add",), "what is required and missing"
    assert offered["/either"] == offered["/free"] == (), "as text only"


def test_a_null_that_may_be_one_is_a_field_that_is_not_there() -> None:
    text = json.dumps({"id": "p", "kind": "small", "to": {"street": "s", "number": 1}, "note": None})
    (note,) = [each for each in asked(text).fields if each.name == "/note"]
    assert (note.kind, note.value) == ("text", None)
    assert json.loads(filled_in(asked(text), text, {"/note": "x"}))["note"] == "x"


@pytest.fixture
def opened(stage: Stage) -> Queue:
    return find_dead(stage, "open_ticket")


def test_what_was_said_is_kept_when_an_item_is_added(stage: Stage, opened: Queue) -> None:
    text = grown(stage, opened, json.dumps(OPEN), {"/wanted/0/hours": "7", "/language": "DE"}, "add", "/wanted")
    wanted = [{"agent": "a", "hours": 7}, {"agent": "", "hours": 1}]
    assert json.loads(text) == {**OPEN, "language": "DE", "wanted": wanted}
    assert json.loads(grown(stage, opened, text, {}, "remove", "/wanted/0"))["wanted"] == wanted[1:]
    text = filled(stage, opened, text, {"/wanted/1/agent": "b"})
    assert [each["agent"] for each in json.loads(grown(stage, opened, text, {}, "up", "/wanted/1"))["wanted"]] == [
        "b",
        "a",
    ]


WRONG: list[tuple[Verb, str]] = [
    ("add", "/ticket_id"),
    ("remove", "/wanted"),
    ("remove", ""),
    ("up", "/wanted/0"),
    ("down", "/wanted/0"),
    ("add", "/wanted/0/x"),
    ("remove", "/wanted/7"),
    ("remove", "/wanted/-1"),
]


@pytest.mark.parametrize(("verb", "name"), WRONG)
def test_what_the_form_does_not_offer_is_refused(stage: Stage, opened: Queue, verb: Verb, name: str) -> None:
    with pytest.raises(UsageError, match=f"There is nothing to {verb} at '{name}'"):
        grown(stage, opened, json.dumps(OPEN), {}, verb, name)


def test_a_form_grows_no_further_than_it_can_be_shown(
    stage: Stage, opened: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST", 6)
    with pytest.raises(UsageError, match="A form has 6 fields at the most"):
        grown(stage, opened, json.dumps(OPEN), {}, "add", "/wanted")
    assert form(stage, opened, json.dumps(OPEN)) is not None
