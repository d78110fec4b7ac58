"""What a consumer that parks asks of the table of places, word by word, and what it makes of each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.contracts.parked import Place, places
from functions.runtime import clients, park
from functions.runtime.errors import GroupParked, OutOfTime, Retry, Unavailable
from functions.runtime.park import Parking
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import Item, plain, typed
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.functions.fakes import Fakes, Script, refusal
from tests.functions.runtime.probe import probe

NOW = 1_795_300_000.0
DAY = 86_400
LIFE = int(NOW) + (4 + 14) * DAY
PARKS = Settings(service="steps", on_poison="park", parked_table="parked", retention=4 * DAY)
GONE = EndpointConnectionError(endpoint_url="https://aws.example")


@dataclass
class Parked(Script):
    """DynamoDB with the table of places; answers are scripted for reads and writes alike."""

    tables: Tables = field(default_factory=lambda: Tables({"parked": "group"}))

    def batch_get_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.batch_get_item(**arguments))

    def update_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.update_item(**arguments))

    def write(self, item: Item, group: str = "g") -> None:
        self.tables.items["parked"][f"steps/{group}"] = typed({"group": f"steps/{group}"} | item)

    def item(self, group: str = "g") -> Item:
        return plain(self.tables.items["parked"].get(f"steps/{group}", {}))

    def place(self, record: Record) -> Place:
        """The one that the record has."""
        (place,) = (each for each in places(self.item()) if each.identity == f"{record.idempotency_key}@1")
        return place

    def enter(self, *records: Record, seconds: float = 5) -> Parking:
        return Parking.read(records, PARKS, seconds)


@pytest.fixture
def parked(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Parked:
    made = Parked()
    monkeypatch.setitem(clients.made, "dynamodb", Client("dynamodb", made))
    monkeypatch.setattr(time, "time", lambda: NOW)
    return made


def record(name: str, number: int | None = None, *, group: str = "g", attempt: int = 2, sent: float = NOW) -> Record:
    raw = probe(name, group=group, attempt=attempt, sent=sent, idempotency_key=name, received_at="1")
    if number is not None:
        raw["attributes"]["SequenceNumber"] = str(number)
    return Record.read(raw)


def test_all_groups_are_read_in_one_call_and_what_has_not_failed_takes_no_place(parked: Parked) -> None:
    parking = parked.enter(record("a", attempt=1), record("b", group="h", attempt=1), record("c", attempt=1))
    keys = [{"group": {"S": f"steps/{group}"}} for group in "gh"]
    assert parked.calls == [{"RequestItems": {"parked": {"Keys": keys, "ConsistentRead": True}}}]
    assert (parking.lanes, parking.problem) == ({}, None)


def test_without_messages_nothing_is_asked(parked: Parked) -> None:
    parking = parked.enter()
    assert (parking.lanes, parking.problem, parked.calls) == ({}, None, [])


def test_a_group_is_entered_whole_as_soon_as_one_of_it_has_failed(parked: Parked) -> None:
    parking = parked.enter(record("a", 7, attempt=1), record("b", 8), record("c", 9, group="h", attempt=1))
    assert [*parking.lanes] == ["g"]
    item = parked.item()
    assert len(turn := item.pop("turn")) == 8
    assert item == {
        "group": "steps/g",
        "expires_at": LIFE,
        f"s{7:020d}": f"{LIFE} a@1",
        f"s{8:020d}": f"{LIFE} b@1",
    }
    _, write = parked.calls
    assert write["ConditionExpression"] == "attribute_not_exists(turn) OR turn = :turn"
    assert write["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert parking.done([record("a", 7)], 5) == {}
    assert parked.calls[2]["ConditionExpression"] == "turn = :read OR turn = :turn"
    assert parked.calls[2]["ExpressionAttributeValues"][":read"] == {"S": turn}
    assert parked.calls[2]["UpdateExpression"].endswith(f" REMOVE s{7:020d}")
    assert parked.item()["expires_at"] == LIFE, "b is there still"
    assert parking.done([record("b", 8)], 5) == {}
    assert places(parked.item()) == []
    assert parked.item()["expires_at"] == int(NOW) + 3600
    assert parking.done([], 5) == {}
    assert len(parked.calls) == 4


def test_who_has_a_place_keeps_it_and_is_written_again_once_a_day(parked: Parked) -> None:
    for age, writes in ((0, 0), (DAY, 0), (DAY + 1, 1)):
        parked.write({f"s{3:020d}": f"{LIFE - age} a@1", "turn": "t"})
        parked.calls.clear()
        parked.enter(record("a", 7))
        assert len(parked.calls) == 1 + writes
        assert parked.place(record("a")) == Place(f"{3:020d}", "a@1", LIFE if writes else LIFE - age)


def test_messages_without_a_number_have_places_of_their_own_all_the_same(parked: Parked) -> None:
    parked.enter(record("a"), record("b"))
    parked.enter(record("c"), record("d"))
    found = places(parked.item())
    assert [place.identity for place in found] == ["a@1", "b@1", "c@1", "d@1"]
    assert [int(place.sequence) - int(found[0].sequence) for place in found] == [0, 1, 2, 3]
    assert {len(place.sequence) for place in found} == {20}


def test_places_of_what_is_gone_are_removed_fifty_at_a_time(parked: Parked) -> None:
    parked.write({f"s{number:020d}": f"{int(NOW)} old@{number}" for number in range(60)})
    parked.enter(record("a", 99))
    assert len(places(parked.item())) == 60 - 50 + 1
    assert parked.enter(record("a", 99)).verdict(record("a")) is None


def test_who_stands_behind_another_follows_it_and_whoever_is_first_is_attempted(parked: Parked) -> None:
    parked.write({f"s{3:020d}": f"{LIFE} dead@1", "turn": "t"})
    a, b = record("a", 7), record("b", 2)
    parking = parked.enter(a, b)
    assert parking.order([a, b]) == [b, a]
    assert parking.verdict(b) is None
    behind = parking.verdict(a)
    assert isinstance(behind, GroupParked)
    assert str(behind) == "behind dead@1"
    assert parking.order([record("x", group="h"), a, b])[0].group == "h"


# What is not told is asked for again.


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[float, float]]]:
    """The waits, each as it was drawn: at least, at most."""
    made: list[tuple[float, float]] = []
    slept: list[float] = []

    def uniform(least: float, most: float) -> float:
        made.append((least, most))
        return most

    monkeypatch.setattr(park, "random", SimpleNamespace(uniform=uniform))
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(park, "left", lambda: 1.0)
    yield made
    assert slept == [most for _, most in made], "what is drawn is waited for"


def busy(group: str = "g", found: Item | None = None) -> dict[str, Any]:
    keys = [{"group": {"S": f"steps/{group}"}}]
    items = [typed(found)] if found else []
    return {"Responses": {"parked": items}, "UnprocessedKeys": {"parked": {"Keys": keys, "ConsistentRead": True}}}


def test_a_table_that_is_too_busy_is_asked_five_times_after_growing_waits(
    parked: Parked, waits: list[tuple[float, float]]
) -> None:
    parked.answers = [busy(found={"group": "steps/h", f"s{3:020d}": f"{LIFE} dead@1"}), *[busy()] * 4]
    parking = parked.enter(record("a"), record("b", group="h", attempt=1))
    assert waits == [(0, 0.05), (0, 0.1), (0, 0.2), (0, 0.25)], "a quarter of what is left, at the most"
    assert [len(call["RequestItems"]["parked"]["Keys"]) for call in parked.calls[:5]] == [2, 1, 1, 1, 1]
    untold = parking.verdict(record("a"))
    assert isinstance(untold, Unavailable)
    assert str(untold) == "DynamoDB was too busy to tell what of its group is parked."
    assert isinstance(parking.verdict(record("b", group="h")), GroupParked), "which was told at first"


def test_what_is_told_at_last_counts(parked: Parked, waits: list[tuple[float, float]]) -> None:
    parked.answers = [busy()] * 4
    assert parked.enter(record("a")).verdict(record("a")) is None
    assert len(waits) == 4


# What cannot be read or written.


@pytest.mark.parametrize("error", [GONE, refusal("InternalServerError", status=500)], ids=repr)
def test_while_it_cannot_be_read_what_is_parked_nobody_is_attempted(parked: Parked, error: Exception) -> None:
    parked.answers = [error]
    parking = parked.enter(record("a", attempt=1), record("b", group="h"))
    for problem in (parking.verdict(record("a", attempt=1)), parking.verdict(record("b", group="h"))):
        assert isinstance(problem, Unavailable)
        assert str(problem) == f"It could not be read what is parked: {error}"
        assert problem.__cause__ is error
    assert len(parked.calls) == 1


def full(code: str, message: str) -> ClientError:
    error = refusal(code, "UpdateItem")
    error.response["Error"]["Message"] = message
    return error


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        full("InternalServerError", "Item size"),
        full("ValidationException", "The provided expression is odd"),
    ],
    ids=repr,
)
def test_whoever_cannot_take_a_place_is_not_attempted_and_says_why(parked: Parked, error: Exception) -> None:
    parked.answers = [None, error]
    problem = parked.enter(record("a")).verdict(record("a"))
    assert isinstance(problem, Unavailable)
    assert str(problem) == f"It could not take a place in its group: {error}"
    assert problem.__cause__ is error


@pytest.mark.parametrize("dead", [True, False])
def test_where_no_place_is_left_who_has_one_is_attempted_and_who_has_none_is_not(parked: Parked, dead: bool) -> None:
    others = {f"s{5:020d}": f"{LIFE} dead@1"} if dead else {}
    parked.write({f"s{3:020d}": f"{LIFE} a@1", "turn": "t"} | others)
    parked.answers = [None, full("ValidationException", "Item size to update has exceeded the maximum allowed size")]
    parking = parked.enter(record("a", 3), record("b", 7))
    assert parking.verdict(record("a")) is None
    problem = parking.verdict(record("b"))
    if dead:
        assert isinstance(problem, GroupParked)
    else:
        assert isinstance(problem, Retry)
        assert str(problem) == "There is no room for its place in its group, until another is given up."


@pytest.mark.parametrize(("item", "problem"), [({"turn": "theirs"}, Retry), ({}, type(None))])
def test_a_group_that_changed_since_it_was_read_is_read_again(
    parked: Parked, item: Item, problem: type[object]
) -> None:
    parked.answers = [{"Responses": {"parked": []}}]
    if item:
        parked.write(item)
    found = parked.enter(record("a")).verdict(record("a"))
    assert type(found) is problem
    assert not item or str(found) == "Its group changed while it took its place."


@pytest.mark.parametrize("error", [GONE, refusal("InternalServerError", status=500)], ids=repr)
def test_whoever_cannot_give_up_its_place_keeps_its_message_and_others_do_not(parked: Parked, error: Exception) -> None:
    parking = parked.enter(record("a", 7), record("b", 8), record("c", 9, group="h"))
    parked.answers = [error]
    problems = parking.done([record("a"), record("b"), record("c", group="h")], 5)
    assert problems.keys() == {"a", "b"}
    for problem in problems.values():
        assert isinstance(problem, Unavailable)
        assert str(problem) == f"It is done, but could not give up its place in its group: {error}"
        assert problem.__cause__ is error


def test_whoever_gives_up_its_place_after_a_change_leaves_the_others_theirs(parked: Parked) -> None:
    parking = parked.enter(record("a", 7), record("b", 8))
    parked.write(parked.item() | {"turn": "theirs"})
    assert parking.done([record("a")], 5) == {}
    assert [place.identity for place in places(parked.item())] == ["b@1"]
    assert parked.item()["expires_at"] == LIFE


def test_a_message_without_a_group_has_a_lane_all_the_same(parked: Parked) -> None:
    parked.enter(Record.read(probe("a")))
    assert parked.calls[0]["RequestItems"]["parked"]["Keys"] == [{"group": {"S": "steps/"}}]


def test_a_place_that_somebody_took_away_with_the_whole_item_is_given_up(parked: Parked) -> None:
    parking = parked.enter(record("a", 7))
    parked.tables.items["parked"].clear()
    assert parking.done([record("a")], 5) == {}
    assert parked.item() == {}


# What there is no time for.


def hangs(within: Callable[..., Any], after: int) -> Callable[..., Any]:
    """Runs out of time in the call with that number."""
    calls: list[None] = []

    def call(**arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == after:
            raise OutOfTime("The function's time ran out.")
        return within(**arguments)

    return call


@pytest.mark.parametrize(
    ("operation", "after", "said"),
    [
        ("batch_get_item", 1, "The time ran out before it was known what is parked."),
        ("update_item", 1, "The time ran out before it had a place in its group."),
    ],
)
def test_what_hangs_stops_those_of_whom_it_is_unknown_and_its_client_is_replaced(
    parked: Parked, monkeypatch: pytest.MonkeyPatch, operation: str, after: int, said: str
) -> None:
    clients._own.add("dynamodb")
    monkeypatch.setattr(parked, operation, hangs(getattr(parked, operation), after))
    problem = parked.enter(record("a")).verdict(record("a"))
    assert isinstance(problem, Unavailable)
    assert str(problem) == said
    assert "dynamodb" not in clients.made


def test_a_group_that_had_its_places_before_the_time_ran_out_is_attempted(
    parked: Parked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "update_item", hangs(parked.update_item, 2))
    parking = parked.enter(record("a"), record("b", group="h"))
    assert parking.verdict(record("a")) is None
    assert isinstance(parking.verdict(record("b", group="h")), Unavailable)


def test_who_could_not_give_up_its_place_in_time_comes_back(parked: Parked, monkeypatch: pytest.MonkeyPatch) -> None:
    parking = parked.enter(record("a"), record("b", group="h"))
    clients._own.add("dynamodb")
    monkeypatch.setattr(parked, "update_item", hangs(parked.update_item, 2))
    problems = parking.done([record("a"), record("b", group="h")], 5)
    assert {name: str(problem) for name, problem in problems.items()} == {
        "b": "It is done; the time ran out before it could give up its place in its group."
    }
    assert "dynamodb" not in clients.made
