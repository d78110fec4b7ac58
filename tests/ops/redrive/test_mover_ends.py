"""What ends a mover, how far it looks back, and what it tells others of what it sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.contracts.envelope import IDEMPOTENCY_KEY, REDRIVEN
from functions.contracts.parked import Place
from ops.dead_letters.start import START, Counts, Start
from ops.errors import OpsError
from ops.redrive import mover as movers
from ops.redrive.delivery import Delivery
from ops.redrive.mover import LIMIT, Mover
from ops.redrive.pace import Pace
from ops.redrive.routing import QueueDestination
from ops.redrive.turns import Turns
from ops.sqs.client import Refused, Sqs
from ops.sqs.message import Entry, Message, Value
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeQueue, FakeSqs
from tests.ops.redrive.test_mover_counts import Told, moved, put


def sent_by(run: str, count: int, queue: FakeQueue) -> None:
    for number in range(count):
        queue.put(Entry(str(number), f"body {number}", {REDRIVEN: Value("String", f"1 {run}")}))


def looking(sqs: FakeSqs, dead: FakeQueue) -> tuple[Sweep, Mover]:
    sweep = Sweep(Sqs(sqs), dead.url, workers=1)
    return sweep, Mover(sweep, lambda _: None, run="run", act=True)


@pytest.mark.parametrize(
    ("limit", "value", "held"),
    [
        ("MOST_LOOKED_AT", 20, 20),
        ("MOST_LOOKED_AT", 21, 30),
        ("MOST_BYTES_LOOKED_AT", 60, 10),
        ("MOST_BYTES_LOOKED_AT", 61, 20),
        ("MOST_BYTES_LOOKED_AT", 10_000, 45),
    ],
)
async def test_a_look_back_ends_where_it_holds_as_much_as_it_may(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int, held: int
) -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead")
    sent_by("another", 45, dead)
    monkeypatch.setattr(movers, limit, value)
    sweep, mover = looking(sqs, dead)
    for _ in range(2):
        await mover.look_back()
    assert (sweep.held, mover.tally.came_back) == (held, 0)


@pytest.mark.parametrize("stopped", [None, LIMIT, START, "interrupted"])
async def test_a_look_back_finds_what_the_run_itself_sent_unless_it_was_given_up(stopped: str | None) -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead")
    sent_by("run", 3, dead)
    sent_by("another", 2, dead)
    sweep, mover = looking(sqs, dead)
    if stopped is not None:
        sweep.stop(stopped)
    await mover.look_back()
    assert (mover.tally.came_back, sweep.held) == ((0, 0) if stopped == "interrupted" else (3, 5))


@pytest.mark.parametrize("gone", [(), ("sent before",)])
async def test_a_mover_ends_with_what_was_there_at_the_start_once_nothing_that_was_sent_is_missing(
    gone: tuple[str, ...],
) -> None:
    sqs = FakeSqs()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *map(str, range(40)))
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=1, visibility=2, gone=gone)
    to = QueueDestination(client, work.url)
    start = Start(Counts(2, 0, 0), datetime.now(UTC) + timedelta(minutes=1))
    assert start.most == 12
    mover = Mover(sweep, lambda each: Delivery(to, each.body, {}), run="run", act=True, start=start)
    await sweep.run(mover.visit)
    assert (len(work), mover.tally.late) == (12, 28 if gone else 8)
    assert (sweep.stopped, len(dead)) == (None if gone else START, 28)
    assert mover.tally.seen == 12 + mover.tally.late


async def test_whoever_watches_is_told_how_many_were_sent() -> None:
    sqs = Told("3")
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *map(str, range(25)))
    told: list[int] = []
    mover, _ = await moved(sqs, dead, work, moved=told.append)
    assert (told, mover.tally.moved, mover.sent) == ([9, 10, 5], 24, 24)
    assert not mover.mostly_back


async def test_messages_for_several_queues_go_in_a_batch_for_each() -> None:
    sqs = Told()
    dead, queues = sqs.create("dead"), {name: sqs.create(name) for name in ("a", "b")}
    put(dead, *(f"{'ab'[number % 2]} {number}" for number in range(10)))
    client = Sqs(sqs)

    def elsewhere(it: Delivery) -> Delivery:
        return Delivery(QueueDestination(client, queues[it.body[0]].url), it.body, it.attributes)

    mover, _ = await moved(sqs, dead, queues["a"], elsewhere)
    assert sorted(map(len, sqs.sends)) == [5, 5]
    assert (mover.tally.to, mover.urls) == ({"a": 5, "b": 5}, {each.url for each in queues.values()})


async def test_on_a_queue_that_parks_who_goes_out_of_turn_is_counted_and_who_went_is_remembered() -> None:
    sqs = FakeSqs()
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    for name in ("b", "a", "d"):
        key = {IDEMPOTENCY_KEY: Value("String", name)}
        dead.put(Entry(name, name, key, {}, "g", name))
    turns = Turns({"g": [Place(f"{at:020}", name, 9_999_999_999) for at, name in enumerate("acd")]})
    mover, _ = await moved(sqs, dead, work, turns=turns)
    assert work.arrived == ["a", "d", "b"]
    assert mover.tally.behind == {"c": 2}
    assert [message.body for message in turns.sent] == ["a", "d", "b"]


@pytest.mark.parametrize("refused", [True, False])
async def test_a_pace_is_told_when_what_it_let_pass_is_gone_whatever_becomes_of_it(refused: bool) -> None:
    sqs = FakeSqs()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *map(str, range(15)))
    if refused:
        del sqs.queues[work.url]
    pace = Pace(1_000)
    if refused:
        with pytest.raises(Refused):
            await moved(sqs, dead, work, pace=pace)
    else:
        await moved(sqs, dead, work, pace=pace)
    assert pace._under_way == 0


async def test_what_is_given_up_before_its_turn_is_not_sent() -> None:
    sqs = FakeSqs()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *map(str, range(15)))
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=1)
    to = QueueDestination(client, work.url)

    def interrupts(message: Message) -> Delivery:
        sweep.stop("interrupted")
        return Delivery(to, message.body, {})

    mover = Mover(sweep, interrupts, run="run", act=True)
    await sweep.run(mover.visit)
    assert (len(work), len(dead), dead.in_flight, mover.tally.moved) == (0, 15, 0, 0)


@pytest.mark.parametrize("fifo", [True, False])
async def test_what_fails_in_one_group_ends_the_others_after_what_is_on_its_way(fifo: bool) -> None:
    sqs = FakeSqs()
    suffix = ".fifo" if fifo else ""
    dead, work = sqs.create(f"dead{suffix}"), sqs.create(f"work{suffix}")
    put(dead, *(f"{group} {number}" for number in range(4) for group in "ab"))

    class Broken(QueueDestination):
        async def send(self, entries: Any) -> Any:
            raise OpsError("it broke")

    client = Sqs(sqs)

    def half(it: Delivery) -> Delivery:
        return (
            Delivery(Broken(client, f"{work.url}-broken"), it.body, it.attributes, it.group) if it.body == "a 1" else it
        )

    with pytest.raises(OpsError, match="it broke"):
        await moved(sqs, dead, work, half)
    assert len(work) + len(dead) == 8
    assert ("a 2" in work.arrived, "a 3" in work.arrived) == ((False, False) if fifo else (True, True))


def test_a_destination_is_called_by_the_end_of_its_name() -> None:
    named: Callable[[str], str] = movers._word
    assert (named("http://sqs/1/work"), named("arn:aws:lambda:eu-west-1:1:function:f")) == ("work", "f")
