"""Queues and their poller, by the rules of reference 2.2, 2.4 and 4."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.sample.topology import SAMPLE
from tests.simulation.clock import Clock
from tests.simulation.faults import Plan
from tests.simulation.poller import Answered, Poller, failed
from tests.simulation.queues import Queue
from tests.simulation.runs import sandboxes
from tests.simulation.traffic import opened
from tests.simulation.world import World

IDS = {"a", "b"}


@pytest.mark.parametrize("answer", ["null", "{}", '""', '{"batchItemFailures": []}', '{"batchItemFailures": null}'])
def test_an_answer_that_names_nobody_is_success(answer: str) -> None:
    assert failed(answer, IDS) == set()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "not JSON",
        "[1]",
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"foo": "a"}]}',
        '{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "stranger"}]}',
        '{"batchItemFailures": "a"}',
    ],
)
def test_an_answer_that_breaks_the_contract_fails_the_whole_batch(answer: str | None) -> None:
    assert failed(answer, IDS) == IDS


def test_an_answer_may_name_some() -> None:
    assert failed('{"batchItemFailures": [{"itemIdentifier": "b"}]}', IDS) == {"b"}


def queue(*, fifo: bool, receives: int | None = 3) -> Queue:
    clock = Clock()
    dead = Queue("dead", "dead", clock, Random("dead"), fifo)
    return Queue("q", "q", clock, Random("q"), fifo, visibility=60, receives=receives, dead_letters=dead)


def bodies(queue: Queue, most: int = 10) -> list[str]:
    return [parcel.body for parcel in queue.receive(most)]


def test_a_group_is_received_from_its_head_on_up_to_its_first_hidden_message() -> None:
    fifo = queue(fifo=True)
    for number in range(3):
        fifo.send(f"g{number}", {}, "g", f"g{number}")
    fifo.send("h", {}, "h", "h")
    assert bodies(fifo, 2) == ["g0", "g1"]
    # The head is out, so its group waits; another group does not.
    assert bodies(fifo) == ["h"]
    fifo.clock.now = 61
    received = fifo.receive(10)
    assert [parcel.body for parcel in received] == ["g0", "g1", "g2", "h"]
    # Hiding a later message hides what follows it, not what is before it.
    for parcel in received[:3]:
        assert fifo.hide(parcel.receipt, 500 if parcel.body == "g1" else 0) is None
    assert bodies(fifo) == ["g0"]


def test_a_fifo_queue_takes_a_message_once_in_five_minutes() -> None:
    fifo = queue(fifo=True)
    first = fifo.send("a", {}, "g", "key")
    assert fifo.send("a", {}, "g", "key") == (first[0], False)
    assert fifo.send("a", {}, "other", "key")[1]
    fifo.clock.now = 301
    assert fifo.send("a", {}, "g", "key")[1]


@pytest.mark.parametrize("fifo", [False, True])
def test_a_message_that_was_received_often_enough_is_moved_with_its_id_and_what_follows_goes_on(fifo: bool) -> None:
    source = queue(fifo=fifo, receives=2)
    identity, _ = source.send("a", {"x": "1"}, "g", "a")
    for _ in range(2):
        assert bodies(source) == ["a"]
        source.clock.now += 61
    source.send("b", {}, "g", "b")
    assert bodies(source) == ["b"]
    assert source.dead_letters is not None
    (dead,) = source.dead_letters.waiting
    assert (dead.id, dead.body, dead.attributes, dead.receives) == (identity, "a", {"x": "1"}, 2)
    assert dead.sent == (source.clock.now if fifo else 0)


def test_what_is_deleted_or_hidden_must_be_in_flight() -> None:
    fifo = queue(fifo=True)
    fifo.send("a", {}, "g", "a")
    (parcel,) = fifo.receive(1)
    stranger = fifo.hide("nobody", 10)
    assert stranger is not None
    assert stranger.code == "ReceiptHandleIsInvalid"
    fifo.clock.now = 61
    late = fifo.hide(parcel.receipt, 10)
    assert late is not None
    assert late.code == "MessageNotInflight"
    assert not fifo.delete(parcel.receipt)
    (again,) = fifo.receive(1)
    assert fifo.delete(again.receipt)
    assert not fifo.waiting


def test_a_message_is_hidden_for_twelve_hours_from_its_receive_at_the_most() -> None:
    standard = queue(fifo=False)
    standard.send("a", {})
    (parcel,) = standard.receive(1)
    error = standard.hide(parcel.receipt, 12 * 3600 + 1)
    assert error is not None
    assert error.code == "InvalidParameterValue"


def test_a_message_that_is_too_old_is_gone() -> None:
    standard = queue(fifo=False)
    standard.retention = 100
    standard.send("a", {})
    standard.clock.now = 101
    assert bodies(standard) == []
    assert len(standard.expired) == 1


def test_a_standard_queue_may_hand_out_a_message_twice() -> None:
    standard = queue(fifo=False)
    standard.duplicates = 1
    standard.send("a", {})
    standard.receive(1)
    standard.clock.now = 3
    (again,) = standard.receive(1)
    assert again.receives == 2


def test_everything_that_is_accepted_reaches_its_function(world: World) -> None:
    world.store("agents", {"agent": {"S": "ada"}, "hours": {"N": "1"}})
    body = '{"ticket_id": "t", "email": "a@b.cd", "language": "EN", "wanted": [{"agent": "ada", "hours": 1}]}'
    world.clock.at(1, lambda: world.send("open_ticket", body, attributes={}))
    evidence = world.run(3600)
    assert [told.type for told in evidence.told] == ["TicketOpened", "TicketAssigned"]
    assert len(evidence.mails) == 1
    assert not evidence.left
    assert not evidence.deaths


class Station:
    """A poller on a queue of its own, and the batches that it brought; the function answers `answer` a second later."""

    def __init__(self, *, window: float = 0, answer: str | None = "{}") -> None:
        self.queue = queue(fifo=False)
        self.clock = self.queue.clock
        self.batches: list[tuple[float, list[str]]] = []
        self.away: set[str] = set()
        self.answer = answer
        self.poller = Poller(
            self.queue,
            self.invoke,
            clock=self.clock,
            random=Random("poller"),
            batch=3,
            window=window,
            concurrency=1,
            away=lambda service: service in self.away,
        )

    def invoke(self, event: dict[str, Any], answered: Answered) -> None:
        self.batches.append((round(self.clock.now), [record["body"] for record in event["Records"]]))
        self.clock.after(1, lambda: answered(self.answer))

    def send(self, at: float, body: str) -> None:
        self.clock.at(at, lambda: self.queue.send(body, {}) and None)


def test_a_window_gathers_a_fuller_batch() -> None:
    station = Station(window=5)
    for at, body in ((0, "a"), (3, "b"), (20, "c"), (20, "d"), (20, "e")):
        station.send(at, body)
    station.clock.run(100)
    assert [(at, sorted(batch)) for at, batch in station.batches] == [(5, ["a", "b"]), (20, ["c", "d", "e"])]
    assert not station.queue.waiting


def test_what_lambda_throttles_comes_back_and_spends_a_receive() -> None:
    station = Station()
    station.away = {"lambda"}
    station.send(0, "a")
    station.clock.at(30, lambda: station.away.clear())
    station.clock.run(59)
    assert [batch for _, batch in station.batches] == [["a"]]
    assert not station.queue.waiting

    station.away = {"lambda"}
    station.send(100, "b")
    station.clock.at(230, lambda: station.away.clear())
    station.clock.run(400)
    assert len(station.batches) == 2
    assert not station.queue.waiting


def test_what_cannot_be_deleted_comes_back() -> None:
    station = Station()
    station.send(0, "a")
    station.clock.at(0.5, lambda: station.away.add("sqs"))
    station.clock.at(10, lambda: station.away.clear())
    station.clock.run(300)
    assert [batch for _, batch in station.batches] == [["a"], ["a"]]


def test_a_function_error_and_a_disabled_mapping_keep_what_is_there() -> None:
    station = Station(answer=None)
    station.send(0, "a")
    station.clock.run(200)
    assert len(station.batches) == 3
    assert station.queue.dead_letters is not None
    assert [parcel.body for parcel in station.queue.dead_letters.waiting] == ["a"]
    station.poller.enabled = False
    station.send(300, "b")
    station.clock.run(1000)
    assert [parcel.body for parcel in station.queue.waiting] == ["b"]


def test_an_event_that_no_policy_lets_in_goes_aside_with_its_reason() -> None:
    world = World(SAMPLE, Plan(), sandboxes(), seed="aside", blocked=lambda word, _: word == "mail_ticket")
    world.clock.at(1, lambda: world.send(**opening()))
    evidence = world.run(3600)
    assert [death.error for death in evidence.deaths if death.queue == "mail_ticket"] == ["NO_PERMISSIONS"]
    assert not evidence.mails
    assert [parcel.attributes for parcel in world.undelivered["mail_ticket"].waiting] == [
        {"ERROR_CODE": "NO_PERMISSIONS"}
    ]


def opening() -> dict[str, Any]:
    send = opened(1, "tic-1")
    return {"word": send.queue, "body": send.body, "attributes": send.attributes}
