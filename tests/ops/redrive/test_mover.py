"""What the mover promises whatever fails: nothing lost, few doubles, order in every group."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.envelope import DEDUPLICATION_ID, IDEMPOTENCY_KEY, REDRIVEN
from ops.errors import OpsError
from ops.queue import Queue
from ops.redrive.delivery import Delivery
from ops.redrive.journal import Journal
from ops.redrive.mover import Mover, _parts
from ops.redrive.pace import Pace
from ops.redrive.request import Request
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Refused, Sqs
from ops.sqs.message import MOST_BYTES, Entry, Message, Value
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeSqs
from tests.examples import seeds
from tests.ops.faults import Faulty, Killed
from tests.ops.redrive.moving import WORKERS, Racy, fill, in_order, move


@pytest.fixture(autouse=True)
def same_pauses() -> None:
    """The mover's random pauses are the same in every run, so that a test that passes keeps passing."""
    random.seed(0)


FAULTS: dict[str, dict[str, Any]] = {
    "nothing fails": {},
    "throttles": {"throttle": 0.3},
    "the service fails": {"fault": 0.2},
    "batches fail in part": {"partial": 0.15},
    "requests are lost": {"lost_request": 0.1},
    "answers are lost": {"lost_answer": 0.1},
    "answers are cut off": {"cut": 0.1},
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
@pytest.mark.parametrize("count", [300, pytest.param(1_000, marks=pytest.mark.proof)])
async def test_whatever_fails_every_message_is_redriven(count: int, faults: dict[str, Any], fifo: bool) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, count, fifo=fifo)
    sent = dead.bodies()
    transport = Faulty(sqs, random.Random(5), **faults)
    mover, client = await move(transport, dead, source)
    assert not len(dead)
    assert set(source.arrived) == set(sent)
    doubles = len(source.arrived) - len(sent)
    assert mover.tally.moved == len(sent)
    if fifo or not (faults.get("lost_answer") or faults.get("cut")):
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
@pytest.mark.parametrize("seed", seeds(2, 12))
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


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.proof)])
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
    assert message.attributes == {
        **attributes,
        REDRIVEN: Value("String", "1 first"),
        DEDUPLICATION_ID: Value("String", "id"),
    }
    assert (message.group, message.trace) == ("group", "Root=1-2-3")
    dead.put(Entry("a", "{}", message.attributes, {}, "group", "another"))
    await move(sqs, dead, source, run="second")
    source.remove(message.receipt)
    (again,) = source.take(1, 30)
    assert again.attributes[REDRIVEN].text == "2 second"
    assert again.attributes[DEDUPLICATION_ID].text == "id"


async def test_ten_attributes_are_all_kept_and_the_stamp_is_left_out() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    attributes = {f"name-{number}": Value("Number", str(number)) for number in range(10)}
    dead.put(Entry("a", "{}", attributes))
    await move(sqs, dead, source)
    assert source.take(1, 30)[0].attributes == attributes


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
async def test_a_message_as_large_as_its_queue_allows_is_moved_whole_without_the_stamp(fifo: bool) -> None:
    sqs = FakeSqs()
    suffix = ".fifo" if fifo else ""
    dead, source = sqs.create(f"dead{suffix}"), sqs.create(f"source{suffix}")
    source.most_bytes = 2_048
    for number, size in enumerate((2_048, 2_047, 2_000)):
        dead.put(Entry(str(number), "x" * size, {}, {}, *([f"g-{number}", f"d-{number}"] if fifo else [])))
    mover, _ = await move(sqs, dead, source, run="a-run")
    moved = {len(message.body): message.attributes for _ in range(3) for message in source.take(10, 30)}
    assert (mover.tally.moved, moved[2_048], moved[2_047]) == (3, {}, {})
    assert moved[2_000][REDRIVEN].text == "1 a-run"


async def test_a_message_of_a_full_megabyte_is_redriven() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    for letter in "abc":
        dead.put(Entry(letter, letter * MOST_BYTES))
    await move(sqs, dead, source)
    assert sorted(body[0] for body in source.arrived) == ["a", "b", "c"]


