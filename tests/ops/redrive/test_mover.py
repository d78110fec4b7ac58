"""What the mover promises whatever fails: nothing lost, few doubles, order in every group."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.envelope import IDEMPOTENCY_KEY, REDRIVEN
from ops.dead_letters.selection import Meant
from ops.queue import Queue
from ops.redrive.delivery import Delivery, deduplication_id
from ops.redrive.journal import Journal
from ops.redrive.mover import CAME_BACK, Mover
from ops.redrive.pace import SLOWEST, Adaptive, Pace
from ops.redrive.request import Request
from ops.redrive.routing import QueueDestination
from ops.sqs import clock
from ops.sqs.client import Refused, Sqs
from ops.sqs.fake import FakeQueue, FakeSqs
from ops.sqs.message import MOST_BYTES, Entry, Message, Value
from ops.sqs.sweep import Sweep
from tests.ops.faults import Faulty, Killed

WORKERS = 8


@pytest.fixture(autouse=True)
def same_pauses() -> None:
    """The mover's random pauses are the same in every run, so that a test that passes keeps passing."""
    random.seed(0)


def fill(sqs: FakeSqs, count: int, *, fifo: bool, groups: int = 7) -> tuple[FakeQueue, FakeQueue]:
    """A dead-letter queue with so many messages, and the queue they came from."""
    suffix = ".fifo" if fifo else ""
    dead, source = sqs.create(f"dead{suffix}"), sqs.create(f"source{suffix}")
    for number in range(count):
        key = f"key-{number}"
        entry = Entry(key, f"{number % groups} {number}", {IDEMPOTENCY_KEY: Value("String", key)})
        if fifo:
            entry.message_group_id = f"group-{number % groups}"
            entry.message_deduplication_id = key
        dead.put(entry, source=source.arn)
    dead.arrived.clear()
    return dead, source


async def move(
    transport: Any,
    dead: FakeQueue,
    source: FakeQueue,
    *,
    run: str = "run",
    journal: Journal | None = None,
    **options: Any,
) -> tuple[Mover, Sqs]:
    sqs = Sqs(transport)
    left: dict[str, Any] = {"gone": journal.pending, "settled": journal.deleted} if journal is not None else {}
    sweep = Sweep(sqs, dead.url, workers=WORKERS, **left)
    sqs.may_send = sweep.holds
    to = QueueDestination(sqs, source.url)
    mover = Mover(
        sweep,
        lambda message: Delivery(to, message.body, message.message_attributes, message.group),
        run=run,
        act=True,
        journal=journal,
        **options,
    )
    sqs.taken = mover.took
    await sweep.run(mover.visit)
    return mover, sqs


def in_order(arrived: Iterable[str]) -> bool:
    """Whether every group's messages came in order; one may come again right after itself."""
    groups: dict[str, list[int]] = {}
    for group, number in (body.split() for body in arrived):
        groups.setdefault(group, []).append(int(number))
    return all(earlier <= later for numbers in groups.values() for earlier, later in itertools.pairwise(numbers))


FAULTS: dict[str, dict[str, Any]] = {
    "nothing fails": {},
    "throttles": {"throttle": 0.3},
    "the service fails": {"fault": 0.2},
    "batches fail in part": {"partial": 0.15},
    "requests are lost": {"lost_request": 0.1},
    "answers are lost": {"lost_answer": 0.1},
    "receipt handles expire": {"slow": 0.05},
    "everything": {
        "throttle": 0.05,
        "fault": 0.05,
        "partial": 0.1,
        "lost_request": 0.03,
        "lost_answer": 0.03,
        "slow": 0.01,
    },
}


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_whatever_fails_every_message_is_redriven(faults: dict[str, Any], fifo: bool) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 1_000, fifo=fifo)
    sent = dead.bodies()
    transport = Faulty(sqs, random.Random(5), **faults)
    mover, client = await move(transport, dead, source)
    assert not len(dead)
    assert set(source.arrived) == set(sent)
    doubles = len(source.arrived) - len(sent)
    assert mover.tally.moved == len(sent)
    if fifo or not faults.get("lost_answer"):
        assert doubles == 0
        assert in_order(source.arrived) or not fifo
    else:
        assert doubles <= client.unsure


