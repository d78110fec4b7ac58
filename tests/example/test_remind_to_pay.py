"""remind_to_pay: one e-mail an order, and none for one that is paid."""

from __future__ import annotations

import pytest
from moto.ses.models import ses_backends

from functions.contracts.payments import PaymentAuthorized
from functions.contracts.reminders import RemindToPay
from functions.plan_reminder.handler import handle
from functions.remind_to_pay.handler import handler
from functions.runtime.message import Message
from local.rehearsal import Rehearsal
from local.state import REGION
from tests.fixtures import Context
from tests.functions.events import batch, failed, record

REMINDER = RemindToPay(order_id="ord-1", customer_email="ada@example.com", currency="EUR", total=123_450)


@pytest.fixture
def post(aws: Rehearsal) -> list[object]:
    return ses_backends["123456789012"][REGION].sent_messages


def test_the_customer_gets_one_reminder_however_often_it_comes(post: list[object], context: Context) -> None:
    for _ in range(2):
        assert failed(handler(batch(record(REMINDER)), context)) == []
    assert len(post) == 1
    assert "payment of 1,234.50 EUR" in str(vars(post[0]))


def test_who_paid_is_not_reminded_whichever_came_first(post: list[object], context: Context) -> None:
    paid = PaymentAuthorized(order_id="ord-1", amount=123_450, currency="EUR")
    handle(paid, Message(id="m", key="k", cause="c", causation_id="c", correlation_id="c"))
    assert failed(handler(batch(record(REMINDER)), context)) == []
    assert post == []
