"""AWS's own move as a run of ours: what came straight back is known by a sample, and it ends with what was there."""

from __future__ import annotations

import json
import time
from typing import Literal

import pytest

from ops.errors import UsageError
from ops.queue import Queue
from ops.redrive import native_run
from ops.redrive.refusal import refuse
from ops.redrive.request import Request
from ops.redrive.sample import Sample
from ops.sqs.message import Entry, Message, Value
from ops.stage import Stage
from tests.aws.queues import Stored
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks


def failing(aws: Endpoint, one_in: int = 1, step: int = 10) -> MoveTasks:
    """Move tasks, and a consumer that fails on one of so many messages at once, and does the others."""
    work = queue(aws, "open_ticket")
    work.receives = 1

    def consume() -> None:
        for message in work.take(1_000, 0):
            if json.loads(message.body).get("n", 0) % one_in:
                work.remove(message.receipt)
        work.take(1_000, 0)  # what failed has had its one receive
        assert not len(work)

    return MoveTasks(aws.sqs, step, consume)


def native(*more: str) -> tuple[int, str]:
    result = ops("redrive", "open_ticket", "--native", "--yes", *more)
    return result.exit_code, result.output


def test_when_most_of_a_native_move_came_straight_back_it_is_said_and_exits_with_4(aws: Endpoint) -> None:
    dead_tickets(aws, 8)
    aws.moves = failing(aws)
    code, told = native()
    assert code == 4
    assert "Of 8 messages that would be known again, 8 came straight back so far." in told
    assert "8 of 8 that would be known again came straight back, most of them: fix the cause first." in told
    assert len(queue(aws, "open_ticket-dlq")) == 8


def test_a_single_message_that_came_straight_back_from_a_native_move_exits_with_4(aws: Endpoint) -> None:
    dead_tickets(aws, 1)
    aws.moves = failing(aws)
    assert native()[0] == 4


def test_when_few_came_straight_back_a_native_move_says_how_many_and_exits_with_0(aws: Endpoint) -> None:
    dead_tickets(aws, 9)
    aws.moves = failing(aws, one_in=3)
    report = answer("redrive", "open_ticket", "--native", "--yes")
    assert (report["native"], report["sampled"], report["tally"]["came_back"], report["mostly_back"]) == (
        True,
        9,
        3,
        False,
    )
    assert report["dead_again"] == 3


