"""What goes on beside a redrive does not end by itself, and holds no more than it may."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops.dead_letters import imported
from ops.redrive import mover as movers
from ops.redrive.pace import Adaptive
from ops.sqs.client import Refused, Sqs
from ops.sqs.message import Entry
from ops.sqs.sweep import Sweep
from ops.stage import Stage
from tests.aws.queues import FakeSqs
from tests.ops import virtual_time
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.redrive.moving import fill


async def nobody() -> None:
    """Looks at nothing."""


def test_a_pace_whose_first_count_fails_watches_all_the_same() -> None:
    fake = FakeSqs()
    dead, work = fill(fake, 1_000, fifo=False)
    work.record = False
    failing = [True]

    async def at_first_refused(action: str, payload: bytes) -> tuple[int, bytes]:
        if failing and failing.pop():
            return 403, b'{"__type": "AccessDenied", "message": "not yet"}'
        return await fake(action, payload)

    async def watched() -> float | None:
        pace = Adaptive(Sqs(at_first_refused), dead.url)
        sent = [0]
        watch = asyncio.create_task(pace.watch(lambda: sent[0], lambda: [work.url], nobody))
        for _ in range(60):
            await asyncio.sleep(0.5)
            for _ in range(50):
                sent[0] += 1
                work.put(Entry(str(sent[0]), "body"))
        assert not watch.done()
        watch.cancel()
        return pace.rate

    assert virtual_time.run(watched()) is None  # nobody receives, so there is no limit


async def test_a_look_back_holds_no_more_bytes_than_a_process_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSqs()
    dead, _ = fill(fake, 500, fifo=False)
    monkeypatch.setattr(movers, "MOST_BYTES_LOOKED_AT", 1_000)
    sqs = Sqs(fake)
    sweep = Sweep(sqs, dead.url)
    mover = movers.Mover(sweep, lambda _: None, run="run", act=True)
    for _ in range(2):  # the next look takes nothing on top
        await mover.look_back()
    assert 100 < sweep.held < 300


def test_holds_are_extended_many_at_a_time() -> None:
    fake = FakeSqs()
    dead, _ = fill(fake, 2_000, fifo=False)

    async def distant(action: str, payload: bytes) -> tuple[int, bytes]:
        await asyncio.sleep(0.2)
        return await fake(action, payload)

    async def extended() -> bool:
        sweep = Sweep(Sqs(distant), dead.url, visibility=20)
        extend = asyncio.create_task(sweep._extend())
        while sweep.held < 800:
            await asyncio.gather(*(sweep.look_ahead() for _ in range(8)))
        await asyncio.sleep(30)
        extend.cancel()
        return not sweep.lapsed(list(sweep._holds))

    assert virtual_time.run(extended())


def test_a_fifo_import_that_goes_on_after_five_minutes_says_what_may_be_there_twice(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    lines = [{"message_id": f"m{n}", "body": f"b{n}", "system": {"MessageGroupId": f"g{n}"}} for n in range(30)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    serve, left = aws.sqs.__class__.__call__, [1]

    async def away(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        left[0] -= action == "SendMessageBatch"
        if left[0] < 0:
            return 403, b'{"__type": "AccessDenied", "message": "no"}'
        return await serve(self, action, payload)

    with monkeypatch.context() as outage:
        outage.setattr(aws.sqs.__class__, "__call__", away)
        assert ops("import", "change_ticket-dlq", str(file), "--yes").exit_code == 5
    (journal,) = imported.unfinished(stage)
    for each in journal.path.parent.glob(f"{journal.run}.*"):
        os.utime(each, (0, 0))
    assert answer("resume", journal.run)["maybe_twice"] == 10
    assert len(queue(aws, "change_ticket-dlq").arrived) == 30


def test_what_a_proxy_finds_too_large_together_is_sent_one_by_one() -> None:
    fake = FakeSqs()
    work = fake.create("work")

    async def narrow(action: str, payload: bytes) -> tuple[int, bytes]:
        return (413, b"<html>") if len(payload) > 700 else await fake(action, payload)

    async def sent() -> dict[str, str | None]:
        entries = [Entry(str(n), "x" * 300) for n in range(4)]
        return await Sqs(narrow).send(work.url, [*entries, Entry("large", "x" * 900)])

    told = virtual_time.run(sent())
    assert {id_ for id_, refusal in told.items() if refusal is None} == {"0", "1", "2", "3"}
    assert "413" in (told["large"] or "")


def test_whoever_may_not_send_at_all_is_refused_at_once() -> None:
    async def closed(action: str, payload: bytes) -> tuple[int, bytes]:
        return 403, b'{"__type": "AccessDenied", "message": "no"}'

    with pytest.raises(Refused):
        virtual_time.run(Sqs(closed).send("http://sqs/1/work", [Entry("1", "b")]))