@pytest.mark.parametrize("seed", [5, 35, 71])
async def test_what_reappears_while_a_receive_hangs_is_redriven_too(seed: int) -> None:
    random.seed(seed)
    sqs = FakeSqs()
    dead, source = fill(sqs, 1_000, fifo=True)
    await move(Faulty(sqs, random.Random(5), **FAULTS["everything"]), dead, source)
    assert not len(dead)


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("seed", range(12))
async def test_a_killed_redrive_goes_on_where_it_stopped(seed: int, fifo: bool, tmp_path: Path) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 600, fifo=fifo)
    sent = dead.bodies()
    chance = random.Random(seed)
    path = tmp_path / "run.jsonl"
    journal = Journal(path, Queue("dead", "other", "dead", dead.url), Request("dead"))
    kills = 0
    while True:
        transport = Faulty(sqs, chance, partial=0.1, kill_at=chance.randrange(20, 150))
        try:
            await move(transport, dead, source, journal=journal)
            break
        except Killed:
            kills += 1
            journal = Journal.read(path) if path.exists() else journal
            await asyncio.sleep(chance.choice([130, 400]))  # until what the dead process held is visible again
    assert kills
    assert not len(dead)
    counts = Counter(source.arrived)
    assert counts.keys() == set(sent)
    assert sum(counts.values()) - len(sent) <= kills * (1 if fifo else 10) * WORKERS
    assert in_order(source.arrived) or not fifo


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.proof)])
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
async def test_thousands_of_messages_are_redriven_once_and_in_order(fifo: bool, count: int) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, count, fifo=fifo, groups=1_000)
    sent = dead.bodies()
    mover, _ = await move(Faulty(sqs, random.Random(1), partial=0.01, throttle=0.01), dead, source)
    assert mover.tally.moved == len(source.arrived) == len(sent)
    assert set(source.arrived) == set(sent)
    assert in_order(source.arrived) or not fifo


async def test_a_message_keeps_its_attributes_group_and_trace_and_says_how_often_it_was_redriven() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead.fifo"), sqs.create("source.fifo")
    attributes = {IDEMPOTENCY_KEY: Value("String", "key"), "picture": Value("Binary", binary_value="AP8=")}
    trace = {"AWSTraceHeader": Value("String", "Root=1-2-3")}
    dead.put(Entry("a", "{}", attributes, trace, "group", "id"))
    await move(sqs, dead, source, run="first")
    (message,) = source.take(1, 30)
    assert message.attributes == {**attributes, REDRIVEN: Value("String", "1 first")}
    assert (message.group, message.trace) == ("group", "Root=1-2-3")
    dead.put(Entry("a", "{}", message.attributes, {}, "group", "another"))
    await move(sqs, dead, source, run="second")
    source.remove(message.receipt)
    (again,) = source.take(1, 30)
    assert again.attributes[REDRIVEN].text == "2 second"


async def test_ten_attributes_are_all_kept_and_the_stamp_is_left_out() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    attributes = {f"name-{number}": Value("Number", str(number)) for number in range(10)}
    dead.put(Entry("a", "{}", attributes))
    await move(sqs, dead, source)
    assert source.take(1, 30)[0].attributes == attributes


async def test_a_message_of_a_full_megabyte_is_redriven() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    for letter in "abc":
        dead.put(Entry(letter, letter * MOST_BYTES))
    await move(sqs, dead, source)
    assert sorted(body[0] for body in source.arrived) == ["a", "b", "c"]


async def test_a_message_that_cannot_be_sent_keeps_those_after_it_in_its_group() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 70, fifo=True)
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=WORKERS)
    to = QueueDestination(client, source.url)

    def prepare(message: Message) -> Delivery | str:
        stuck = message.body in ("3 3", "5 33")
        return "it is poison" if stuck else Delivery(to, message.body, message.message_attributes, message.group)

    mover = Mover(sweep, prepare, run="run", act=True)
    await sweep.run(mover.visit)
    kept = [f"3 {number}" for number in range(3, 70, 7)] + [f"5 {number}" for number in range(33, 70, 7)]
    assert sorted(dead.bodies()) == sorted(kept)
    assert mover.tally.refused == {"it is poison": 2}
    assert mover.tally.group_blocked == len(kept) - 2
    assert in_order(source.arrived)
    assert len(dead.take(10, 30)) == 10  # what was kept is visible again


async def test_messages_of_one_group_go_each_to_the_queue_it_came_from() -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead.fifo")
    sources = {name: sqs.create(f"{name}.fifo") for name in ("left", "right")}
    for number in range(8):
        name = ("left", "right")[number % 2]
        dead.put(Entry(str(number), f"{name} {number}", {}, {}, "group", f"id-{number}"))
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url)

    def prepare(message: Message) -> Delivery:
        to = QueueDestination(client, sources[message.body.split()[0]].url)
        return Delivery(to, message.body, message.message_attributes, message.group)

    await sweep.run(Mover(sweep, prepare, run="run", act=True).visit)
    assert sources["left"].arrived == ["left 0", "left 2", "left 4", "left 6"]
    assert sources["right"].arrived == ["right 1", "right 3", "right 5", "right 7"]


