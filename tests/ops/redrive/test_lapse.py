"""What a redrive may do no more: send what it held for too long, or act with credentials that ran out."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from ops.redrive.delivery import Delivery
from ops.redrive.mover import Mover
from ops.redrive.routing import QueueDestination
from ops.sqs import clock
from ops.sqs.client import Refused, Sqs
from ops.sqs.message import Entry
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeSqs
from tests.ops.redrive.moving import WORKERS, fill, move


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


async def test_a_sign_in_that_ran_out_is_looked_up_again_and_the_redrive_goes_on() -> None:
    sqs = FakeSqs()
    dead, source = fill(sqs, 300, fifo=False)
    valid = [True]
    calls, asked = itertools.count(), itertools.count()

    async def expires(action: str, payload: bytes) -> tuple[int, bytes]:
        await asyncio.sleep(0.01)
        if next(calls) == 20:
            valid.clear()
        if not valid:
            return 403, b'{"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "expired"}'
        return await sqs(action, payload)

    def renew() -> bool:
        next(asked)
        valid.append(True)
        return True

    with pytest.raises(Refused, match="Sign in to AWS again"):
        await move(expires, dead, source)
    assert 0 < len(source.arrived) < 300
    dead, source = fill(sqs, 300, fifo=False, name="again")
    valid.append(True)
    client = Sqs(expires)
    client.renew = renew
    calls = itertools.count()
    sweep = Sweep(client, dead.url, workers=WORKERS)
    to = QueueDestination(client, source.url)
    mover = Mover(sweep, lambda each: Delivery(to, each.body, each.message_attributes), run="run", act=True)
    await sweep.run(mover.visit)
    assert (len(dead), next(asked)) == (0, 1)