def test_new_dead_letters_that_arrive_meanwhile_are_not_taken_for_those_that_were_moved(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    dead = queue(aws, "open_ticket-dlq")

    def others() -> None:
        if len(dead) < 50 and aws.moves and aws.moves.tasks[0]["Status"] != "RUNNING":
            for number in range(50):
                dead.put(_entry(f'{{"other": {number}}}'), source=queue(aws, "open_ticket").arn)

    aws.moves = MoveTasks(aws.sqs, 10, others)
    report = answer("redrive", "open_ticket", "--native", "--yes")
    assert (report["sampled"], report["tally"]["came_back"], report["dead_again"]) == (3, 0, 50)


def test_of_messages_that_are_all_the_same_nothing_is_claimed(aws: Endpoint) -> None:
    dead = queue(aws, "open_ticket-dlq")
    for _ in range(5):
        aws.put(dead, '{"n": 0}')
    aws.moves = failing(aws)
    code, told = native()
    assert code == 0
    assert "Whether they came straight back nobody can say: AWS moves messages without a mark." in told


def test_a_native_move_ends_once_what_was_there_was_moved_though_messages_keep_arriving(aws: Endpoint) -> None:
    dead_tickets(aws, 20)
    dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")

    def others() -> None:
        for number in range(5):
            dead.put(_entry(f'{{"other": {time.monotonic_ns()}{number}}}'), source=work.arn)

    aws.moves = MoveTasks(aws.sqs, 5, others)
    result = ops("redrive", "open_ticket", "--native", "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["stopped"]) == (3, "start")
    assert 20 <= report["tally"]["moved"] <= 40
    assert report["left"] == len(dead)
    assert aws.moves.tasks[0]["Status"] == "CANCELLED"
    assert "--follow goes on with the rest" in native()[1]


def test_with_follow_a_native_move_goes_on_until_the_queue_is_empty(aws: Endpoint) -> None:
    dead_tickets(aws, 20)
    dead, left = queue(aws, "open_ticket-dlq"), [200]

    def others() -> None:
        for _ in range(min(left[0], 20)):
            left[0] -= 1
            dead.put(_entry(f'{{"other": {left[0]}}}'), source=queue(aws, "open_ticket").arn)

    aws.moves = MoveTasks(aws.sqs, 15, others)
    report = answer("redrive", "open_ticket", "--native", "--follow", "--yes")
    assert (report["stopped"], report["tally"]["moved"]) == (None, 220)


def test_a_native_move_whose_messages_keep_coming_back_is_cancelled_while_it_runs(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_run, "LOOK", 0.0)
    dead_tickets(aws, 300)
    aws.moves = failing(aws, step=37)
    code, told = native("--follow")
    assert code == 4
    assert "most of which came straight back. Fix the cause first, or say --force." in told
    assert aws.moves.tasks[0]["Status"] == "CANCELLED"


def test_what_comes_back_a_moment_after_a_native_move_ended_is_waited_for(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_run, "LINGER", 10.0)
    dead_tickets(aws, 1)
    work = queue(aws, "open_ticket")
    work.receives = 0

    def later() -> None:
        aws.loop.call_later(0.6, work.take, 10, 0)

    aws.moves = MoveTasks(aws.sqs, 10, later)
    begun = time.monotonic()
    assert native()[0] == 4
    assert time.monotonic() - begun < 8


def test_a_rate_that_aws_does_not_take_is_said_before_anything_is_done(cloud: Stage) -> None:
    dead = Queue("d", "other", "d", "https://sqs.eu-west-1.amazonaws.com/000000000000/d")
    rates: list[float | Literal["max"]] = [501, 0.5, 2.5, "max"]
    for rate in rates:
        with pytest.raises(UsageError, match=r"moves 1 to 500 messages a second, in whole numbers, not"):
            refuse(cloud, dead, None, Request("d", rate=rate, natively=True))
    refuse(cloud, dead, None, Request("d", rate=500, natively=True))


def test_a_native_move_takes_a_rate(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    aws.moves = MoveTasks(aws.sqs)
    assert native("--rate", "100")[0] == 0
    assert aws.moves.tasks[0]["MaxNumberOfMessagesPerSecond"] == 100


def test_a_native_move_that_somebody_else_cancelled_is_told_as_interrupted(aws: Endpoint) -> None:
    dead_tickets(aws, 30)

    def console() -> None:
        assert aws.moves is not None
        aws.moves.tasks[0]["Status"] = "CANCELLED"

    aws.moves = MoveTasks(aws.sqs, 10, console)
    code, told = native()
    assert code == 5
    assert "Stopped after 10 messages" in told


def test_a_message_is_known_again_by_body_and_attributes_under_another_id_or_time() -> None:
    one = message("1", 1_000, "a", key="k")
    sample = Sample([one, message("2", 1_000, "b"), message("3", 1_000, "same"), message("4", 1_000, "same")])
    assert sample.moved == 2
    sample.look([one, message("8", 9, "a", key="other"), message("9", 9, "same"), message("7", 9, "c")], whole=True)
    assert (sample.moved, sample.back) == (1, 0), "one stayed, others are others, and known from now on"
    sample.look([message("5", 9, "a", key="k"), message("2", 10, "b"), message("7", 9, "c")], whole=True)
    assert (sample.moved, sample.back, sample.mostly_back) == (3, 2, True)


def message(id_: str, sent: int, body: str, **attributes: str) -> Message:
    values = {name: Value("String", value) for name, value in attributes.items()}
    return Message(id_, "receipt", body, {"SentTimestamp": str(sent)}, values)


def _entry(body: str) -> Entry:
    return Entry("1", body)


def test_a_look_while_aws_moves_leaves_most_of_the_queue_to_it(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_run, "LOOK", 0.0)
    dead_tickets(aws, 120)
    dead = queue(aws, "open_ticket-dlq")
    hidden: list[bool] = []
    take = dead.take

    def noted(most: int, visibility: float) -> list[Stored]:
        taken = take(most, visibility)
        if most == 10 and aws.moves is not None and aws.moves.tasks and aws.moves.tasks[0]["Status"] == "RUNNING":
            hidden.append(dead.in_flight * 2 > len(dead))
        return taken

    aws.moves = MoveTasks(aws.sqs, 10)
    monkeypatch.setattr(dead, "take", noted)
    report = answer("redrive", "open_ticket", "--native", "--yes")
    assert (report["tally"]["moved"], report["stopped"]) == (120, None), "a task that finds nothing visible ends"
    assert hidden
    assert not any(hidden)
