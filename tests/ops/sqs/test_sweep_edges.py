"""When exactly a sweep holds, extends, waits, gives up and ends, and what it says of that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ops.sqs.client import Refused, Sqs
from ops.sqs.message import Entry, Message
from ops.sqs.sweep import PATIENCE, VISIBILITY, Sweep, nothing_more
from ops.sqs.transport import Unanswered
from tests.aws.queues import FakeQueue, FakeSqs

Answer = Callable[[str, dict[str, Any]], tuple[int, bytes] | None]


def now() -> float:
    return asyncio.get_running_loop().time()


class Asked(FakeSqs):
    """A fake SQS that remembers what it was asked when, and answers first what `answer` says."""

    def __init__(self, answer: Answer = lambda _, __: None) -> None:
        super().__init__()
        self.asked: list[tuple[str, float, dict[str, Any]]] = []
        self._answer = answer

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        request = msgspec.json.decode(payload)
        self.asked.append((action, round(now(), 2), request))
        return self._answer(action, request) or await super().__call__(action, payload)

    def times(self, action: str) -> list[float]:
        return [moment for name, moment, _ in self.asked if name == action]


def filled(sqs: FakeSqs, count: int, name: str = "queue") -> FakeQueue:
    queue = sqs.create(name)
    for number in range(count):
        queue.put(Entry(str(number), f"body {number}"))
    return queue


async def leave(batch: list[Message]) -> None:
    """Does nothing with them."""


async def test_what_is_looked_at_ahead_is_held_and_visited_once_it_is_its_turn() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 12)
    sweep = Sweep(Sqs(sqs), queue.url, workers=1, visibility=20, gone={"sent before"})
    assert (sweep.held, sweep.ahead, sweep.undeleted, sweep.missing) == (0, 0, 1, 1)
    first = await sweep.look_ahead()
    assert (len(first), sweep.held, sweep.ahead, queue.in_flight) == (10, 10, 60, 10)
    second = await sweep.look_ahead()
    assert (len(second), sweep.held, sweep.ahead) == (2, 12, 60 + 2 * 7)
    assert await sweep.look_ahead() == []
    ids = [message.message_id for message in (*first, *second)]
    sweep.sent([*ids[:2], "stranger"])
    sweep.sent(ids[:1])
    assert (sweep.held, sweep.undeleted, sweep.missing) == (10, 3, 1)
    assert await sweep.delete(ids[:3]) == set(ids[:3])
    assert (sweep.held, sweep.undeleted, len(queue)) == (9, 1, 9)
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        visited.extend(message.message_id for message in batch)

    await sweep.run(visit)
    assert (visited, sweep.held, queue.in_flight) == (ids, 0, 0)


async def test_a_hold_is_over_a_twentieth_before_it_ends() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 1)
    sweep = Sweep(Sqs(sqs), queue.url, visibility=20)
    (message,) = await sweep.look_ahead()
    for moment, over in ((0.0, False), (18.5, False), (19.0, True), (25.0, True)):
        await asyncio.sleep(moment - now())
        assert (sweep.lapsed([message.message_id]) == {message.message_id}) is over, moment
    assert sweep.lapsed(["stranger"]) == {"stranger"}


async def test_holds_are_extended_when_less_than_half_of_them_is_left() -> None:
    sqs = Asked()
    queue = filled(sqs, 1)

    async def visit(batch: list[Message]) -> None:
        await asyncio.sleep(65)

    await Sweep(Sqs(sqs), queue.url, workers=1, visibility=20).run(visit)
    extended = [(at, told["Entries"][0]["VisibilityTimeout"]) for name, at, told in sqs.asked if "Visibility" in name]
    assert extended[:-1] == [(moment, 20) for moment in (15, 30, 45, 60)]
    assert extended[-1][1] == 0, "released at the end"
    received = [told["VisibilityTimeout"] for name, _, told in sqs.asked if name == "ReceiveMessage"]
    assert set(received) == {20}
    await Sweep(Sqs(sqs), queue.url).run(leave)
    assert sqs.asked[-1][2] is not None
    receive = [told for name, _, told in sqs.asked if name == "ReceiveMessage"][-1]
    assert (receive["VisibilityTimeout"], receive["WaitTimeSeconds"], VISIBILITY) == (120, 1, 120)


def test_whatever_stops_a_sweep_first_is_why_it_ended() -> None:
    async def stopped() -> str | None:
        sweep = Sweep(Sqs(FakeSqs()), "http://sqs/0/queue")
        assert sweep.stopped is None
        sweep.stop("first")
        sweep.stop("second")
        return sweep.stopped

    assert asyncio.run(stopped()) == "first"


@pytest.mark.parametrize(("count", "stops"), [(19, False), (20, True)])
async def test_as_many_held_as_may_be_end_a_sweep(count: int, stops: bool) -> None:
    sqs = FakeSqs()
    queue = filled(sqs, count)
    sweep = Sweep(Sqs(sqs), queue.url, workers=1, most_held=20)
    await sweep.run(leave)
    told = "20 messages are held, which is as many as SQS lets be in flight"
    assert sweep.stopped == (told if stops else None)


@pytest.mark.parametrize("code", ["OverLimit", "AccessDenied"])
async def test_only_that_no_more_may_be_in_flight_is_an_end_and_no_fault(code: str) -> None:
    def refuse(action: str, _: Any) -> tuple[int, bytes] | None:
        told = b'{"__type": "com.amazonaws.sqs#%s", "message": "no"}' % code.encode()
        return (403, told) if action == "ReceiveMessage" else None

    sqs = Asked(refuse)
    sweep = Sweep(Sqs(sqs), filled(sqs, 1).url, workers=1)
    if code == "OverLimit":
        await sweep.run(leave)
        assert sweep.stopped == "SQS lets no more messages be in flight"
        return
    with pytest.raises(Refused, match="AccessDenied"):
        await sweep.run(leave)
    assert sweep.stopped == "failed"


@pytest.mark.parametrize("answers_between", [False, True])
async def test_receives_without_answer_are_given_up_after_as_many_in_a_row_as_are_allowed(
    answers_between: bool,
) -> None:
    lost = [0]

    def lose(action: str, _: Any) -> tuple[int, bytes] | None:
        if action != "ReceiveMessage":
            return None
        lost[0] += 1
        if answers_between and lost[0] % 3 == 0:
            return None
        raise Unanswered("silence")

    sqs = Asked(lose)
    queue = filled(sqs, 40)
    sweep = Sweep(client := Sqs(sqs, attempts=3), queue.url, workers=1)
    pauses: list[int] = []

    async def pause(attempt: int) -> None:
        pauses.append(attempt)

    client.pause = pause  # type: ignore[method-assign]
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        visited.extend(message.body for message in batch)
        if len(visited) == 40:
            sweep.stop("enough")

    if answers_between:
        await sweep.run(visit)
        assert (len(visited), pauses) == (40, [1, 2] * 4)
        return
    with pytest.raises(Unanswered):
        await sweep.run(visit)
    assert (len(sqs.times("ReceiveMessage")), pauses) == (3, [1, 2])


@pytest.mark.parametrize(("waiting", "receives"), [(0, 1), (5, PATIENCE)])
async def test_a_queue_that_gives_nothing_is_asked_again_where_sqs_counts_something(
    waiting: int, receives: int
) -> None:
    def count(action: str, _: Any) -> tuple[int, bytes] | None:
        told = b'{"Attributes": {"ApproximateNumberOfMessages": "%d", "ApproximateNumberOfMessagesNotVisible": "0"}}'
        return (200, told % waiting) if action == "GetQueueAttributes" else None

    sqs = Asked(count)
    await Sweep(Sqs(sqs), sqs.create("queue").url, workers=1).run(leave)
    assert (len(sqs.times("ReceiveMessage")), PATIENCE) == (receives, 3)


async def test_what_is_done_last_is_done_while_all_is_held_and_ends_nothing() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 3)
    sweep = Sweep(Sqs(sqs), queue.url, workers=1)
    assert sweep.last is nothing_more
    held: list[int] = []

    async def last() -> None:
        held.append(queue.in_flight)
        sweep.stop("too late")

    sweep.last = last
    await sweep.run(leave)
    assert (held, sweep.stopped, queue.in_flight) == ([3], None, 0)


@pytest.mark.parametrize(("hidden", "gone"), [(5.0, ()), (0.0, ()), (0.0, ("sent before",))])
async def test_what_others_hold_is_waited_for_as_long_as_a_process_that_died_may_hide_it(
    hidden: float, gone: tuple[str, ...]
) -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 4)
    queue.take(2, 3)
    told: list[tuple[int, float]] = []
    visited: list[str] = []

    async def visit(batch: list[Message]) -> None:
        visited.extend(message.body for message in batch)

    sweep = Sweep(
        Sqs(sqs), queue.url, workers=1, hidden=hidden, gone=gone, waits=lambda *each: told.append(each), visibility=20
    )
    await sweep.run(visit)
    assert len(visited) == (4 if hidden else 2)
    assert all(undeleted == len(gone) and 0 < left <= 5 for undeleted, left in told)
    assert bool(told) is bool(hidden)
    assert told == sorted(told, reverse=True)


async def test_what_was_hidden_by_a_receive_without_answer_is_waited_for() -> None:
    lost = [True]

    def lose(action: str, _: Any) -> tuple[int, bytes] | None:
        if action == "ReceiveMessage" and lost:
            lost.pop()
            queue.take(10, 20)
            raise Unanswered("silence")
        return None

    sqs = Asked(lose)
    queue = filled(sqs, 3)
    visited: list[float] = []
    told: list[float] = []

    async def visit(batch: list[Message]) -> None:
        visited.extend([now()] * len(batch))

    await Sweep(Sqs(sqs), queue.url, workers=1, visibility=20, waits=lambda _, left: told.append(left)).run(visit)
    assert len(visited) == 3
    assert 20 <= visited[0] <= 22
    assert 19 < told[0] <= 21, "a visibility and the wait of a receive"


async def test_what_lapsed_before_it_was_deleted_may_be_there_still() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 2)
    settled: set[str] = set()
    sweep = Sweep(Sqs(sqs), queue.url, visibility=20, settled=settled.update)
    first, second = (message.message_id for message in await sweep.look_ahead())
    await sweep.delete([first])
    assert (settled, sweep.missing) == ({first}, 0)
    await asyncio.sleep(30)
    await sweep.delete([second])
    assert (settled, sweep.missing, sweep.undeleted) == ({first}, 1, 1)


async def test_what_was_let_go_comes_again_as_if_it_was_never_here() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 5)
    visits: list[str] = []
    sweep = Sweep(Sqs(sqs), queue.url, workers=1, visibility=20)

    async def visit(batch: list[Message]) -> None:
        visits.extend(message.message_id for message in batch)
        if len(visits) == 5:
            sweep.sent(visits[:1])
            sweep.let_go([*visits[:3], "stranger"])
            assert sweep.held == 2

    await sweep.run(visit)
    assert sorted(visits[5:]) == sorted(visits[:3])
    assert (len(queue), queue.in_flight) == (5, 0)


async def test_where_a_release_is_refused_what_is_held_comes_back_by_itself() -> None:
    def refuse(action: str, _: Any) -> tuple[int, bytes] | None:
        return (403, b'{"__type": "AccessDenied"}') if action == "ChangeMessageVisibilityBatch" else None

    sqs = Asked(refuse)
    queue = filled(sqs, 25)
    sweep = Sweep(Sqs(sqs), queue.url, workers=1)
    await sweep.run(leave)
    assert (sweep.held, queue.in_flight, len(sqs.times("ChangeMessageVisibilityBatch"))) == (25, 25, 1)


async def test_what_is_received_again_while_it_is_extended_is_held_as_long_as_it_was_received_for() -> None:
    sqs = FakeSqs()
    queue = filled(sqs, 1)

    async def slow(action: str, payload: bytes) -> tuple[int, bytes]:
        told = await sqs(action, payload)
        if action == "ChangeMessageVisibilityBatch" and not again:
            again.append(now())
            await asyncio.sleep(33 - now())
            queue.show_all()
            assert await sweep.look_ahead() == []
            await asyncio.sleep(44 - now())
        return told

    again: list[float] = []
    sweep = Sweep(Sqs(slow), queue.url, workers=1, visibility=20)

    async def visit(batch: list[Message]) -> None:
        ids = [message.message_id for message in batch]
        await asyncio.sleep(44.5 - now())
        lapsed.append(sweep.lapsed(ids))

    lapsed: list[set[str]] = []
    await sweep.run(visit)
    assert again == pytest.approx([15], abs=0.5)
    assert lapsed == [set()]


async def test_counts_are_asked_for_once_nothing_comes_any_more_and_not_after_each_receive() -> None:
    sqs = Asked()
    queue = sqs.create("queue")
    sent = [queue.put(Entry(str(number), "sent before")) for number in range(20)]
    for number in range(30):
        queue.put(Entry(str(number), "new"))
    await Sweep(Sqs(sqs), queue.url, workers=1, gone=sent, visibility=20).run(leave)
    assert (len(queue), len(sqs.times("ReceiveMessage")), len(sqs.times("GetQueueAttributes"))) == (30, 6, 1)
