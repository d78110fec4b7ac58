"""What was just sent may come straight back: a redrive waits for it until nobody works on it, or for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ops.dead_letters.start import START
from ops.redrive.delivery import Delivery
from ops.redrive.linger import FEW, LINGER, STEP, Linger
from ops.redrive.mover import CAME_BACK, LIMIT, Mover
from ops.redrive.routing import QueueDestination
from ops.sqs import sweep as sweeps
from ops.sqs.client import Sqs
from ops.sqs.connection import INTERRUPTED
from ops.sqs.message import Entry
from ops.sqs.sweep import Sweep
from ops.sqs.transport import Unanswered
from tests.aws.bare import FakeSqs


@pytest.fixture(autouse=True)
def an_empty_queue_is_empty_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "WAIT", 0)


async def waited(
    at_work: list[bool | None],
    *,
    sent: int = 1,
    back: int = 0,
    rest: int = 0,
    stopped: str | None = None,
    fails: Callable[[], tuple[int, bytes]] | None = None,
) -> tuple[float, Mover]:
    """Seconds for which it waits while somebody is at work at these looks, and nobody afterwards; None may not ask.

    `stopped` is why the sweep ended, `fails` what is answered to who asks about the dead-letter queue from then on.
    """
    sqs, looks = FakeSqs(), iter(at_work)
    dead, work = sqs.create("dead"), sqs.create("work")

    async def asked(action: str, payload: bytes) -> tuple[int, bytes]:
        if fails is not None and lingers and action == "GetQueueAttributes" and b"/dead" in payload:
            return fails()
        if action == "GetQueueAttributes" and b"/work" in payload and b"NotVisible" in payload:
            busy = next(looks, False)
            if busy is None:
                return 403, b'{"__type": "AccessDenied", "message": "not you"}'
            return 200, b'{"Attributes": {"ApproximateNumberOfMessagesNotVisible": "%d"}}' % busy
        return await sqs(action, payload)

    for number in range(sent):
        dead.put(Entry(str(number), "body"))
    client = Sqs(asked)
    sweep = Sweep(client, dead.url, workers=1)
    to = QueueDestination(client, work.url)
    mover = Mover(sweep, lambda message: Delivery(to, message.body, message.message_attributes), run="run", act=True)
    took, lingers = [0.0], list[bool]()

    async def last() -> None:
        sweep.stopped = stopped
        mover.urls.add("arn:aws:lambda:eu-west-1:123456789012:function:work")
        lingers.append(True)
        for message in work.take(back, 30):
            dead.put(Entry(message.id, message.body, message.attributes))
        for number in range(rest):
            dead.put(Entry(str(number), "another"))
        now = asyncio.get_running_loop().time
        begun = now()
        await Linger(client, dead.url, sweep, mover)()
        took[0] = now() - begun

    sweep.last = last
    await sweep.run(mover.visit)
    return took[0], mover


@pytest.mark.parametrize(
    ("at_work", "seconds"),
    [
        ([], STEP),
        ([True, True], 3 * STEP),
        ([False, True], 3 * STEP),
        ([True, False, True], 4 * STEP),
        ([True] * 100, LINGER),
        ([None] * 100, LINGER),
    ],
    ids=["nobody", "for a while", "again", "now and then", "all the time", "who may not ask"],
)
async def test_it_waits_until_nobody_was_at_work_twice_in_a_row(at_work: list[bool | None], seconds: float) -> None:
    assert (await waited(at_work))[0] == pytest.approx(seconds, abs=0.5)


async def test_it_ends_at_once_when_most_came_back_and_where_nothing_was_sent() -> None:
    seconds, mover = await waited([True] * 100, sent=3, back=2)
    assert (seconds < 2 * STEP, mover.tally.came_back) == (True, 2)
    assert (await waited([True] * 100, sent=3, back=1))[1].tally.came_back == 1
    assert (await waited([True] * 100, sent=0))[0] == 0


@pytest.mark.parametrize("stopped", [None, LIMIT, START, CAME_BACK, INTERRUPTED])
async def test_it_waits_where_what_was_meant_is_done_and_not_where_it_was_given_up(stopped: str | None) -> None:
    done = stopped in (None, LIMIT, START)
    assert (await waited([], stopped=stopped))[0] == (pytest.approx(STEP, abs=0.5) if done else 0)


def silent() -> tuple[int, bytes]:
    raise Unanswered("nothing came")


@pytest.mark.parametrize("fails", [silent, lambda: (403, b'{"__type": "AccessDenied", "message": "not you"}')])
async def test_where_nobody_can_say_what_came_back_the_redrive_is_done_all_the_same(
    fails: Callable[[], tuple[int, bytes]],
) -> None:
    _, mover = await waited([True] * 100, back=1, fails=fails)
    assert (mover.tally.moved, mover.tally.came_back) == (1, 0)


@pytest.mark.parametrize(("rest", "looks"), [(FEW - 1, True), (FEW, False)])
async def test_a_queue_with_many_others_is_not_looked_through(rest: int, looks: bool) -> None:
    _, mover = await waited([True], back=1, rest=rest)
    assert (mover.tally.came_back == 1) is looks
