"""plan_reminder: a reminder waits under the order's id from its acceptance on, until a payment takes it back."""

from __future__ import annotations

import json
import time

from functions.contracts.payments import PaymentAuthorized
from functions.plan_reminder.handler import handler
from functions.plan_reminder.logic import DUE
from local.rehearsal import Rehearsal
from tests.example.messages import accepted
from tests.functions.events import batch, delivered, failed

ACCEPTED = delivered(accepted(), event_id="accepted", tenant="acme")
AUTHORIZED = delivered(
    PaymentAuthorized(order_id="ord-1", amount=900, currency="EUR"), event_id="authorized", tenant="acme"
)


def test_a_reminder_waits_for_three_days_under_the_orders_id(aws: Rehearsal) -> None:
    before = time.time()
    assert failed(handler(batch(ACCEPTED))) == []
    (ask,) = aws.planned()
    assert ask.key == "remind_to_pay/%2Facme%2Ford-1"
    assert ask.at is not None
    assert before + DUE - 1 <= ask.at / 1000 <= time.time() + DUE
    assert json.loads(ask.text)["total"] == 900


def test_a_payment_takes_it_back_and_is_noted_for_a_reminder_that_is_planned_late(aws: Rehearsal) -> None:
    handler(batch(ACCEPTED))
    (planned,) = aws.planned()
    assert failed(handler(batch(AUTHORIZED))) == []
    (ask,) = aws.planned()
    assert (ask.key, ask.at) == (planned.key, None)
    assert [item["order_id"] for item in aws.items("paid_orders")] == ["/acme/ord-1"]


def test_an_order_that_is_paid_before_it_is_accepted_needs_no_reminder(aws: Rehearsal) -> None:
    handler(batch(AUTHORIZED))
    aws.planned()
    assert failed(handler(batch(ACCEPTED))) == []
    assert aws.planned() == []
