"""A parked group is opened while consumers take places in it and give them up: nothing is lost that nobody is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.contracts.parked import Place
from functions.runtime.park import Parking
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from local.rehearsal import rehearsal
from local.state import REGION
from ops.audit import Audit, kept
from ops.dead_letters.parked import Opened, groups, mark, open_group
from ops.errors import OpsError, UsageError
from ops.stage import Stage
from stacks import names
from tests.examples import examples
from tests.fixtures import forget_clients
from tests.functions.events import record
from tests.ops.endpoint import Endpoint
from tests.simulation.order_kinds import on_poison

PARKS, WORK, GROUP = on_poison("park"), "change_ticket", "tic-1"
KEY = f"{WORK}/{GROUP}"
TABLE = names.resource(names.LOCAL, names.PARKED)
MOTOS = names.resource("test", names.PARKED)
WRITES = ("putitem", "updateitem")


class Consumers:
    """Who takes places in the group and gives them up, as the rule is: each write sets its turn."""

    def __init__(self, aws: Endpoint, count: int) -> None:
        self._items = aws.tables[TABLE]
        self._items.clear()
        self.made: list[str] = []
        self.given_up: list[str] = []
        self._read: str | None = None
        for _ in range(count):
            self.enter()

    @property
    def there(self) -> list[str]:
        """The messages that have a place, the first first."""
        return [self._items[KEY][name]["S"].split(" ")[1] for name in self._names]

    @property
    def _names(self) -> list[str]:
        return sorted(name for name in self._items.get(KEY, {}) if name.startswith("s"))

    def enter(self) -> None:
        """A message takes a place behind the others."""
        number = len(self.made)
        place = Place(f"{number:020d}", f"{number}@1", int(time.time()) + 1000)
        self.made.append(place.identity)
        self._write({place.name: {"S": place.value}})

    def leave(self) -> None:
        """The first message is handled."""
        if self._names:
            self.given_up.append(self.there[0])
            self._items[KEY].pop(self._names[0])
            self._write({})

    def read(self) -> None:
        """Reads the group, and is slow to write."""
        self._read = self._items.get(KEY, {}).get("turn", {}).get("S")

    def late(self) -> None:
        """Writes a place, if the group is as it was when it was read last."""
        if self._items.get(KEY, {}).get("turn", {}).get("S") == self._read:
            self.enter()

    def _write(self, said: dict[str, Any]) -> None:
        item = self._items.get(KEY, {"group": {"S": KEY}})
        # A new one, as DynamoDB makes it: what an answer told is not changed by what comes after.
        self._items[KEY] = item | said | {"turn": {"S": uuid4().hex[:8]}, "expires_at": {"N": "9999999999"}}


@pytest.fixture
def parks(stage: Stage) -> Stage:
    return replace(stage, topology=PARKS)


def once(aws: Endpoint, act: Callable[[], None], times: int = 1) -> None:
    """Let this happen right before so many writes of the table of what is parked."""
    left = [act] * times

    def before(action: str, table: str) -> None:
        if action in WRITES and table == TABLE and left:
            left.pop()()

    aws.before = before


def the_record(stage: Stage) -> Audit:
    (found,) = kept(stage)
    return found


def test_a_place_that_is_made_just_before_the_group_is_opened_is_told(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 2)
    once(aws, consumers.enter)
    done = open_group(parks, WORK, GROUP, yes=True)
    assert (done.lost, consumers.there) == (["0@1", "1@1", "2@1"], [])
    assert (the_record(parks).asked["lost"], the_record(parks).result) == (done.lost, {"lost": 3})
    (written,) = aws.records
    assert json.loads(written["asked"]["S"])["lost"] == done.lost


def test_what_was_given_up_meanwhile_is_not_told_as_lost(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 2)
    once(aws, consumers.leave)
    assert open_group(parks, WORK, GROUP, yes=True).lost == ["1@1"]
    assert the_record(parks).asked["lost"] == ["1@1"]


@pytest.mark.parametrize("first", [False, True])
def test_who_was_shown_less_is_refused_and_nothing_is_lost(parks: Stage, aws: Endpoint, first: bool) -> None:
    consumers = Consumers(aws, 2)
    once(aws, consumers.leave if first else consumers.enter)
    shown = mark(consumers.there[:1] if first else consumers.there)
    with pytest.raises(UsageError, match="is not what you were shown any more: look again"):
        open_group(parks, WORK, GROUP, first=first, yes=True, shown=shown)
    assert consumers.there == (["1@1"] if first else ["0@1", "1@1", "2@1"])
    told = the_record(parks)
    assert (told.asked, told.result["lost"]) == ({"group": GROUP}, 0)
    assert "look again" in told.result["stopped"]


def test_who_was_shown_the_first_skips_it_whatever_came_behind(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 2)
    once(aws, consumers.enter, times=2)
    assert open_group(parks, WORK, GROUP, first=True, yes=True, shown=mark(["0@1"])).lost == ["0@1"]
    assert consumers.there == ["1@1", "2@1", "3@1"]


def test_nobody_skips_another_than_the_first_that_was_read(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 2)
    once(aws, consumers.leave)
    with pytest.raises(UsageError, match="The first of group 'tic-1' is not 0@1 any more: look again"):
        open_group(parks, WORK, GROUP, first=True, yes=True)
    assert consumers.there == ["1@1"]
    assert the_record(parks).result["lost"] == 0


def test_a_group_that_opens_by_itself_meanwhile_lost_nothing(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 1)
    once(aws, consumers.leave)
    with pytest.raises(UsageError, match="Nothing of group 'tic-1' is parked any more: it is open"):
        open_group(parks, WORK, GROUP, yes=True)
    assert the_record(parks).result["lost"] == 0


def test_a_group_that_never_stands_still_is_not_opened_and_that_is_said(parks: Stage, aws: Endpoint) -> None:
    consumers = Consumers(aws, 1)
    once(aws, consumers.enter, times=1000)
    with pytest.raises(OpsError, match="changed each time before it could be opened"):
        open_group(parks, WORK, GROUP, yes=True)
    assert consumers.there == consumers.made
    assert the_record(parks).result["lost"] == 0


@pytest.mark.parametrize("first", [False, True])
def test_what_was_done_although_its_answer_was_lost_is_told(parks: Stage, aws: Endpoint, first: bool) -> None:
    consumers = Consumers(aws, 2)
    lost: list[str] = []

    def loses(action: str, table: str) -> bool:
        """The first answer, after which a message takes a place before botocore asks again."""
        if action not in WRITES or table != TABLE or lost:
            return False
        lost.append(action)
        consumers.enter()
        return True

    aws.loses = loses
    done = open_group(parks, WORK, GROUP, first=first, yes=True)
    assert done.lost == (["0@1"] if first else ["0@1", "1@1"])
    assert consumers.there == (["1@1", "2@1"] if first else ["2@1"])
    assert (lost, the_record(parks).asked["lost"]) == (["updateitem" if first else "putitem"], done.lost)


MOVES = st.lists(st.sampled_from(["enter", "leave", "read", "late"]), max_size=3)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 3),
    first=st.booleans(),
    looked=st.booleans(),
    moves=st.lists(MOVES, max_size=12),
    answers=st.lists(st.booleans(), max_size=8),
)
def test_every_place_is_still_there_or_was_given_up_or_is_told_as_lost(
    parks: Stage, aws: Endpoint, count: int, first: bool, looked: bool, moves: list[list[str]], answers: list[bool]
) -> None:
    (parks.files / "audit.jsonl").unlink(missing_ok=True)
    consumers = Consumers(aws, count)
    coming, losing = iter(moves), iter(answers)

    def before(action: str, table: str) -> None:
        for move in next(coming, []):
            getattr(consumers, move)()

    aws.before, aws.loses = before, lambda action, table: next(losing, False)
    told: list[str] = []
    unknown = False
    try:
        shown = mark(open_group(parks, WORK, GROUP, first=first).lost) if looked else None
        told = open_group(parks, WORK, GROUP, first=first, yes=True, shown=shown).lost
    except OpsError as error:
        unknown = "InternalServerError" in str(error)
    finally:
        aws.before, aws.loses = (lambda action, table: None), (lambda action, table: False)
    records = kept(parks)
    recorded = records[0].asked.get("lost", []) if records else []
    gone = [each for each in consumers.made if each not in (*consumers.there, *consumers.given_up)]
    if unknown:
        # Four answers in a row were lost: the record says what was to be done, and has no end.
        assert set(gone) <= set(recorded)
        assert not records or records[0].ended_at is None
    else:
        assert gone == told == recorded


@pytest.fixture
def moto(home: Any) -> Iterator[Stage]:
    """A stage whose tables are moto's, for its consumers and its operator."""
    forget_clients()
    with rehearsal(PARKS, "test"):
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        yield Stage("test", REGION, None, PARKS, session, home=home)
    forget_clients()


