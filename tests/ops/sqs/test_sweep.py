"""What a sweep promises: every message once, hidden while it is worked on, and back where it was."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import msgspec
import pytest

from ops.errors import OpsError
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message
from ops.sqs.sweep import Sweep
from ops.sqs.transport import Unanswered
from tests.aws.queues import FakeQueue, FakeSqs
from tests.ops.redrive.moving import Racy


def fill(queue: FakeQueue, count: int, groups: int = 3) -> None:
    for number in range(count):
        group = f"group-{number % groups}" if queue.fifo else None
        queue.put(Entry(str(number), str(number), {}, {}, group, f"id-{number}" if group else None))


async def test_every_message_is_visited_once_and_put_back() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 95)
    seen: Counter[str] = Counter()

    async def visit(batch: list[Message]) -> None:
        seen.update(message.body for message in batch)

    sweep = Sweep(Sqs(sqs), queue.url)
    await sweep.run(visit)
    assert (len(seen), set(seen.values())) == (95, {1})
    assert (queue.in_flight, len(queue)) == (0, 95)


@pytest.mark.parametrize("name", ["queue", "queue.fifo"])
async def test_messages_stay_hidden_however_long_the_work_takes(name: str) -> None:
    sqs = FakeSqs()
    queue = sqs.create(name)
    fill(queue, 5, groups=1)
    visits = 0

    async def visit(batch: list[Message]) -> None:
        nonlocal visits
        visits += 1
        for _ in range(20):
            await asyncio.sleep(60)
            assert queue.take(10, 0) == []

    sweep = Sweep(Sqs(sqs), queue.url, workers=2)
    await sweep.run(visit)
    assert visits == 1


async def test_messages_stay_hidden_however_many_they_are_and_however_slow_sqs_is() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 400)

    async def slow(action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "ChangeMessageVisibilityBatch":
            await asyncio.sleep(2)
        return await sqs(action, payload)

    visits: Counter[str] = Counter()
    lapsed: set[str] = set()

    async def visit(batch: list[Message]) -> None:
        visits.update(message.message_id for message in batch)
        for _ in range(20):
            await asyncio.sleep(20)
            lapsed.update(sweep.lapsed([message.message_id for message in batch]))

    sweep = Sweep(Sqs(slow), queue.url, workers=40)
    await sweep.run(visit)
    assert (len(visits), set(visits.values()), lapsed) == (400, {1}, set())


async def test_messages_stay_hidden_though_the_credentials_were_away_for_a_moment() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 5)
    away = [True]

    async def signed(action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "ChangeMessageVisibilityBatch" and away:
            away.pop()
            raise OpsError("There are no AWS credentials.")
        return await sqs(action, payload)

    async def visit(batch: list[Message]) -> None:
        for _ in range(20):
            await asyncio.sleep(60)
            assert not sweep.lapsed([message.message_id for message in batch])

    sweep = Sweep(Sqs(signed), queue.url, workers=1)
    await sweep.run(visit)
    assert not away


async def test_what_is_put_back_comes_in_the_order_it_had() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue.fifo")
    fill(queue, 8, groups=1)

    async def visit(batch: list[Message]) -> None:
        assert [message.body for message in batch] == list("01234567")

    for _ in range(2):
        await Sweep(Sqs(sqs), queue.url, workers=4).run(visit)
    assert [message.body for message in queue.take(10, 30)] == list("01234567")


async def test_no_more_is_held_than_sqs_lets_be_in_flight() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 500)

    async def visit(batch: list[Message]) -> None:
        assert queue.in_flight <= 130

    sweep = Sweep(Sqs(sqs), queue.url, workers=4, most_held=100)
    await sweep.run(visit)
    assert sweep.stopped is not None
    assert "100 messages are held" in sweep.stopped
    assert queue.in_flight == 0


async def test_when_the_work_fails_everything_is_put_back_and_the_error_comes_out() -> None:
    sqs = FakeSqs(latency=0.005)
    queue = sqs.create("queue")
    fill(queue, 200)

    async def visit(batch: list[Message]) -> None:
        await asyncio.sleep(0.01)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Sweep(Sqs(sqs), queue.url, workers=16).run(visit)
    assert (queue.in_flight, len(queue)) == (0, 200)


async def test_a_message_that_an_earlier_pass_sent_is_deleted_and_not_visited() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue.fifo")
    ids = [queue.put(Entry(str(n), str(n), {}, {}, "group", f"id-{n}")) for n in range(3)]
    seen: list[str] = []

    async def visit(batch: list[Message]) -> None:
        seen.extend(message.body for message in batch)

    sweep = Sweep(Sqs(sqs), queue.url, gone=ids[:1])
    await sweep.run(visit)
    assert (seen, queue.bodies(), sweep.undeleted) == (["1", "2"], ["1", "2"], 0)


@pytest.mark.parametrize("kind", [FakeQueue, Racy], ids=["locks", "does not lock"])
async def test_a_look_at_a_fifo_queue_ends_and_leaves_nothing_hidden_even_where_groups_are_not_locked(
    kind: type[FakeQueue],
) -> None:
    sqs = FakeSqs(latency=0.01)
    queue = kind("http://sqs/0/dead.fifo")
    sqs.queues[queue.url] = queue
    for number in range(60):
        queue.put(Entry("a", str(number), {}, {}, "group", str(number)))
    seen: list[str] = []

    async def visit(batch: list[Message]) -> None:
        seen.extend(message.body for message in batch)

    await asyncio.wait_for(Sweep(Sqs(sqs), queue.url, workers=32).run(visit), 30)
    assert seen == [str(number) for number in range(10)]
    assert queue.in_flight == 0


@pytest.mark.parametrize("there", [True, False])
async def test_what_was_sent_is_settled_though_its_fifo_group_stays_locked_behind_what_is_kept(there: bool) -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue.fifo")
    fill(queue, 30, groups=1)
    (first, *_, sent) = queue.take(4, 0)
    settled: set[str] = set()
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        visited.extend(message.body for message in batch)

    gone = {sent.id if there else "deleted-before-anybody-wrote-it-down"}
    sweep = Sweep(Sqs(sqs), queue.url, gone=gone, settled=settled.update)
    await sweep.run(visit)
    assert (settled, sweep.undeleted) == (gone, 0)
    assert (len(queue), queue.in_flight) == (29 if there else 30, 0)
    assert visited == [str(number) for number in range(10) if not (there and number == 3)], (
        "nothing is shown out of turn"
    )
    assert queue.take(1, 0) == [first]


async def test_a_deletion_by_an_outdated_receipt_is_repeated_at_once() -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 1)
    deletions: list[bytes] = []

    async def late(action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "DeleteMessageBatch":
            deletions.append(payload)
            if len(deletions) == 1:
                queue.show_all()  # as a standard queue may: another worker of the sweep receives it once more
                await asyncio.sleep(2)
            if len(deletions) == 2:
                failed = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
                return 200, json.dumps({"Successful": [], "Failed": [failed]}).encode()
        return await sqs(action, payload)

    async def visit(batch: list[Message]) -> None:
        await sweep.delete([message.message_id for message in batch])

    sweep = Sweep(Sqs(late), queue.url, workers=2)
    begun = asyncio.get_running_loop().time()
    await sweep.run(visit)
    assert (len(queue), sweep.undeleted) == (0, 0)
    assert asyncio.get_running_loop().time() - begun < 30, "not only once it is visible again"


@pytest.mark.parametrize("refused", [False, True], ids=["somebody holds one", "SQS refuses to delete one"])
async def test_a_sweep_ends_though_answers_are_lost_again_and_again(refused: bool) -> None:
    sqs = FakeSqs()
    queue = sqs.create("queue")
    fill(queue, 20)
    if not refused:
        queue.take(1, 1_000_000)
    receives = 0

    async def lossy(action: str, payload: bytes) -> tuple[int, bytes]:
        nonlocal receives
        if action == "ReceiveMessage":
            receives += 1
            if receives % 7 == 0:
                await sqs(action, payload)
                raise Unanswered("its answer was lost")
        if refused and action == "DeleteMessageBatch" and b'"Id":"0"' in payload:
            failed = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
            rest = msgspec.json.decode(payload)
            rest["Entries"] = rest["Entries"][1:]
            if not rest["Entries"]:
                return 200, json.dumps({"Successful": [], "Failed": [failed]}).encode()
            status, body = await sqs(action, msgspec.json.encode(rest))
            return status, msgspec.json.encode(msgspec.json.decode(body) | {"Failed": [failed]})
        return await sqs(action, payload)

    async def visit(batch: list[Message]) -> None:
        await sweep.delete([message.message_id for message in batch])

    sweep = Sweep(Sqs(lossy), queue.url, workers=8, visibility=10)
    begun = asyncio.get_running_loop().time()
    await sweep.run(visit)
    assert (len(queue), sweep.undeleted) == (1, int(refused))
    assert asyncio.get_running_loop().time() - begun < 3 * 10
