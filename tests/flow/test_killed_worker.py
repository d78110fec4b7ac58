"""Workers that die in the middle of a batch cost time, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.aws import client
from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from stacks import names
from stacks.topology import TOPOLOGY
from tests.flow.test_orders import order
from tests.flow.test_payments import pay

KILLED = ("accept_order", "reserve_stock", "apply_payment")


@pytest.fixture(autouse=True)
def impatient(stack: Session, effects: Effects) -> Iterator[None]:
    """Messages of a dead worker come back after seconds instead of the six timeouts that a stage waits."""
    sqs = client("sqs", stack.state.aws_endpoint_url)
    urls = [effects.url(names.queue("local", name, fifo=TOPOLOGY.queue(name).fifo)) for name in KILLED]
    attributes = ["VisibilityTimeout"]
    before = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"] for url in urls]
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "4"})
    yield
    for url, attribute in zip(urls, before, strict=True):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attribute)


def workers(stack: Session, function: str) -> list[int]:
    """The processes in which this stack's emulator runs the function: each works in a folder named after it."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                folder = (process / "cwd").readlink()
            except OSError:
                continue
            inside = folder.is_relative_to(stack.home.resolve())
            if inside and f"-lambda-{names.resource('local', function)}-" in str(folder):
                found.append(int(process.name))
    return found


def in_flight(stack: Session, effects: Effects, function: str) -> int:
    """Messages that the function's workers hold."""
    url = effects.url(names.queue("local", function, fifo=TOPOLOGY.queue(function).fifo))
    name = "ApproximateNumberOfMessagesNotVisible"
    got = client("sqs", stack.state.aws_endpoint_url).get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(got["Attributes"][name])


def kill_mid_batch(stack: Session, effects: Effects, function: str, burst: Callable[[], None]) -> None:
    """Send a burst of messages, and kill the function's workers when they hold some of them and have just begun.

    Workers that run already are paused until they hold a batch, because they are too quick to be caught.
    """
    assert eventually(lambda: not in_flight(stack, effects, function))
    for worker in workers(stack, function):
        os.kill(worker, signal.SIGSTOP)
    burst()
    assert eventually(lambda: in_flight(stack, effects, function) and workers(stack, function))
    for worker in workers(stack, function):
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.02)
        os.kill(worker, signal.SIGKILL)


def left(effects: Effects) -> dict[str, int]:
    return {queue.name: depth for queue in TOPOLOGY.queues if (depth := effects.depth(queue.name))}


def test_orders_take_effect_once_although_their_workers_are_killed_mid_batch(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    before = effects.available("cup-blue")
    ids: list[str] = []

    def burst() -> None:
        more = [f"killed-{number}" for number in range(len(ids), len(ids) + 15)]
        ids.extend(more)
        for order_id in more:
            assert post(f"{stack.state.api_url}/v1/orders", order(order_id, ("cup-blue", 1)))[0] == 202

    for function in ("accept_order", "reserve_stock"):
        kill_mid_batch(stack, effects, function, burst)
    assert eventually(lambda: not left(effects), within=60), left(effects)
    assert effects.available("cup-blue") == before - len(ids)
    for order_id in ids:
        assert effects.item("orders", order_id), order_id
        assert tap.types(order_id) == ["OrderAccepted", "StockReserved"], order_id


def test_payments_apply_in_order_although_their_workers_are_killed_mid_batch(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    ids = [f"killed-pay-{number}" for number in range(8)]
    for action, amount in (("authorize", 500), ("capture", 300), ("refund", 100)):

        def burst(action: str = action, amount: int = amount) -> None:
            for order_id in ids:
                assert pay(stack, order_id, action, amount)[0] == 202

        kill_mid_batch(stack, effects, "apply_payment", burst)
    assert eventually(lambda: not left(effects), within=60), left(effects)
    for order_id in ids:
        assert sorted(tap.types(order_id)) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"], order_id
        payment = effects.item("payments", order_id)
        assert payment is not None
        assert (payment["state"], payment["amount"]) == ("refunded", "100"), order_id