def enter(*keys: str) -> None:
    """A consumer takes places for messages with these keys of one letter."""
    consumer = Settings(service=WORK, parked_table=MOTOS, on_poison="park", receives=5)
    made = [record("{}", message_id=key, attempt=2, group=GROUP, idempotency_key=key, received_at="1") for key in keys]
    for key, each in zip(keys, made, strict=True):
        each["attributes"]["SequenceNumber"] = f"{ord(key):020d}"
    assert Parking.read([Record.read(each) for each in made], consumer, 5).problem is None


def parked(stage: Stage) -> list[str]:
    return [place.identity for place in groups(stage, WORK).get(GROUP, [])]


@pytest.mark.parametrize("first", [False, True])
def test_a_consumer_itself_takes_a_place_between_read_and_write(moto: Stage, first: bool) -> None:
    enter("a", "b")
    left = ["c"]

    def before(params: dict[str, Any], **_: Any) -> None:
        if params["TableName"] == MOTOS and left:
            enter(left.pop())

    for operation in ("PutItem", "UpdateItem"):
        moto.client("dynamodb").meta.events.register(f"before-parameter-build.dynamodb.{operation}", before)
    done = open_group(moto, WORK, GROUP, first=first, yes=True)
    assert (done.lost, left) == (["a@1"] if first else ["a@1", "b@1", "c@1"], [])
    assert parked(moto) == (["b@1", "c@1"] if first else [])


@pytest.mark.parametrize("first", [False, True])
def test_an_answer_is_lost_and_another_operator_takes_places_before_it_is_asked_again(moto: Stage, first: bool) -> None:
    enter("a", "b", "c")
    theirs: list[Opened] = []

    def again(request_dict: dict[str, Any], **_: Any) -> int | None:
        """Has botocore send a write once more that was done, after a message came and another operator was there."""
        if json.loads(request_dict["body"])["TableName"] != MOTOS or begun:
            return None
        begun.append(True)
        enter("d")
        theirs.append(open_group(moto, WORK, GROUP, first=first, yes=True))
        return 0

    begun: list[bool] = []
    for operation in ("PutItem", "UpdateItem"):
        moto.client("dynamodb").meta.events.register_first(f"needs-retry.dynamodb.{operation}", again)
    mine = open_group(moto, WORK, GROUP, first=first, yes=True)
    assert mine.lost == (["a@1"] if first else ["a@1", "b@1", "c@1"])
    assert [each.lost for each in theirs] == ([["b@1"]] if first else [["d@1"]])
    assert parked(moto) == (["c@1", "d@1"] if first else [])
    assert sorted(each.asked["lost"] for each in kept(moto)) == sorted([mine.lost, theirs[0].lost])
