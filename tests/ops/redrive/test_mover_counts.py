"""What becomes of each message is counted as what it is, whatever keeps it, and what is sent goes in as few calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from functions.contracts.envelope import REDRIVEN
from ops.dead_letters.selection import Meant
from ops.redrive.delivery import Delivery
from ops.redrive.mover import LIMIT, Mover
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeQueue, FakeSqs


class Told(FakeSqs):
    """A fake SQS that remembers what it was asked to send, and refuses what is in `refused`, by body."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.sends: list[list[str]] = []
        self._refused = refused

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        if action != "SendMessageBatch":
            return await super().__call__(action, payload)
        asked = msgspec.json.decode(payload)
        self.sends.append([entry["MessageBody"] for entry in asked["Entries"]])
        wrong = [entry for entry in asked["Entries"] if entry["MessageBody"] in self._refused]
        asked["Entries"] = [entry for entry in asked["Entries"] if entry not in wrong]
        done = await super().__call__(action, msgspec.json.encode(asked)) if asked["Entries"] else (200, b"{}")
        failed = [{"Id": entry["Id"], "Code": "Odd", "SenderFault": True, "Message": "no"} for entry in wrong]
        return done[0], msgspec.json.encode(msgspec.json.decode(done[1]) | {"Failed": failed})


def group_of(body: str) -> str:
    return body.partition(" ")[0]


def put(queue: FakeQueue, *bodies: str) -> None:
    for number, body in enumerate(bodies):
        fifo = (group_of(body), f"{body} {number}") if queue.fifo else ()
        queue.put(Entry(str(number), body, {}, {}, *fifo))


async def moved(
    sqs: FakeSqs, dead: FakeQueue, work: FakeQueue, prepare: Callable[[Delivery], Any] = lambda it: it, **options: Any
) -> tuple[Mover, Sweep]:
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=1)
    to = QueueDestination(client, work.url)

    def prepared(message: Message) -> Any:
        return prepare(Delivery(to, message.body, message.message_attributes, message.group))

    mover = Mover(sweep, prepared, **{"run": "run", "act": True, **options})
    await sweep.run(mover.visit)
    return mover, sweep


@pytest.mark.parametrize("at", range(5))
async def test_what_sqs_refuses_of_a_group_keeps_those_after_it_and_each_is_counted(at: int) -> None:
    sqs = Told(f"a {at}")
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    put(dead, *(f"a {number}" for number in range(5)), "b 0")
    mover, _ = await moved(sqs, dead, work)
    assert sorted(work.arrived) == [*(f"a {number}" for number in range(at)), "b 0"]
    assert mover.tally.refused == {"no (Odd)": 1}
    assert (mover.tally.moved, mover.tally.group_blocked, mover.tally.matched) == (at + 1, 4 - at, 6)
    assert (mover.tally.seen, mover.tally.kept, mover.tally.lapsed) == (6, 5 - at, 0)


async def test_what_sqs_refuses_of_a_queue_without_order_keeps_nobody_else() -> None:
    sqs = Told("a 1", "a 3")
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *(f"a {number}" for number in range(5)))
    mover, _ = await moved(sqs, dead, work)
    assert (work.arrived, sqs.sends) == (["a 0", "a 2", "a 4"], [[f"a {number}" for number in range(5)]])
    assert (mover.tally.refused, mover.tally.group_blocked, mover.tally.lapsed) == ({"no (Odd)": 2}, 0, 0)
    assert (mover.tally.to, mover.urls) == ({"work": 3}, {work.url})


@pytest.mark.parametrize(
    ("bodies", "sends"),
    [
        ([f"{letter} 0" for letter in "abcdefghij"], [10]),
        ([f"{letter} 0" for letter in "abcdefghi"], [9]),
        ([f"a {number}" for number in range(10)], [1] * 10),
        ([f"{letter} {number}" for number in range(5) for letter in "ab"], [2] * 5),
    ],
    ids=["as many groups", "a batch that is not full", "one group", "two groups"],
)
async def test_only_messages_of_different_groups_are_in_one_batch(bodies: list[str], sends: list[int]) -> None:
    sqs = Told()
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    put(dead, *bodies)
    await moved(sqs, dead, work)
    assert [len(each) for each in sqs.sends] == sends
    assert all(len(set(map(group_of, each))) == len(each) for each in sqs.sends)


async def test_messages_of_several_groups_that_go_to_one_are_sent_one_after_the_other() -> None:
    sqs = Told()
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    put(dead, *(f"{letter} 0" for letter in "abcdefghij"))
    await moved(sqs, dead, work, lambda it: Delivery(it.to, it.body, it.attributes, "one"))
    assert len(work) == 10
    assert {message.group for message in work.take(10, 30)} == {"one"}


