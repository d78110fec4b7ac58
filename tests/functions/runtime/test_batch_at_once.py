"""A batch at once: what overlaps, what keeps its order, and who fails alone, with a service that takes its time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.runtime import clients, consumer
from functions.runtime.aws.service import Service
from functions.runtime.consumer import ABREAST
from functions.runtime.errors import OutOfTime
from tests.fixtures import Context
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes
from tests.functions.runtime.abreast import FINE, Answer, serving
from tests.functions.runtime.aws.server import client
from tests.functions.runtime.probe import Probe, Probed, Probing, probe

TAKES = 0.1


class Slow:
    """DynamoDB that answers after `takes` seconds, or after what `longer` says of a key; it sees who overlaps."""

    def __init__(self) -> None:
        self.takes = TAKES
        self.longer: dict[str, float] = {}
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.most = 0
        self.connections: set[int] = set()
        self._here = 0
        self._lock = threading.Lock()

    def serve(self, port: int, key: str) -> None:
        with self._lock:
            self.asked.append(key)
            self.connections.add(port)
            self._here += 1
            self.most = max(self.most, self._here)
        time.sleep(self.longer.get(key, self.takes))
        with self._lock:
            self.answered.append(key)
            self._here -= 1


@pytest.fixture
def slow(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Also what the runtime calls; everything else is as in `fakes`."""
    one = Slow()

    def answer(port: int, _: dict[str, str], body: bytes) -> Answer:
        one.serve(port, json.loads(body)["Key"]["id"]["S"])
        return FINE

    with serving(answer) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setitem(clients.made, "table", asks())
        yield one
        clients.made["table"].close()


def asks() -> Service:
    """A client whose calls have the time that their message has."""
    return client(seconds=lambda: clients._hurried("dynamodb", 5.0), ended=clients._ended, attempts=1)


def call(probe: Probe, _: object = None) -> list[Probed]:
    clients.made["table"].get_item(TableName="t", Key={"id": {"S": probe.name}})
    return [Probed(name=probe.name)]


def all_call(*names: str, **moves: Any) -> Probing:
    """A worker that has handled a message before, all of whose messages make a call."""
    probing = Probing(**(dict.fromkeys(names, call) | moves))
    probing.handler._pace.took(0.001)
    return probing


def told(fakes: Fakes) -> list[str]:
    return [envelope["data"]["name"] for envelope in fakes.events.envelopes]


def test_ten_messages_take_as_long_as_one(fakes: Fakes, slow: Slow) -> None:
    names = "abcdefghij"
    slow.takes = 1.0  # a machine that is busy connects ten times in that
    assert failed(all_call(*names).handler(batch(*map(probe, names)))) == []
    assert slow.most == ABREAST == len(names)
    assert told(fakes) == list(names)


def test_the_first_message_of_a_worker_goes_alone(fakes: Fakes, slow: Slow) -> None:
    probing = Probing(**dict.fromkeys("abcd", call))
    assert failed(probing.handler(batch(*map(probe, "abcd")))) == []
    assert slow.answered[0] == "a"
    assert slow.most == 3


def test_a_handler_may_ask_for_one_after_the_other(fakes: Fakes, slow: Slow) -> None:
    handler = consumer.consumer(call, accepts=Probe, abreast=1)
    assert failed(handler(batch(*map(probe, "abcd")))) == []
    assert (slow.most, slow.answered) == (1, ["a", "b", "c", "d"])
    two = consumer.consumer(call, accepts=Probe, abreast=2)
    two(batch(*map(probe, "abcd")))
    two(batch(*map(probe, "abcd")))
    assert slow.most == 2
    with pytest.raises(ValueError, match="call would handle 0 messages side by side; choose 1 or more"):
        consumer.consumer(call, accepts=Probe, abreast=0)


def test_no_more_than_ten_are_at_it_and_their_connections_are_kept(fakes: Fakes, slow: Slow) -> None:
    slow.takes = 0.01
    names = [f"m{number}" for number in range(35)]
    probing = all_call(*names)
    for _ in range(2):
        assert failed(probing.handler(batch(*map(probe, names)))) == []
    assert slow.most == ABREAST
    assert len(slow.connections) == ABREAST
    assert sorted(slow.asked) == sorted(names * 2)


def test_events_are_told_in_the_order_of_the_batch_whoever_was_done_first(fakes: Fakes, slow: Slow) -> None:
    slow.longer = {"a": 0.3, "b": 0.2, "c": 0.1}
    all_call(*"abc").handler(batch(*map(probe, "abc")))
    assert (slow.answered, told(fakes)) == (["c", "b", "a"], ["a", "b", "c"])


def test_failures_are_reported_in_the_order_of_the_batch(fakes: Fakes, slow: Slow) -> None:
    slow.longer = {"a": 0.2, "c": 0.05}

    def fails(probe: Probe, _: object) -> None:
        call(probe)
        raise RuntimeError(probe.name)

    assert failed(all_call("b", a=fails, c=fails).handler(batch(*map(probe, "abc")))) == ["a", "c"]
    assert slow.answered == ["c", "b", "a"]