@given(st.lists(st.sampled_from([1, 10, 1_000, 262_144, 262_145, 524_288, 524_289, MOST_BYTES]), max_size=40))
def test_a_batch_is_as_full_as_sqs_takes_it_and_no_fuller(sizes: list[int]) -> None:
    entries = [Entry(str(at), "x" * size) for at, size in enumerate(sizes)]
    parts = list(_parts(entries))
    assert [entry for part in parts for entry in part] == entries
    sums = [sum(entry.size for entry in part) for part in parts]
    assert all(part and len(part) <= 10 and total <= MOST_BYTES for part, total in zip(parts, sums, strict=True))
    for full, total, then in zip(parts, sums, parts[1:], strict=False):
        assert len(full) == 10 or total + then[0].size > MOST_BYTES


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


async def test_a_queue_that_is_gone_ends_the_redrive_and_loses_nothing() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 50, fifo=False)
    del sqs.queues[source.url]
    with pytest.raises(Refused, match="QueueDoesNotExist"):
        await move(sqs, dead, source)
    assert len(dead.take(10, 30)) == 10


def test_a_copy_has_the_same_deduplication_id_each_time_and_another_once_it_is_edited() -> None:
    def of(key: str | None, *, body: str = "as it was", to: str = "http://sqs/1/work.fifo") -> str | None:
        attributes = {IDEMPOTENCY_KEY: Value("String", key)} if key is not None else {}
        message = Message("id", "receipt", "as it was", {}, attributes)
        destination = QueueDestination(Sqs(FakeSqs()), to)
        return Delivery(destination, body, attributes, "group").entry(message, "run").message_deduplication_id

    assert of("ticket-1/capture") == "ticket-1/capture:id"
    assert of("ticket-1/capture", body="edited") == "ticket-1/capture:id:edited"
    assert (of(None), of(None, body="edited")) == ("id", "id:edited")
    assert of("k" * 80) == f"{'k' * 80}:id"
    assert of("with space") == of("é") == of("k" * 81) == "id", "SQS takes 128 printable characters"
    assert of("ticket-1/capture", to="http://sqs/1/work") is None, "a standard queue takes none"


async def test_order_is_kept_where_an_implementation_does_not_lock_groups() -> None:
    sqs = FakeSqs(latency=0.01)
    dead, source = Racy("http://sqs/0/dead.fifo"), sqs.create("source.fifo")
    sqs.queues[dead.url] = dead
    for number in range(200):
        group = number % 3
        dead.put(Entry(str(number), f"{group} {number}", {}, {}, f"group-{group}", str(number)))
    mover, _ = await asyncio.wait_for(move(sqs, dead, source), 600)
    assert mover.tally.moved == len(source) == 200
    assert in_order(source.arrived)


async def test_a_batch_of_many_groups_is_written_down_at_once_before_any_of_it_is_deleted(tmp_path: Path) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 160, fifo=True, groups=8)
    journal = Journal(tmp_path / "run.journal", Queue("q-dlq", "dead", "dead.fifo", dead.url), Request("q-dlq"))
    await move(sqs, dead, source, journal=journal)
    journal.close()
    lines = (tmp_path / "run.journal").read_text().splitlines()
    written = [json.loads(line).get("sent", []) for line in lines]
    assert sum(map(len, written)) == journal.moved == 160
    assert max(map(len, written)) > 4
    assert in_order(source.arrived)


class Full(Journal):
    """A journal whose disk is full."""

    def sent(self, ids: Sequence[str]) -> None:
        """Says so."""
        raise OpsError("the disk is full")


@pytest.mark.parametrize("groups", [1, 10])
async def test_what_cannot_be_written_down_ends_the_work_and_is_in_one_queue(groups: int, tmp_path: Path) -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 40, fifo=True, groups=groups)
    journal = Full(tmp_path / "run.journal", Queue("q-dlq", "dead", "dead.fifo", dead.url), Request("q-dlq"))
    with pytest.raises(OpsError, match="the disk is full"):
        await move(sqs, dead, source, journal=journal)
    assert len(dead) + len(source) == 40, "only what SQS confirmed is deleted"