@pytest.mark.parametrize("act", [True, False])
async def test_a_dry_run_counts_what_would_be_done(act: bool) -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *"abcde")

    def prepare(it: Delivery) -> Any:
        return {"a": "it is poison", "b": None}.get(it.body, it)

    mover, _ = await moved(sqs, dead, work, prepare, act=act)
    tally = mover.tally
    assert (tally.seen, tally.matched, tally.left, tally.refused) == (5, 4, 1, {"it is poison": 1})
    assert (tally.to, tally.moved, len(dead), len(work)) == ({"work": 3}, *((3, 2, 3) if act else (0, 5, 0)))


async def test_what_the_edit_leaves_counts_for_no_limit_and_blocks_its_group() -> None:
    sqs = Told()
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    put(dead, "a 0", "a 1", "b 0", "c 0", "d 0")
    mover, sweep = await moved(sqs, dead, work, lambda it: None if it.body == "a 0" else it, limit=2)
    assert (work.arrived, sweep.stopped) == (["b 0", "c 0"], LIMIT)
    assert (mover.tally.left, mover.tally.group_blocked, mover.tally.matched) == (1, 1, 2)


@pytest.mark.parametrize("keep_order", [True, False])
async def test_what_is_not_meant_blocks_its_group_where_order_is_kept(keep_order: bool) -> None:
    sqs = Told()
    dead, work = sqs.create("dead.fifo"), sqs.create("work.fifo")
    put(dead, "a 0", "a 1", "b 0")

    async def choose(batch: list[Message]) -> list[Meant | None]:
        return [Meant("odd") if message.body != "a 0" else None for message in batch]

    mover, _ = await moved(sqs, dead, work, choose=choose, keep_order=keep_order)
    assert sorted(work.arrived) == (["b 0"] if keep_order else ["a 1", "b 0"])
    assert (mover.tally.group_blocked, mover.tally.causes) == ((1, {"odd": 1}) if keep_order else (0, {"odd": 2}))


async def test_on_a_queue_without_order_nothing_blocks() -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *"abc")
    mover, _ = await moved(sqs, dead, work, lambda it: "poison" if it.body == "a" else it)
    assert (work.arrived, mover.tally.group_blocked) == (["b", "c"], 0)


async def test_failures_at_first_and_in_the_end_are_counted_below_the_cause() -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *"abcd")
    told = {
        "a": Meant("x", "first", None),
        "b": Meant("x", "first", "last"),
        "c": Meant("y", None, "last"),
        "d": Meant(""),
    }

    async def choose(batch: list[Message]) -> list[Meant | None]:
        return [told[message.body] for message in batch]

    mover, _ = await moved(sqs, dead, work, choose=choose)
    assert mover.tally.causes == {"x": 2, "y": 1}
    assert mover.tally.first == {"x": {"first": 2}}
    assert mover.tally.last == {"x": {"last": 1}, "y": {"last": 1}}


async def test_what_an_earlier_run_sent_is_seen_and_not_counted_as_meant_where_nothing_is_moved() -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    sent = dead.put(Entry("0", "sent before"))
    put(dead, "new")
    mover, _ = await moved(sqs, dead, work, act=False, sent_before={sent})
    assert (mover.tally.seen, mover.tally.matched) == (2, 1)


@pytest.mark.parametrize("gone", [(), ("sent and not seen since",)])
async def test_what_was_sent_before_is_looked_for_though_the_limit_is_reached(gone: tuple[str, ...]) -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, *map(str, range(30)))
    client = Sqs(sqs)
    sweep = Sweep(client, dead.url, workers=1, visibility=2, gone=gone)
    to = QueueDestination(client, work.url)
    mover = Mover(sweep, lambda each: Delivery(to, each.body, {}), run="run", act=True, limit=3)
    await sweep.run(mover.visit)
    assert (len(work), sweep.stopped) == (3, None if gone else LIMIT)
    assert mover.tally.seen == (30 if gone else 10)


@pytest.mark.parametrize("room", [39, 38])
async def test_the_stamp_goes_where_the_destination_has_room_for_it(room: int) -> None:
    sqs = Told()
    dead, work = sqs.create("dead"), sqs.create("work")
    put(dead, "x" * 20)
    work.most_bytes = room
    assert len(REDRIVEN) + len("String") + len("1 run") + 20 == 39
    mover, _ = await moved(sqs, dead, work)
    (there,) = work.take(10, 30)
    assert (mover.tally.moved, REDRIVEN in there.attributes) == (1, room == 39)