async def test_a_slow_redrive_stops_at_once() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 100, fifo=False)
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=WORKERS)
    to = QueueDestination(client, source.url)

    def prepare(message: Message) -> Delivery:
        return Delivery(to, message.body, message.message_attributes)

    mover = Mover(sweep, prepare, run="run", act=True, pace=Pace(1))
    asyncio.get_running_loop().call_later(12, sweep.stop, "interrupted")
    await sweep.run(mover.visit)
    assert asyncio.get_running_loop().time() < 13
    assert len(source.arrived) == mover.tally.moved == 20
    assert (dead.in_flight, len(dead)) == (0, 80)


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("at", [3, 12, 40])
async def test_a_machine_that_slept_sends_nothing_that_others_may_have_moved(
    at: int, fifo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 200, fifo=fifo)
    slept, others, until = 0, list[str](), list[int]()
    monkeypatch.setattr(clock, "since_boot", lambda: slept)
    calls = itertools.count()

    async def lid(action: str, payload: bytes) -> tuple[int, bytes]:
        nonlocal slept
        answer = await sqs(action, payload)
        if next(calls) == at:
            slept = 3_600
            dead.show_all()
            while taken := dead.take(10, 30):
                for message in taken:
                    if fifo or int(message.body.split()[1]) % 2:  # the others are hidden by somebody for a while
                        source.put(Entry(message.id, message.body, {}, {}, message.group, f"others-{message.id}"))
                        dead.remove(message.receipt)
                        others.append(message.body)
            until.append(len(source.arrived))
        return answer

    await move(lid, dead, source)
    assert others
    assert not set(others) & set(source.arrived[until[0] :])
    assert (len(dead), len(set(source.arrived))) == (0, 200)


async def test_a_redrive_within_five_minutes_of_the_first_send_is_not_swallowed() -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead.fifo")
    source = sqs.create("source.fifo", dead, receives=1)
    key = {IDEMPOTENCY_KEY: Value("String", "key")}
    source.put(Entry("a", "pay", key, {}, "ticket-1", "key"))
    for _ in range(2):
        source.take(1, 0)
    assert (len(source), len(dead)) == (0, 1)
    await move(sqs, dead, source)
    assert (len(source), len(dead)) == (1, 0)


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


@pytest.mark.parametrize("force", [False, True])
async def test_when_most_come_straight_back_the_rest_is_kept_unless_forced(force: bool) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 1_000, fifo=False)
    source.dead, source.receives = dead, 0
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
        force=force,
    )

    async def consume() -> None:
        while True:
            while source.take(10, 0) or len(source):
                pass
            await asyncio.sleep(1)

    others = [
        asyncio.create_task(consume()),
        asyncio.create_task(pace.watch(lambda: mover.tally.moved, lambda: [source.url], mover.look_back)),
    ]
    await sweep.run(mover.visit)
    for task in others:
        task.cancel()
    assert len(dead) + len(source) == 1_000
    assert sweep.stopped == (None if force else CAME_BACK)
    assert mover.tally.moved == 1_000 if force else mover.tally.moved < 700
    assert len(source.arrived) == mover.tally.moved


async def test_dead_letters_that_arrive_meanwhile_are_no_alarm() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 200, fifo=False)
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
        choose=only_the_first_ones,
        pace=pace,
    )

    async def others() -> None:
        for number in range(3_000):
            dead.put(Entry("x", f"other {number}", {}), source=source.arn)
            await asyncio.sleep(0.05)

    tasks = [
        asyncio.create_task(others()),
        asyncio.create_task(pace.watch(lambda: mover.tally.moved, lambda: [source.url], mover.look_back)),
    ]
    await sweep.run(mover.visit)
    for task in tasks:
        task.cancel()
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


async def test_a_queue_that_is_gone_ends_the_redrive_and_loses_nothing() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 50, fifo=False)
    del sqs.queues[source.url]
    with pytest.raises(Refused, match="QueueDoesNotExist"):
        await move(sqs, dead, source)
    assert len(dead.take(10, 30)) == 10


def test_a_key_that_sqs_would_refuse_stays_out_of_the_deduplication_id() -> None:
    def of(key: str) -> str:
        return deduplication_id(Message("id", "receipt", "", {}, {IDEMPOTENCY_KEY: Value("String", key)}), edited=False)

    assert of("ticket-1/capture") == "ticket-1/capture:id"
    assert of("with space") == of("é") == of("k" * 81) == "id"
