"""A message that cannot be handled is in its DLQ with a cause, disturbs nobody, and is redriven when it is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from local.tap import Tap
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from stacks import names
from tests.flow.tickets import change, hire, hours_left, last_step, open_ticket, settled, ticket
from tests.sample.topology import SAMPLE


@pytest.fixture
def stage(stack: Session) -> Stage:
    return Stage.open(names.LOCAL, SAMPLE, stack.home)


@pytest.fixture
def sqs(stack: Session) -> Any:
    return client("sqs", stack.state.endpoint)


def dead_letters(sqs: Any, effects: Effects, queue: str) -> list[dict[str, Any]]:
    """The messages in the DLQ of a queue, left visible."""
    name = names.dead_letter_queue(names.LOCAL, queue, fifo=SAMPLE.queue(queue).fifo)
    got = sqs.receive_message(
        QueueUrl=effects.url(name),
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["All"],
    )
    return list(got.get("Messages", []))


def cause(stack: Session, message_id: str) -> dict[str, Any]:
    got = client("dynamodb", stack.state.endpoint).get_item(
        TableName=names.resource(names.LOCAL, names.FAILURES), Key={"message_id": {"S": message_id}}
    )
    return {name: next(iter(value.values())) for name, value in got["Item"].items()}


def empty(sqs: Any, effects: Effects, queue: str) -> None:
    sqs.purge_queue(
        QueueUrl=effects.url(names.dead_letter_queue(names.LOCAL, queue, fifo=SAMPLE.queue(queue).fifo)),
    )


def test_a_poison_message_ends_in_the_dlq_alone_after_the_configured_receives(
    stack: Session, effects: Effects, sqs: Any
) -> None:
    queue = effects.url(names.queue(names.LOCAL, "open_ticket"))
    hire(stack, "agent-mates")
    good = [json.dumps(ticket(f"mate-{number}", ("agent-mates", 1))) for number in range(9)]
    bodies = [*good[:4], "this is no JSON", *good[4:]]
    sent = sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    )
    poison = next(entry["MessageId"] for entry in sent["Successful"] if entry["Id"] == "4")

    assert eventually(lambda: effects.depth("open_ticket", dead=True) == 1)
    (dead,) = dead_letters(sqs, effects, "open_ticket")
    assert (dead["MessageId"], dead["Body"]) == (poison, "this is no JSON")
    assert int(dead["Attributes"]["ApproximateReceiveCount"]) >= SAMPLE.queue("open_ticket").receives
    why = cause(stack, poison)
    assert why["error_type"] == "Reject"
    assert "does not decode" in why["error_message"]
    assert why["function"] == "open_ticket"

    assert eventually(lambda: all(effects.item("tickets", f"mate-{number}") for number in range(9)))
    assert settled(effects)
    assert effects.depth("open_ticket", dead=True) == 1, "its batch mates are no dead letters"
    empty(sqs, effects, "open_ticket")


def test_a_dead_letter_is_redriven_once_its_cause_is_fixed(
    stack: Session, effects: Effects, tap: Tap, stage: Stage
) -> None:
    open_ticket(stack, "rare-1", ("agent-rare", 2))
    assert eventually(lambda: effects.depth("assign_ticket", dead=True) == 1)
    assert eventually(lambda: effects.mails("rare-1")), "the other subscriber is not delayed"

    hire(stack, "agent-rare", 5)
    planned = redrive(stage, Request("assign_ticket")).tally
    assert (planned.matched, planned.moved) == (1, 0)
    assert next(iter(planned.causes)).startswith("Reject: Agent agent-rare is not in the agents table")
    assert effects.depth("assign_ticket", dead=True) == 1
    assert redrive(stage, Request("assign_ticket"), yes=True).tally.moved == 1

    assert eventually(lambda: effects.item("assignments", "rare-1"))
    assert settled(effects)
    assert hours_left(effects, "agent-rare") == 3
    assert tap.types("rare-1") == ["TicketOpened", "TicketAssigned"]
    assert len(effects.mails("rare-1")) == 1
    assert effects.depth("assign_ticket", dead=True) == 0


def test_a_poison_message_in_a_group_ends_in_the_dlq_and_its_group_goes_on_in_order(
    stack: Session, effects: Effects, tap: Tap, sqs: Any
) -> None:
    queue = effects.url(names.queue(names.LOCAL, "change_ticket", fifo=True))
    assert change(stack, "grp-1", 1)[0] == 202
    poison = sqs.send_message(
        QueueUrl=queue, MessageBody="{", MessageGroupId="grp-1", MessageDeduplicationId="grp-1-poison"
    )["MessageId"]
    assert change(stack, "grp-1", 2)[0] == 202
    assert change(stack, "grp-1", 3)[0] == 202
    assert change(stack, "grp-2", 1)[0] == 202

    assert eventually(lambda: tap.types("grp-2") == ["TicketChanged"]), "another group does not wait"
    assert eventually(lambda: len(tap.types("grp-1")) == 3, within=60)
    assert tap.types("grp-1") == ["TicketChanged"] * 3
    assert last_step(effects, "grp-1") == 3
    assert [dead["MessageId"] for dead in dead_letters(sqs, effects, "change_ticket")] == [poison]
    assert "does not decode" in cause(stack, poison)["error_message"]
    assert settled(effects)
    empty(sqs, effects, "change_ticket")


@contextmanager
def broken(stack: Session, function: str, **environment: str) -> Iterator[None]:
    """A bad deployment of a function: its environment changed, and put right again."""
    functions, name = client("lambda", stack.state.endpoint), names.resource(names.LOCAL, function)
    good = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": good | environment})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": good})


def test_changes_that_failed_under_a_broken_consumer_are_redriven_in_order(
    stack: Session, effects: Effects, tap: Tap, stage: Stage, sqs: Any
) -> None:
    ids = ["home-1", "home-2", "home-3"]
    with broken(stack, "change_ticket", TABLE_CHANGES="no-such-table", BACKOFF_BASE="0.1"):
        for step in (1, 2, 3):
            assert [change(stack, ticket_id, step)[0] for ticket_id in ids] == [202] * 3
        assert eventually(lambda: effects.depth("change_ticket", dead=True) == 9, within=90)
        causes = [cause(stack, dead["MessageId"]) for dead in dead_letters(sqs, effects, "change_ticket")]
        refused = [each["error_message"] for each in causes if each["error_type"] != "GroupBlocked"]
        assert refused
        assert all("AccessDenied" in each and "no-such-table" in each for each in refused), "its role lacks that table"
        assert all(tap.types(ticket_id) == [] for ticket_id in ids)

    assert redrive(stage, Request("change_ticket"), yes=True).tally.moved == 9
    assert eventually(lambda: all(len(tap.types(ticket_id)) == 3 for ticket_id in ids), within=60)
    for ticket_id in ids:
        assert tap.types(ticket_id) == ["TicketChanged"] * 3, "in order, or one would have been declined"
        assert last_step(effects, ticket_id) == 3
    assert settled(effects)
    assert effects.depth("change_ticket", dead=True) == 0
