"""What a FIFO queue that does not lock its groups hands out too early is shown again, the latest first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message
from ops.sqs.sweep import Sweep
from tests.ops.redrive.moving import Racy
from tests.ops.sqs.test_sweep_edges import Asked, now


def racy(sqs: Asked, count: int) -> tuple[Racy, list[str]]:
    queue = Racy("http://sqs/0/dead.fifo")
    sqs.queues[queue.url] = queue
    return queue, [queue.put(Entry("a", str(number), {}, {}, "group", str(number))) for number in range(count)]


def shown(sqs: Asked) -> list[list[str]]:
    """The ids of what was shown, a list for each call."""
    asked = [told["Entries"] for name, _, told in sqs.asked if name == "ChangeMessageVisibilityBatch"]
    return [
        [entry["ReceiptHandle"].partition("#")[0] for entry in each]
        for each in asked
        if not each[0]["VisibilityTimeout"]
    ]


async def test_what_comes_too_early_is_shown_at_once_and_visited_when_its_group_is_free() -> None:
    sqs = Asked()
    queue, ids = racy(sqs, 25)
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        begun = now()
        if not visited:
            early.append(len(shown(sqs)))
            await asyncio.sleep(1)
            early.append(len(shown(sqs)))
        visited.extend(message.body for message in batch)
        assert now() - begun < 2
        await sweep.delete([message.message_id for message in batch])

    early: list[int] = []
    sweep = Sweep(Sqs(sqs), queue.url, workers=2)
    await sweep.run(visit)
    assert visited == [str(number) for number in range(25)]
    assert early[1] > 0
    assert shown(sqs)[0] == ids[10:20][::-1]
    assert (len(queue), sweep.held, sweep.undeleted, sweep._groups) == (0, 0, 0, {})


@pytest.mark.parametrize("refused", [True, False])
async def test_what_cannot_be_shown_is_waited_for(refused: bool) -> None:
    def refuse(action: str, asked: dict[str, Any]) -> tuple[int, bytes] | None:
        if refused and action == "ChangeMessageVisibilityBatch" and not asked["Entries"][0]["VisibilityTimeout"]:
            return 403, b'{"__type": "AccessDenied"}'
        return None

    sqs = Asked(refuse)
    queue, _ = racy(sqs, 20)
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        await asyncio.sleep(0.5)
        visited.extend(message.body for message in batch)
        await sweep.delete([message.message_id for message in batch])

    sweep = Sweep(Sqs(sqs), queue.url, workers=2, visibility=20)
    await sweep.run(visit)
    assert (visited, len(queue)) == ([str(number) for number in range(20)], 0)
    assert (now() > 19) is refused


async def test_what_was_sent_may_be_overtaken_and_what_is_kept_may_not() -> None:
    sqs = Asked()
    queue, ids = racy(sqs, 12)
    sweep = Sweep(Sqs(sqs), queue.url, workers=1, visibility=20)
    first = await sweep.look_ahead()
    assert [message.message_id for message in first] == ids[:10]
    assert await sweep.look_ahead() == [], "its group is out"
    sweep.sent(ids[:9])
    assert await sweep.look_ahead() == [], "and stays out as long as one is kept"
    sweep.sent(ids[9:10])
    assert [message.message_id for message in await sweep.look_ahead()] == ids[10:]
    sweep.let_go(ids[10:11])
    assert await sweep.look_ahead() == []
    sweep.let_go(ids[11:])
    assert sweep._groups == {}
