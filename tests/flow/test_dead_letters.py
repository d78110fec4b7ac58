"""A message that cannot be handled rests in its DLQ with a cause, disturbs nobody, and comes home when it is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.aws import client
from local.effects import Effects, eventually, post
from local.seed import stock
from local.session import Session
from local.tap import Tap
from ops.redrive import redrive
from ops.stage import Stage
from stacks import names
from stacks.topology import TOPOLOGY
from tests.flow.test_orders import order, settled
from tests.flow.test_payments import pay


@pytest.fixture
def stage(stack: Session) -> Stage:
    return Stage.open("local", stack.home)


@pytest.fixture
def sqs(stack: Session) -> Any:
    return client("sqs", stack.state.aws_endpoint_url)


def dead_letters(sqs: Any, effects: Effects, queue: str) -> list[dict[str, Any]]:
    """The messages in the DLQ of a queue, left visible."""
    name = names.dead_letter_queue("local", queue, fifo=TOPOLOGY.queue(queue).fifo)
    got = sqs.receive_message(
        QueueUrl=effects.url(name),
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["All"],
    )
    return list(got.get("Messages", []))


def cause(stack: Session, message_id: str) -> dict[str, Any]:
    got = client("dynamodb", stack.state.aws_endpoint_url).get_item(
        TableName=names.resource("local", "failures"), Key={"message_id": {"S": message_id}}
    )
    return {name: next(iter(value.values())) for name, value in got["Item"].items()}


def empty(sqs: Any, effects: Effects, queue: str) -> None:
    sqs.purge_queue(
        QueueUrl=effects.url(names.dead_letter_queue("local", queue, fifo=TOPOLOGY.queue(queue).fifo)),
    )


def test_a_poison_message_ends_in_the_dlq_alone_after_the_configured_receives(
    stack: Session, effects: Effects, sqs: Any
) -> None:
    queue = effects.url(names.queue("local", "accept_order"))
    good = [json.dumps(order(f"mate-{number}", ("tea-500g", 1))) for number in range(9)]
    bodies = [*good[:4], "this is no JSON", *good[4:]]
    sent = sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    )
    poison = next(entry["MessageId"] for entry in sent["Successful"] if entry["Id"] == "4")

    assert eventually(lambda: effects.depth("accept_order", dead=True) == 1)
    (dead,) = dead_letters(sqs, effects, "accept_order")
    assert (dead["MessageId"], dead["Body"]) == (poison, "this is no JSON")
    assert int(dead["Attributes"]["ApproximateReceiveCount"]) >= TOPOLOGY.queue("accept_order").receives
    why = cause(stack, poison)
    assert why["error_type"] == "Reject"
    assert "does not decode" in why["error_message"]
    assert why["function"] == "accept_order"

    assert eventually(lambda: all(effects.item("orders", f"mate-{number}") for number in range(9)))
    assert settled(effects)
    assert effects.depth("accept_order", dead=True) == 1, "its batch mates are no dead letters"
    empty(sqs, effects, "accept_order")


def test_a_dead_letter_comes_home_once_its_cause_is_fixed(
    stack: Session, effects: Effects, tap: Tap, stage: Stage
) -> None:
    assert post(f"{stack.state.api_url}/v1/orders", order("rare-1", ("rare-cup", 2)))[0] == 202
    assert eventually(lambda: effects.depth("reserve_stock", dead=True) == 1)
    assert eventually(lambda: effects.mails("rare-1")), "the other subscriber is not delayed"

    stock(stack.state.aws_endpoint_url, "rare-cup", 5)
    planned = redrive(stage, "reserve_stock")
    assert (planned.matched, planned.moved) == (1, 0)
    assert next(iter(planned.causes)).startswith("Reject: Sku rare-cup is not in the stock table")
    assert effects.depth("reserve_stock", dead=True) == 1
    assert redrive(stage, "reserve_stock", yes=True).moved == 1

    assert eventually(lambda: effects.item("reservations", "rare-1"))
    assert settled(effects)
    assert effects.available("rare-cup") == 3
    assert tap.types("rare-1") == ["OrderAccepted", "StockReserved"]
    assert len(effects.mails("rare-1")) == 1
    assert effects.depth("reserve_stock", dead=True) == 0


def test_a_poison_message_in_a_group_ends_in_the_dlq_and_its_group_goes_on_in_order(
    stack: Session, effects: Effects, tap: Tap, sqs: Any
) -> None:
    queue = effects.url(names.queue("local", "apply_payment", fifo=True))
    assert pay(stack, "grp-1", "authorize", 500)[0] == 202
    poison = sqs.send_message(
        QueueUrl=queue, MessageBody="{", MessageGroupId="grp-1", MessageDeduplicationId="grp-1-poison"
    )["MessageId"]
    assert pay(stack, "grp-1", "capture", 300)[0] == 202
    assert pay(stack, "grp-1", "refund", 100)[0] == 202
    assert pay(stack, "grp-2", "authorize", 700)[0] == 202

    assert eventually(lambda: tap.types("grp-2") == ["PaymentAuthorized"]), "another group does not wait"
    assert eventually(lambda: len(tap.types("grp-1")) == 3, within=60)
    assert sorted(tap.types("grp-1")) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]
    assert [dead["MessageId"] for dead in dead_letters(sqs, effects, "apply_payment")] == [poison]
    assert "does not decode" in cause(stack, poison)["error_message"]
    assert settled(effects)
    empty(sqs, effects, "apply_payment")


@contextmanager
def broken(stack: Session, function: str, **environment: str) -> Iterator[None]:
    """A bad deployment of a function: its environment changed, and put right again."""
    functions, name = client("lambda", stack.state.aws_endpoint_url), names.resource("local", function)
    good = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": good | environment})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": good})


def test_payments_that_failed_under_a_broken_consumer_come_home_in_order(
    stack: Session, effects: Effects, tap: Tap, stage: Stage, sqs: Any
) -> None:
    ids = ["home-1", "home-2", "home-3"]
    steps = (("authorize", 500), ("capture", 300), ("refund", 100))
    with broken(stack, "apply_payment", TABLE_PAYMENTS="no-such-table", BACKOFF_BASE="0.1"):
        for action, amount in steps:
            assert [pay(stack, order_id, action, amount)[0] for order_id in ids] == [202] * 3
        assert eventually(lambda: effects.depth("apply_payment", dead=True) == 9, within=90)
        causes = {cause(stack, dead["MessageId"])["error_type"] for dead in dead_letters(sqs, effects, "apply_payment")}
        assert causes <= {"ResourceNotFoundException", "Behind"}, causes
        assert all(tap.types(order_id) == [] for order_id in ids)

    assert redrive(stage, "apply_payment", yes=True).moved == 9
    assert eventually(lambda: all(len(tap.types(order_id)) == 3 for order_id in ids), within=60)
    for order_id in ids:
        assert sorted(tap.types(order_id)) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]
        payment = effects.item("payments", order_id)
        assert payment is not None
        assert (payment["state"], payment["amount"]) == ("refunded", "100"), "in order, or one would have been declined"
    assert settled(effects)
    assert effects.depth("apply_payment", dead=True) == 0
