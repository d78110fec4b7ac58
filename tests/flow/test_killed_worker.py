"""Workers that die in the middle of a batch cost time, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from local.tap import Tap
from stacks import names
from tests.flow.tickets import change, hire, hours_left, last_step, left, open_ticket
from tests.sample.topology import SAMPLE

KILLED = ("open_ticket", "assign_ticket", "change_ticket")


@pytest.fixture(autouse=True)
def impatient(stack: Session, effects: Effects) -> Iterator[None]:
    """Messages of a dead worker come back after seconds instead of the six timeouts that a stage waits."""
    sqs = client("sqs", stack.state.endpoint)
    urls = [effects.url(names.queue(names.LOCAL, name, fifo=SAMPLE.queue(name).fifo)) for name in KILLED]
    attributes = ["VisibilityTimeout"]
    before = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"] for url in urls]
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "4"})
    yield
    for url, attribute in zip(urls, before, strict=True):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attribute)
    for name in KILLED:  # on a busy machine four seconds are short, and what took effect is received too often
        sqs.purge_queue(QueueUrl=effects.url(names.dead_letter_queue(names.LOCAL, name, fifo=SAMPLE.queue(name).fifo)))


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
            if inside and f"-lambda-{names.resource(names.LOCAL, function)}-" in str(folder):
                found.append(int(process.name))
    return found


def in_flight(stack: Session, effects: Effects, function: str) -> int:
    """Messages that the function's workers hold."""
    url = effects.url(names.queue(names.LOCAL, function, fifo=SAMPLE.queue(function).fifo))
    name = "ApproximateNumberOfMessagesNotVisible"
    got = client("sqs", stack.state.endpoint).get_queue_attributes(QueueUrl=url, AttributeNames=[name])
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


def test_requests_take_effect_once_although_their_workers_are_killed_mid_batch(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    hire(stack, "agent-killed", 1000)
    ids: list[str] = []

    def burst() -> None:
        more = [f"killed-{number}" for number in range(len(ids), len(ids) + 15)]
        ids.extend(more)
        for ticket_id in more:
            open_ticket(stack, ticket_id, ("agent-killed", 1))

    for function in ("open_ticket", "assign_ticket"):
        kill_mid_batch(stack, effects, function, burst)
    assert eventually(lambda: not left(effects), within=60), left(effects)
    assert hours_left(effects, "agent-killed") == 1000 - len(ids)
    for ticket_id in ids:
        assert effects.item("tickets", ticket_id), ticket_id
        assert tap.types(ticket_id) == ["TicketOpened", "TicketAssigned"], ticket_id


def test_changes_apply_in_order_although_their_workers_are_killed_mid_batch(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    ids = [f"killed-group-{number}" for number in range(8)]
    for step in (1, 2, 3):

        def burst(step: int = step) -> None:
            for ticket_id in ids:
                assert change(stack, ticket_id, step)[0] == 202

        kill_mid_batch(stack, effects, "change_ticket", burst)
    assert eventually(lambda: not left(effects), within=60), left(effects)
    for ticket_id in ids:
        assert tap.types(ticket_id) == ["TicketChanged"] * 3, ticket_id
        assert last_step(effects, ticket_id) == 3, ticket_id
