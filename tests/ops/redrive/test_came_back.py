"""What comes straight back is known by what the run itself sent, and stops it where it is most."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.envelope import REDRIVEN
from ops.dead_letters.selection import Meant
from ops.queue import Queue
from ops.redrive import linger
from ops.redrive.delivery import Delivery
from ops.redrive.journal import Journal
from ops.redrive.mover import CAME_BACK, Mover
from ops.redrive.pace import SLOWEST, Adaptive
from ops.redrive.request import Request
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message, Value
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeQueue, FakeSqs
from tests.ops.cli.typed import dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import Faulty
from tests.ops.redrive.moving import WORKERS, fill, move


async def test_what_comes_straight_back_is_not_sent_in_circles() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 400, fifo=False)
    source.dead, source.receives = dead, 0

    async def consume() -> None:
        while True:
            source.take(10, 0)
            await asyncio.sleep(0.01)

    consumer = asyncio.create_task(consume())
    mover, _ = await move(Faulty(sqs, random.Random(1)), dead, source)
    consumer.cancel()
    assert len(dead) + len(source) == 400
    assert mover.tally.came_back > 20
    assert len(source.arrived) == mover.tally.moved == 400


async def watched(
    sqs: FakeSqs, dead: FakeQueue, source: FakeQueue, meanwhile: Coroutine[Any, Any, None], **options: Any
) -> tuple[Sweep, Mover]:
    """A redrive at the slowest pace that watches what comes back, while something else happens."""
    client = Sqs(sqs)
    pace = Adaptive(client, dead.url)
    pace.rate = SLOWEST
    sweep = Sweep(client, dead.url, workers=WORKERS)
    to = QueueDestination(client, source.url)
    mover = Mover(
        sweep,
        lambda message: Delivery(to, message.body, message.message_attributes),
        run="run",
        act=True,
        pace=pace,
        **options,
    )
    others = [
        asyncio.create_task(meanwhile),
        asyncio.create_task(pace.watch(lambda: mover.tally.moved, lambda: [source.url], mover.look_back)),
    ]
    await sweep.run(mover.visit)
    for task in others:
        task.cancel()
    return sweep, mover


@pytest.mark.parametrize("force", [False, True])
async def test_when_most_come_straight_back_the_rest_is_kept_unless_forced(force: bool) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 1_000, fifo=False)
    source.dead, source.receives = dead, 0

    async def consume() -> None:
        while True:
            while source.take(10, 0) or len(source):
                pass
            await asyncio.sleep(1)

    sweep, mover = await watched(sqs, dead, source, consume(), force=force)
    assert len(dead) + len(source) == 1_000
    assert sweep.stopped == (None if force else CAME_BACK)
    assert mover.tally.moved == 1_000 if force else mover.tally.moved < 700
    assert len(source.arrived) == mover.tally.moved


async def test_dead_letters_that_arrive_meanwhile_are_no_alarm() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 200, fifo=False)

    async def others() -> None:
        for number in range(3_000):
            dead.put(Entry("x", f"other {number}", {}), source=source.arn)
            await asyncio.sleep(0.05)

    sweep, mover = await watched(sqs, dead, source, others(), choose=only_the_first_ones)
    assert (sweep.stopped, mover.tally.moved, mover.mostly_back) == (None, 200, False)
    assert dead.in_flight == 0


async def only_the_first_ones(batch: list[Message]) -> list[Meant | None]:
    return [None if message.body.startswith("other") else Meant() for message in batch]


@pytest.mark.parametrize(
    "attributes", [{}, {f"name-{n}": Value("String", "x") for n in range(10)}], ids=["stamp", "id"]
)
async def test_when_the_only_message_comes_back_it_is_seen(attributes: dict[str, Value], tmp_path: Path) -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    dead.put(Entry("a", "poison", attributes))
    source.dead, source.receives = dead, 0

    async def bounce(action: str, payload: bytes) -> tuple[int, bytes]:
        answer = await sqs(action, payload)
        source.take(10, 0)
        return answer

    journal = Journal(tmp_path / "run.journal", Queue("dead", "other", "dead", dead.url), Request("dead"))
    mover, _ = await move(bounce, dead, source, journal=journal)
    assert (mover.tally.moved, mover.tally.came_back, mover.mostly_back) == (1, 1, True)
    again = Journal.read(journal.path)
    assert len(again.unstamped) == bool(attributes)
    resumed, _ = await move(bounce, dead, source, journal=again)
    assert (resumed.tally.moved, resumed.mostly_back) == (0, True)
    assert source.arrived == ["poison"]


@pytest.mark.parametrize(
    ("sent", "back", "force", "mostly", "stops"),
    [
        (19, 19, False, True, False),
        (20, 20, False, True, True),
        (20, 11, False, True, True),
        (20, 10, False, False, False),
        (21, 11, False, True, True),
        (20, 20, True, True, False),
        (2, 1, False, False, False),
        (1, 1, False, True, False),
        (3, 0, False, False, False),
    ],
)
async def test_more_than_half_of_twenty_or_more_that_came_back_stop_a_redrive(
    sent: int, back: int, force: bool, mostly: bool, stops: bool, tmp_path: Path
) -> None:
    sqs = FakeSqs()
    dead, work = sqs.create("dead"), sqs.create("work")
    for number in range(back):
        dead.put(Entry(str(number), "back", {REDRIVEN: Value("String", "1 run")}))
    dead.put(Entry("rest", "not sent yet"))
    journal = Journal(tmp_path / "run.journal", Queue("dead", "other", "dead", dead.url), Request("dead"))
    journal.sent(ids := [f"sent before {number}" for number in range(sent)])
    journal.deleted(ids)
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=1)

    def prepare(message: Message) -> Delivery | str:
        return "it stays" if message.body != "back" else Delivery(QueueDestination(client, work.url), "", {})

    mover = Mover(sweep, prepare, run="run", act=True, journal=journal, force=force)
    await sweep.run(mover.visit)
    assert (mover.tally.came_back, mover.mostly_back) == (back, mostly)
    assert (sweep.stopped, len(work.arrived), len(dead)) == (CAME_BACK if stops else None, 0, back + 1)


@pytest.mark.parametrize("more", [[], ["--limit", "1"]])
def test_the_only_message_that_comes_back_a_second_later_exits_with_4(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.setattr(linger, "LINGER", 10.0)
    monkeypatch.setattr(linger, "STEP", 0.2)
    ids = dead_tickets(aws, 3 if more else 1)
    work = queue(aws, "open_ticket")
    work.receives = 1
    put = work.put

    def handled(entry: Entry, **told: Any) -> str:
        new = put(entry, **told)
        work.take(1, 0.5)  # its consumer has it, and fails half a second later
        aws.loop.call_later(0.6, work.take, 1, 0)
        return new

    monkeypatch.setattr(work, "put", handled)
    result = ops("redrive", "open_ticket", "--yes", *more)
    assert result.exit_code == 4, result.output
    assert "1 of the messages came straight back, which is most" in result.stderr
    assert (len(work), len(queue(aws, "open_ticket-dlq"))) == (0, len(ids))


def test_where_nobody_works_on_what_was_sent_a_redrive_does_not_wait(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linger, "LINGER", 60.0)
    monkeypatch.setattr(linger, "STEP", 0.05)
    dead_tickets(aws, 1)
    begun = time.monotonic()
    assert ops("redrive", "open_ticket", "--yes").exit_code == 0
    assert time.monotonic() - begun < 30
