"""How fast messages are redriven."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

import ops.redrive.pace
from ops.redrive.pace import BURST, SLOWEST, START, Adaptive, Look, Pace
from ops.sqs.client import Sqs
from ops.sqs.message import Entry
from ops.sqs.sweep import HIDDEN, WAITING
from tests.aws.queues import FakeQueue, FakeSqs
from tests.ops.redrive.moving import fill, move


async def test_a_rate_is_kept_over_many_workers() -> None:
    pace = Pace(100)

    async def worker() -> None:
        for _ in range(10):
            await pace.take(10)
            pace.went(10)

    await asyncio.gather(*(worker() for _ in range(5)))
    assert 4.8 <= asyncio.get_running_loop().time() <= 5.0


@pytest.mark.parametrize("stalls", ["the process", "SQS"])
async def test_after_a_stall_the_rate_is_not_made_up_for(stalls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    began, until, sent = loop.time(), loop.time() + 30, list[float]()
    sqs = FakeSqs(latency=0.02)
    dead, source = fill(sqs, 600, fifo=False)

    async def stalling(action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "SendMessageBatch":
            if stalls == "SQS" and loop.time() > began + 2:
                await asyncio.sleep(max(until - loop.time(), 0))
            sent.extend([loop.time()] * len(msgspec.json.decode(payload)["Entries"]))
        return await sqs(action, payload)

    if stalls == "the process":
        sleep = asyncio.sleep

        async def late(seconds: float) -> None:
            woken = loop.time() + seconds
            await sleep(max(seconds, until - loop.time()) if began + 2 < woken < until else seconds)

        monkeypatch.setattr(ops.redrive.pace, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": late}))
    await move(stalling, dead, source, pace=Pace(20))
    assert len(sent) == 600
    burst = max(sum(at <= each < at + 1 for each in sent) for at in sent)
    assert burst <= 20 + 2 * 10, "two batches more than the rate of 20"
    assert 28 + (600 - 80) / 20 <= sent[-1] - began <= 30 + 600 / 20 + 2


def adaptive() -> Adaptive:
    return Adaptive(Sqs(FakeSqs()), "http://sqs/000000000000/dead")


@pytest.mark.parametrize(
    ("look", "rate"),
    [
        (Look(5, 2_500, growth=0, depth=0, in_flight=50), START * 1.5),
        (Look(5, 2_500, growth=2_000, depth=2_000, in_flight=50), START / 2),
        (Look(5, 2_500, growth=1_500, depth=2_000, in_flight=0), START / 2),
        (Look(5, 2_500, growth=2_500, depth=2_500, in_flight=0), None),
        (Look(5, 300, growth=300, depth=300, in_flight=50), START * 1.5),
        (Look(5, 2_500, growth=0, depth=0, in_flight=0, fresh=False), START),
        (Look(5, 2_500, growth=0, depth=0, in_flight=50, returned=300), START / 2),
        (Look(5, 2_500, growth=0, depth=0, in_flight=50, throttled=1), START / 2),
        (Look(5, 2_500, growth=2_500, depth=2_500, in_flight=0, throttled=1), START / 2),
        (Look(5, 500, growth=400, depth=2_000, in_flight=50), 50),
        (Look(5, 2_500, growth=None, depth=9_000, in_flight=0), START * 1.5),
        (Look(5, 0, growth=0, depth=9_000, in_flight=0), START),
    ],
    ids=[
        "keeps up",
        "lags",
        "some is received though none is in flight",
        "nobody receives",
        "less than a second's worth waits",
        "the counts say nothing yet",
        "dead letters come back",
        "throttled",
        "throttled, and nobody receives",
        "half of what was reached, not of what was allowed",
        "where it goes nobody counts",
        "nothing was sent",
    ],
)
def test_one_look_sets_the_rate(look: Look, rate: float | None) -> None:
    pace = adaptive()
    pace.judge(look)
    assert pace.rate == rate


def test_the_rate_never_falls_to_nothing() -> None:
    pace = adaptive()
    for _ in range(50):
        pace.judge(Look(5, 100, growth=1_000, depth=100_000, in_flight=10, returned=100))
    assert pace.rate == SLOWEST


class Lagging:
    """A fake SQS whose counts are so many seconds old."""

    def __init__(self, lag: float) -> None:
        self.sqs = FakeSqs()
        self._lag = lag
        self._told: dict[bytes, list[tuple[float, tuple[int, bytes]]]] = {}

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        answer = await self.sqs(action, payload)
        if action != "GetQueueAttributes":
            return answer
        now = asyncio.get_running_loop().time()
        told = self._told.setdefault(payload, [])
        told.append((now, answer))
        return [each for moment, each in told if moment <= max(now - self._lag, told[0][0])][-1]


class Counted(FakeQueue):
    """A queue that is nothing but its counts."""

    waiting = 0
    flying = 0

    def __len__(self) -> int:
        return self.waiting + self.flying

    @property
    def in_flight(self) -> int:
        return self.flying


class Redrive:
    """Thirty-two workers that each send ten messages in ten milliseconds, and a consumer of so many a second.

    SQS takes `most` a second, and throttles what is more.
    """

    def __init__(self, *, lag: float = 0, consumes: int = 0, most: float = 1_000_000) -> None:
        self.transport = Lagging(lag)
        self.dead, self.source = Counted("http://sqs/0/dead"), Counted("http://sqs/0/source")
        self.transport.sqs.queues = {queue.url: queue for queue in (self.dead, self.source)}
        self.sqs = Sqs(self.transport)
        self.pace = Adaptive(self.sqs, self.dead.url)
        self.sent = 0
        self.consumed = 0
        self._consumes = consumes
        self._most = most

    async def run(self, count: int, seconds: float) -> float:
        """Sends so many messages, or as many as it can in that time; the seconds that it took."""
        self.dead.waiting = count
        await self.sqs.attributes(self.source.url, (WAITING, HIDDEN))  # what a lagging count begins with
        now = asyncio.get_running_loop().time
        start = now()
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._consume())]
        workers = [asyncio.create_task(self._work()) for _ in range(32)]
        await asyncio.wait(workers, timeout=seconds)
        took = now() - start
        for task in (*workers, *beside):
            task.cancel()
        await asyncio.gather(*workers, *beside, return_exceptions=True)
        return took

    async def _watch(self) -> None:
        async def look() -> None:
            pass

        await self.pace.watch(lambda: self.sent, lambda: [self.source.url] if self.sent else [], look)

    async def _work(self) -> None:
        now = asyncio.get_running_loop().time
        start = now()
        while self.dead.waiting and await self.pace.take(10):
            while self.sent > BURST + (now() - start) * self._most:
                self.sqs.throttled += 1
                await asyncio.sleep(0.1)
            if not self.dead.waiting:
                return
            self.dead.waiting -= 10
            self.source.waiting += 10
            self.sent += 10
            await asyncio.sleep(0.01)
            self.pace.went(10)

    async def _consume(self) -> None:
        """Holds each message for a tenth of a second."""
        while self._consumes:
            taken = min(self._consumes // 10, self.source.waiting)
            self.source.waiting -= taken
            self.source.flying += taken
            await asyncio.sleep(0.1)
            self.source.flying -= taken
            self.consumed += taken


async def test_where_nobody_receives_ten_thousand_messages_are_not_slowed() -> None:
    redrive = Redrive()
    assert await redrive.run(10_000, 60) < 3
    assert redrive.sent == 10_000


async def test_a_slow_consumer_is_never_far_behind_and_never_idle() -> None:
    redrive = Redrive(consumes=100)
    await redrive.run(30_000, 60)
    assert len(redrive.source) < BURST + 3 * START
    assert redrive.consumed >= 100 * 60 * 0.9


async def test_a_fast_consumer_is_sent_more_and_more() -> None:
    redrive = Redrive(consumes=5_000)
    assert await redrive.run(30_000, 60) < 25
    assert redrive.sent == 30_000


async def test_counts_that_lag_a_minute_speed_nothing_up_and_slow_nothing_down_meanwhile() -> None:
    redrive = Redrive(lag=60, consumes=100)
    await redrive.run(60_000, 59)
    assert redrive.pace.rate == START
    assert redrive.sent == pytest.approx(BURST + 59 * START, rel=0.05)


async def test_a_slow_consumer_is_noticed_when_its_lagging_counts_come() -> None:
    redrive = Redrive(lag=60, consumes=100)
    await redrive.run(200_000, 120)
    assert redrive.pace.rate is not None
    assert redrive.pace.rate < 100
    assert redrive.sent < BURST + 75 * START


async def test_where_nobody_receives_lagging_counts_say_so_in_the_end() -> None:
    redrive = Redrive(lag=60)
    assert 50 < await redrive.run(60_000, 120) < 75
    assert redrive.sent == 60_000


async def test_a_rate_that_sqs_throttles_is_lowered_even_where_nobody_receives() -> None:
    redrive = Redrive(most=2_000)
    await redrive.run(200_000, 30)
    assert redrive.pace.rate is not None
    assert redrive.pace.rate < 4_000
    unpaced = Redrive(most=2_000)
    unpaced.pace.judge = lambda _: None  # type: ignore[assignment, method-assign]
    unpaced.pace.rate = None
    await unpaced.run(200_000, 30)
    assert redrive.sqs.throttled < unpaced.sqs.throttled / 2


async def test_a_queue_that_was_full_before_does_not_look_like_one_that_grows() -> None:
    redrive = Redrive(consumes=5_000)
    redrive.source.waiting = 50_000
    await redrive.run(5_000, 4)
    assert redrive.pace.rate is not None
    assert redrive.pace.rate > START


@pytest.mark.parametrize(("back", "noticed_at"), [(40, 60), (20, None)], ids=["most came back", "few came back"])
async def test_a_dead_letter_queue_that_fills_again_is_noticed_once_the_counts_can_be_trusted(
    back: int, noticed_at: float | None
) -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead")
    for number in range(100):
        dead.put(Entry(str(number), "body"))
    noticed: list[float] = []
    now = asyncio.get_running_loop().time
    pace = Adaptive(Sqs(sqs), dead.url, every=5)

    async def look() -> None:
        noticed.append(now())

    watch = asyncio.create_task(pace.watch(lambda: 50, list, look))
    await asyncio.sleep(1)
    for message in [message for _ in range(5) for message in dead.take(10, 30)]:
        dead.remove(message.receipt)
    for number in range(back):
        dead.put(Entry(str(number), "body"))
    await asyncio.sleep(100)
    watch.cancel()
    assert bool(noticed) is (noticed_at is not None)
    assert noticed_at is None or noticed[0] >= noticed_at
