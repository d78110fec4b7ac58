"""confirm_order: one e-mail an order."""

from __future__ import annotations

import pytest
from moto.ses.models import ses_backends

from functions.confirm_order.handler import handler
from local.rehearsal import Rehearsal
from local.state import REGION
from tests.example.messages import accepted
from tests.fixtures import Context
from tests.functions.events import batch, delivered, failed


@pytest.fixture
def post(aws: Rehearsal) -> list[object]:
    return ses_backends["123456789012"][REGION].sent_messages


def test_the_customer_gets_one_email_however_often_the_event_comes(post: list[object], context: Context) -> None:
    for _ in range(3):
        assert failed(handler(batch(delivered(accepted())), context)) == []
    assert len(post) == 1


def test_a_refused_email_is_sent_by_a_later_delivery(
    post: list[object], context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL_FROM", "")
    message = delivered(accepted(), message_id="m")
    assert failed(handler(batch(message), context)) == ["m"]
    monkeypatch.setenv("EMAIL_FROM", "shop@example.com")
    assert failed(handler(batch(message), context)) == []
    assert len(post) == 1


def test_the_same_order_with_other_content_is_rejected(aws: Rehearsal, post: list[object], context: Context) -> None:
    handler(batch(delivered(accepted(tea=2))), context)
    assert failed(handler(batch(delivered(accepted(tea=3), event_id="event-2", message_id="other")), context)) == [
        "other"
    ]
    assert [cause["error_type"] for cause in aws.items("failures")] == ["Reject"]
    assert len(post) == 1


def test_orders_of_two_tenants_under_one_id_get_an_email_each(post: list[object], context: Context) -> None:
    for tenant, tea in (("a", 1), ("b", 2)):
        event = delivered(accepted(tea=tea), event_id=f"event-{tenant}", tenant=tenant)
        assert failed(handler(batch(event), context)) == []
    assert len(post) == 2
