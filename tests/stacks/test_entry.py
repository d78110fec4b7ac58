"""A topology entry that makes no sense is refused with one sentence that names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted, PlaceOrder
from stacks import entry
from stacks.entry import Access, Consumer, Queue, Route, Subscription, Table, Topology, TopologyError
from stacks.topology import TOPOLOGY


class Unpublished(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "headrace.tests"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "follow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "handler.py").touch()
    monkeypatch.setattr(entry, "FUNCTIONS", tmp_path)


ROUTE = Route(path="/v1/work", accepts=PlaceOrder, queue="work")
GROUPED = Route(path="/v1/work/{id}", accepts=PlaceOrder, queue="work", group="id")
WORK, FOLLOW = Queue(name="work"), Queue(name="follow")
WORKER, FOLLOWER = Consumer(function="work", publishes=(OrderAccepted,)), Consumer(function="follow")
SUBSCRIPTION = Subscription(event=OrderAccepted, queue="follow")


def topology(**changes: Any) -> Topology:
    good: dict[str, Any] = {
        "routes": (ROUTE,),
        "queues": (WORK, FOLLOW),
        "consumers": (WORKER, FOLLOWER),
        "subscriptions": (SUBSCRIPTION,),
        "tables": (),
    }
    return Topology(**good | changes)


def worker(**changes: Any) -> dict[str, Any]:
    return {"consumers": (replace(WORKER, **changes), FOLLOWER)}


def work(**changes: Any) -> dict[str, Any]:
    return {"queues": (replace(WORK, **changes), FOLLOW)}


def route(**changes: Any) -> dict[str, Any]:
    return {"routes": (replace(ROUTE, **changes),)}


def test_a_topology_that_makes_sense_is_taken() -> None:
    assert topology().workers() == (WORKER,)
    assert topology().subscribers() == (FOLLOWER,)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a bad queue name", work(name="Work-Queue"), "Queue 'Work-Queue': a name is at most 40"),
    ("a long table name", {"tables": (Table(name="t" * 41, key="id"),)}, "a name is at most 40 characters"),
    ("a queue twice", {"queues": (WORK, WORK, FOLLOW)}, "Queue 'work' is listed twice"),
    ("a consumer twice", {"consumers": (WORKER, WORKER, FOLLOWER)}, "Consumer 'work' is listed twice"),
    ("a table twice", {"tables": (Table(name="t", key="id"),) * 2}, "Table 't' is listed twice"),
    ("no consumer", {"consumers": (WORKER,)}, "Queue 'follow' has no consumer"),
    ("fed by nothing", {"subscriptions": ()}, "Queue 'follow' is fed by nothing"),
    ("fed twice", {"routes": (ROUTE, replace(ROUTE, path="/v1/x", queue="follow"))}, "fed by a route and by an event"),
    ("two receives", work(receives=2), "Queue 'work': receives is 2"),
    ("14 days", work(retention=14 * entry.DAY), "Queue 'work': retention is 1209600 s"),
    (
        "a folder that is not there",
        {"consumers": (WORKER, FOLLOWER, Consumer(function="nowhere"))},
        "nowhere/handler.py",
    ),
    ("no queue", {"queues": (WORK,), "subscriptions": ()}, "Consumer 'follow' has no queue"),
    ("an empty batch", worker(batch=0), "Consumer 'work': batch is 0"),
    ("a FIFO batch of 11", work(fifo=True) | worker(batch=11) | {"routes": (GROUPED,)}, "choose 1 to 10"),
    ("a FIFO window", work(fifo=True) | worker(window=1) | {"routes": (GROUPED,)}, "takes no batch window"),
    ("a long window", worker(window=301), "Consumer 'work': window is 301 s"),
    ("a large batch at once", worker(batch=11), "a batch of 11 needs a batch window"),
    ("a long timeout", worker(timeout=901), "Consumer 'work': timeout is 901 s"),
    ("a concurrency of one", worker(concurrency=1), "Consumer 'work': concurrency is 1"),
    ("an unknown table", worker(access=(Access(table="lost", actions=("PutItem",)),)), "uses table 'lost'"),
    ("a route twice", {"routes": (ROUTE, ROUTE)}, "Route POST /v1/work is listed twice"),
    ("a relative path", route(path="v1/work"), "a path starts with '/'"),
    ("a route to nowhere", {"routes": (ROUTE, replace(ROUTE, path="/x", queue="lost"))}, "feeds queue 'lost'"),
    ("FIFO without group", work(fifo=True), "without a group"),
    ("a group on a standard queue", {"routes": (GROUPED,)}, "queue 'work' is standard"),
    (
        "a group that the path lacks",
        work(fifo=True) | route(group="order"),
        "group 'order' is not a parameter of the path",
    ),
    ("a subscription twice", {"subscriptions": (SUBSCRIPTION,) * 2}, "follow on OrderAccepted is listed twice"),
    (
        "a subscription to nowhere",
        {"subscriptions": (SUBSCRIPTION, Subscription(event=OrderAccepted, queue="lost"))},
        "Subscription lost on OrderAccepted feeds queue 'lost'",
    ),
    ("a FIFO subscriber", {"queues": (WORK, Queue(name="follow", fifo=True))}, "EventBridge keeps no order"),
    (
        "an event that nobody publishes",
        {"subscriptions": (Subscription(event=Unpublished, queue="follow"),)},
        "no consumer publishes Unpublished",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_an_entry_that_makes_no_sense_is_one_sentence_that_names_it(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        topology(**changes)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_the_longest_names_still_fit_what_aws_takes() -> None:
    from stacks import names

    stage, word = "a" * 12, "w" * 40
    assert len(names.resource(stage, word)) <= 64
    assert len(names.target_dead_letter_queue(stage, word)) <= 80
    for subscription in TOPOLOGY.subscriptions:
        assert len(names.rule(stage, subscription.queue, subscription.event.__name__)) <= 64