def test_a_group_keeps_its_order_and_groups_overlap(fakes: Fakes, slow: Slow) -> None:
    slow.longer = {"a1": 0.6, "a2": 0.05}
    records = [probe(name, group=name[0]) for name in ("a1", "b1", "a2", "b2", "c1")]
    assert failed(all_call("a1", "a2", "b1", "b2", "c1").handler(batch(*records))) == []
    assert slow.most == 3
    assert [name for name in slow.asked if name[0] == "a"] == ["a1", "a2"]
    assert slow.answered.index("b2") < slow.answered.index("a1"), "another group goes on meanwhile"
    assert slow.answered.index("a1") < slow.answered.index("a2")
    assert told(fakes) == ["a1", "b1", "a2", "b2", "c1"]


def test_what_follows_a_failure_in_its_group_is_blocked_while_others_are_at_it(fakes: Fakes, slow: Slow) -> None:
    def fails(probe: Probe, _: object) -> None:
        call(probe)
        raise RuntimeError

    records = [probe(name, group=name[0]) for name in ("a1", "b1", "a2", "b2")]
    assert failed(all_call("b1", "b2", "a2", a1=fails).handler(batch(*records))) == ["a1", "a2"]
    assert "a2" not in slow.asked


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Context:
    """An invocation with little time for handling, and enough for the rest even on a machine that is busy."""
    monkeypatch.setattr("functions.runtime.deadline.RESERVE_SHARE", 0.8)
    monkeypatch.setattr("functions.runtime.deadline.RESERVE_MOST", 4.0)
    return Context(5)


def sleep(*_: object) -> None:
    time.sleep(9)


def compute(*_: object) -> None:
    while True:
        pass


@pytest.mark.parametrize("hang", [sleep, compute])
def test_a_handler_that_hangs_fails_alone(
    fakes: Fakes, slow: Slow, short: Context, logged: Callable[[], list[dict[str, Any]]], hang: Callable[..., None]
) -> None:
    started = time.monotonic()
    assert failed(all_call("a", "c", "d", b=hang).handler(batch(*map(probe, "abcd")), short)) == ["b", "c", "d"]
    assert 1 <= time.monotonic() - started < 3
    assert told(fakes) == ["a"], "it had asked before the other began to hang, and its answer was there"
    said = {line["message_id"]: line["error_type"] for line in logged() if "error_type" in line}
    assert said == {"b": "OutOfTime", "c": "NotAttempted", "d": "NotAttempted"}


def test_a_service_that_hangs_is_given_up_by_all_at_once(
    fakes: Fakes, slow: Slow, short: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    slow.longer = dict.fromkeys("abcd", 4.0)
    started = time.monotonic()
    assert failed(all_call("a", "b", "c", "d").handler(batch(*map(probe, "abcd")), short)) == ["a", "b", "c", "d"]
    assert time.monotonic() - started < 3
    said = {line["error_type"] for line in logged() if "error_type" in line}
    assert said == {"ReadTimeoutError"}
    slow.longer = {}
    assert failed(all_call("e", "f").handler(batch(probe("e"), probe("f")))) == [], "the next batch is as ever"


def test_what_a_call_was_interrupted_in_is_said_of_its_own_message_only(
    fakes: Fakes, slow: Slow, short: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    slow.longer = {"a": 4.0}

    def hang(*_: object) -> None:
        clients.made["table"].get_item(TableName="t", Key={"id": {"S": "b"}})
        time.sleep(9)

    clients.made["table"]._seconds = lambda: clients._hurried("dynamodb", 5.0) and 9.0
    assert failed(all_call("a", b=hang).handler(batch(*map(probe, "ab")), short)) == ["a", "b"]
    said = {line["message_id"]: line["error"] for line in logged() if "error_type" in line}
    assert said == {
        "a": "The function's time ran out in a call to dynamodb.",
        "b": "The function's time ran out.",
    }


def test_two_copies_of_one_message_are_handled_once(fakes: Fakes, slow: Slow) -> None:
    all_call("a", "b").handler(batch(probe("a"), probe("a"), probe("b")))
    assert sorted(slow.asked) == ["a", "b"]


# The alarm may ring between a socket and whoever would close it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_swallows_its_end_does_not_keep_the_batch(fakes: Fakes, slow: Slow, short: Context) -> None:
    slow.longer = {"a": 4.0}
    swallowed: list[str] = []

    def stubborn(probe: Probe, _: object) -> None:
        clients.made["table"]._seconds = lambda: 9.0
        for _ in range(3):
            try:
                call(probe)
            except OutOfTime:
                swallowed.append(probe.name)

    started = time.monotonic()
    all_call("b", a=stubborn).handler(batch(*map(probe, "ab")), short)
    assert time.monotonic() - started < 4
    assert swallowed == ["a"] * 3
