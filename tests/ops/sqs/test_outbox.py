"""Single messages of many groups go ten at a time: none waits for long, and each is told what became of its own."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence

import pytest

from ops.sqs.message import MOST_BYTES, Entry
from ops.sqs.outbox import LINGER, Outbox


class There:
    """A destination that takes all but what it is told to refuse, and remembers when it got what."""

    name = "http://sqs/0/work.fifo"

    def __init__(self, *, refused: str | None = None, error: Exception | None = None) -> None:
        self.got: list[tuple[float, list[str]]] = []
        self._refused = refused
        self._error = error

    async def room(self) -> int:
        return MOST_BYTES

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        ids = [entry.id for entry in entries]
        self.got.append((round(asyncio.get_running_loop().time(), 6), ids))
        await asyncio.sleep(1)
        if self._error is not None:
            raise self._error
        return {id_: "no" if id_ == self._refused else None for id_ in ids}


async def at(moment: float, outbox: Outbox, *entries: Entry) -> list[str | None]:
    await asyncio.sleep(moment)
    return await asyncio.gather(*(outbox.send(entry) for entry in entries))


def entries(*names: str, size: int = 1) -> list[Entry]:
    return [Entry(name, "x" * size) for name in names]


async def test_a_full_batch_goes_at_once_and_what_has_no_company_a_moment_later() -> None:
    there = There()
    assert await at(0, Outbox(there), *entries(*"abcdefghijkl")) == [None] * 12
    assert there.got == [(0.0, list("abcdefghij")), (LINGER, ["k", "l"])]


async def test_the_wait_of_a_batch_is_its_own_and_not_the_rest_of_the_one_before() -> None:
    there = There()
    outbox = Outbox(there)
    early, late = LINGER / 2, LINGER * 1.25
    await asyncio.gather(
        at(0, outbox, *entries("a")),
        at(early, outbox, *entries(*"bcdefghij")),
        at(early, outbox, *entries("k")),
        at(late, outbox, *entries("l")),
        at(LINGER * 4, outbox, *entries("m")),
    )
    assert [ids for _, ids in there.got] == [list("abcdefghij"), ["k", "l"], ["m"]]
    assert [moment for moment, _ in there.got] == pytest.approx([early, early + LINGER, LINGER * 5])


@pytest.mark.parametrize(
    ("size", "batches"),
    [
        (MOST_BYTES // 2, [["a", "b"], ["c", "d"]]),
        (MOST_BYTES // 2 + 1, [["a"], ["b"], ["c"], ["d"]]),
        (MOST_BYTES + 1, [["a"], ["b"], ["c"], ["d"]]),
    ],
)
async def test_a_batch_holds_as_many_bytes_as_sqs_takes_and_no_more(size: int, batches: list[list[str]]) -> None:
    there = There()
    await at(0, Outbox(there), *entries(*"abcd", size=size))
    assert [ids for _, ids in there.got] == batches


async def test_what_was_confirmed_is_told_all_at_once_before_those_who_wait_for_it() -> None:
    told: list[object] = []
    there = There(refused="b")
    outbox = Outbox(there, told.append)

    async def one(entry: Entry) -> None:
        told.append((entry.id, await outbox.send(entry)))

    await asyncio.gather(*map(one, entries("a", "b", "c")))
    assert told == [["a", "c"], ("a", None), ("b", "no"), ("c", None)]
    await one(*entries("b"))
    assert told[4:] == [("b", "no")], "of what is refused nothing is told as confirmed"


@pytest.mark.parametrize("sends", [True, False])
async def test_whoever_waits_is_raised_what_went_wrong_and_whoever_does_not_keeps_nobody_from_it(sends: bool) -> None:
    wrong = ValueError("it broke")

    def full(ids: list[str]) -> None:
        raise wrong

    outbox = Outbox(There(error=wrong)) if sends else Outbox(There(), full)
    waits = [asyncio.create_task(outbox.send(entry)) for entry in entries("a", "b", "c")]
    await asyncio.sleep(LINGER * 2)
    waits[0].cancel()
    assert [type(each) for each in await asyncio.gather(*waits, return_exceptions=True)] == [
        asyncio.CancelledError,
        ValueError,
        ValueError,
    ]


async def test_whoever_waits_no_longer_keeps_nobody_from_what_became_of_theirs() -> None:
    outbox = Outbox(There())
    waits = [asyncio.create_task(outbox.send(entry)) for entry in entries("a", "b")]
    await asyncio.sleep(LINGER * 2)
    waits[0].cancel()
    async with asyncio.timeout(5):
        assert await waits[1] is None


class Alone(There):
    """A destination whose answer is awaited by its batch only, so that nothing else keeps that."""

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        answer = asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        assert task is not None
        self.answer, self.task = weakref.ref(answer), weakref.ref(task)
        return dict.fromkeys([entry.id for entry in entries], await answer)


async def test_a_batch_is_kept_until_it_is_sent_and_no_longer() -> None:
    there = Alone()
    outbox = Outbox(there)
    wait = asyncio.create_task(outbox.send(*entries("a")))
    await asyncio.sleep(LINGER * 2)
    gc.collect()
    answer = there.answer()
    assert answer is not None
    answer.set_result("no")
    del answer
    assert await wait == "no"
    gc.collect()
    assert (outbox is not None, there.task()) == (True, None)
