"""A topology entry that makes no sense is refused with one sentence that names it."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted, PlaceOrder
from functions.contracts.webhooks import ReceiveWebhook
from stacks import entry, names
from stacks.entry import Access, Consumer, Queue, Route, Subscription, Table, Topology, TopologyError
from stacks.topology import TOPOLOGY


class Unpublished(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "headrace.tests"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "follow", "follow_what_other_parties_did_with_it"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "handler.py").touch()
    monkeypatch.setattr(entry, "FUNCTIONS", tmp_path)


ROUTE = Route(path="/v1/things", accepts=PlaceOrder, queue="work")
GROUPED = Route(path="/v1/things/{id}", accepts=PlaceOrder, queue="work", group="id")
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


def halting(**changes: Any) -> dict[str, Any]:
    return work(fifo=True, on_poison="halt", **changes) | {"routes": (GROUPED,)}


def webhook(secrets: tuple[str, ...] = ("github_webhook",), **changes: Any) -> dict[str, Any]:
    """A route that takes webhooks, with some of its entries changed."""
    good = Route(path="/v1/hooks/{source}", accepts=ReceiveWebhook, queue="work", senders={"github": "github"})
    return {"routes": (replace(good, **changes),)} | worker(secrets=secrets)


def test_webhooks_and_groups_that_halt_make_sense() -> None:
    assert topology(**webhook()).secrets() == ("github_webhook",)
    assert topology(**halting(receives=1000)).queue("work").on_poison == "halt"


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
    ("a route twice", {"routes": (ROUTE, ROUTE)}, "Route POST /v1/things is listed twice"),
    ("a relative path", route(path="v1/things"), "a path starts with '/'"),
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
        "a rule's name that AWS does not take",
        {
            "consumers": (WORKER, replace(FOLLOWER, function="follow_what_other_parties_did_with_it")),
            "queues": (WORK, Queue(name="follow_what_other_parties_did_with_it")),
            "subscriptions": (replace(SUBSCRIPTION, queue="follow_what_other_parties_did_with_it"),),
        },
        "its rule's name would pass the 64 characters that EventBridge takes by 8",
    ),
    ("a base above the cap", work(backoff_base=901), "backoff goes from 901 s to 900 s"),
    ("a cap of half a day", work(backoff_cap=43_200), "at most 11 hours"),
    ("a standard queue that halts", work(on_poison="halt", receives=1000), "has no groups to halt"),
    ("few receives on a queue that halts", halting(receives=5), "set receives=1000"),
    ("a tenant with a space", route(tenant="X Tenant"), "tenant 'X Tenant' is neither 'caller' nor a header's name"),
    ("a delay on FIFO", work(fifo=True) | {"routes": (replace(GROUPED, delay=True),)}, "takes no delay"),
    ("a rate without a burst", route(rate=5.0), "rate and burst limit together"),
    ("senders of orders", route(senders={"github": "github"}), "senders and the contract ReceiveWebhook go together"),
    ("webhooks of nobody", route(accepts=ReceiveWebhook), "senders and the contract ReceiveWebhook go together"),
    ("webhooks that cannot be told apart", webhook(path="/v1/hooks"), "write {source} in its path"),
    ("webhooks that sign twice", webhook(authorization="iam"), "authorized by its signatures"),
    ("a sender's bad name", webhook(senders={"Git-Hub": "github"}), "sender 'Git-Hub' is not lower_case_words"),
    ("an unknown scheme", webhook(senders={"github": "rot13"}), "signs by 'rot13'; choose one of"),
    ("a sender without a secret", webhook(secrets=()), "add 'github_webhook' to the secrets of consumer 'work'"),
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


def test_every_rule_has_an_entry_that_breaks_it() -> None:
    tree = ast.parse(Path(entry.__file__).read_text())
    refusals = {
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_refuse")
        or (isinstance(node, ast.Raise) and not _is_refuse(tree, node))
    }
    assert {_refusal(changes) for _, changes, _ in REFUSED} == refusals


def _is_refuse(tree: ast.Module, node: ast.Raise) -> bool:
    (refuse,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "_refuse"]
    return refuse.lineno <= node.lineno <= (refuse.end_lineno or 0)


def _refusal(changes: dict[str, Any]) -> int:
    """The line of the rule that refuses the entry."""
    with pytest.raises(TopologyError) as refused:
        topology(**changes)
    frames = [frame for frame in refused.traceback if frame.path == Path(entry.__file__) and frame.name != "_refuse"]
    return frames[-1].lineno + 1


def test_the_longest_names_still_fit_what_aws_takes() -> None:
    stage, word = "a" * names.LONGEST_STAGE, "w" * 40
    assert len(names.resource(stage, word)) <= 64
    assert len(names.target_dead_letter_queue(stage, word)) <= 80
    for subscription in TOPOLOGY.subscriptions:
        assert len(names.rule(stage, subscription.queue, subscription.event.__name__)) <= 64
