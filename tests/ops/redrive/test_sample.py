"""A look at a few messages of a queue: no more than are asked for or are fit to be held, and nobody misses them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from ops.queue import Queue
from ops.redrive import sample
from ops.redrive.sample import Sample, fingerprint
from ops.sqs.client import Sqs
from ops.sqs.message import MOST_BYTES, Entry, Message, Value
from ops.stage import Stage
from tests.aws.queues import FakeQueue, FakeSqs

ANY = cast(Stage, None)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    sqs = FakeSqs()

    @asynccontextmanager
    async def connected(*_: Any) -> AsyncIterator[Sqs]:
        yield Sqs(sqs)

    monkeypatch.setattr(sample, "connected", connected)
    return sqs.create("dead")


def received(dead: FakeQueue, most: int) -> list[str]:
    queue = Queue("dead", "dead", "dead", dead.url)
    return [message.body for message in sample.receive(ANY, queue, most, workers=1)]


def test_all_of_a_few_are_seen_and_can_be_received_at_once(dead: FakeQueue) -> None:
    for number in range(25):
        dead.put(Entry(str(number), str(number)))
    assert sorted(received(dead, 100), key=int) == [str(number) for number in range(25)]
    assert sorted(received(dead, 100), key=int) == [str(number) for number in range(25)]


def test_no_more_are_received_than_are_asked_for_but_for_what_came_with_the_last(dead: FakeQueue) -> None:
    for number in range(60):
        dead.put(Entry(str(number), "x"))
    assert [len(received(dead, most)) for most in (30, 29, 31, 1)] == [30, 30, 40, 10]


def test_no_more_bytes_are_held_than_sixteen_megabytes_and_one_receive(dead: FakeQueue) -> None:
    for number in range(40):
        dead.put(Entry(str(number), "x" * MOST_BYTES))
    assert len(received(dead, 1_000)) == 20


def test_bytes_end_a_look_once_there_are_more_than_may_be(dead: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MOST_BYTES", 100)
    for number in range(60):
        dead.put(Entry(str(number), "x" * 5))
    assert len(received(dead, 1_000)) == 30


def message(id_: str, body: str, sent: int = 1_000, **attributes: str) -> Message:
    values = {name: Value("String", value) for name, value in attributes.items()}
    return Message(id_, "receipt", body, {"SentTimestamp": str(sent)}, values)


def told(of: Sample) -> tuple[int, int, int, bool]:
    return of.size, of.moved, of.back, of.mostly_back


def test_a_message_is_known_by_body_and_attributes_in_whatever_order() -> None:
    one = message("1", "a", x="1", y="2")
    assert fingerprint(one) == fingerprint(message("2", "a", 5, y="2", x="1"))
    others = (message("1", "b", x="1", y="2"), message("1", "a", x="2", y="2"), message("1", "a", x="1"))
    assert fingerprint(one) not in [fingerprint(each) for each in others]


@pytest.mark.parametrize(
    ("back", "mostly"), [((), False), (("a",), False), (("a", "b"), False), (("a", "b", "c"), True)]
)
def test_more_than_half_of_what_was_moved_is_most(back: tuple[str, ...], mostly: bool) -> None:
    seen = Sample([message(body, body) for body in "abcd"])
    assert told(seen) == (4, 4, 0, False)
    for _ in range(2):
        seen.look([message(f"new {body}", body) for body in back], whole=True)
    assert told(seen) == (4, 4, len(back), mostly)


def test_what_is_there_under_the_same_id_and_time_was_not_moved_where_all_was_seen() -> None:
    for whole, moved in ((True, 1), (False, 3)):
        seen = Sample([message(body, body) for body in "abc"])
        seen.look([message("a", "a"), message("b", "b")], whole=whole)
        assert told(seen) == (3, moved, 0, False)
        seen.look([], whole=whole)
        assert told(seen) == (3, 3, 0, False)


def test_what_came_back_and_stays_is_back_and_not_unmoved() -> None:
    seen = Sample([message("a", "a"), message("b", "b")])
    for _ in range(2):
        seen.look([message("a", "a", 2_000)], whole=True)
        assert told(seen) == (2, 2, 1, False)


def test_of_what_is_there_twice_nothing_is_claimed_whenever_that_is_seen() -> None:
    seen = Sample([message("a", "a"), message("a", "a"), message("b", "b"), message("c", "c"), message("d", "c")])
    assert told(seen) == (2, 2, 0, False), "a message that was received twice is one"
    seen.look([message("a2", "a")], whole=True)
    assert told(seen) == (2, 2, 1, False)
    seen.look([message("a3", "a"), message("a4", "a"), message("b", "b"), message("b5", "b")], whole=True)
    assert told(seen) == (0, 0, 0, False)
    seen.look([message("a9", "a"), message("c9", "c")], whole=True)
    assert told(seen) == (0, 0, 0, False)


def test_what_is_seen_later_is_known_from_then_on() -> None:
    seen = Sample([])
    seen.look([message("a", "a")], whole=False)
    assert told(seen) == (1, 1, 0, False)
    seen.look([message("a2", "a")], whole=False)
    assert told(seen) == (1, 1, 1, True)
