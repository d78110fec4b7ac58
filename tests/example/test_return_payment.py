"""return_payment: what was captured is refunded once."""

from __future__ import annotations

from functions.contracts.shipping import PaymentReturnAsked
from functions.return_payment.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, delivered, failed

ASKED = delivered(PaymentReturnAsked(order_id="ord-1", amount=900, currency="EUR", cause="why"), event_id="asked")


def test_what_was_captured_is_refunded_once_and_told_each_time(aws: Rehearsal) -> None:
    aws.put("payments", {"order_id": "ord-1", "state": "captured", "amount": 900, "currency": "EUR"})
    for _ in range(2):
        assert failed(handler(batch(ASKED))) == []
        (item,) = aws.items("payments")
        assert (item["state"], item["amount"], item["returned"]) == ("refunded", 900, "asked")
    told = aws.published()
    assert {(each["type"], each["data"]["amount"]) for each in told} == {("PaymentRefunded", 900)}
    assert len({each["id"] for each in told}) == 1


def test_what_a_person_refunded_before_stays_as_it_is(aws: Rehearsal) -> None:
    aws.put("payments", {"order_id": "ord-1", "state": "refunded", "amount": 900, "currency": "EUR"})
    assert failed(handler(batch(ASKED))) == []
    (item,) = aws.items("payments")
    assert "returned" not in item
    assert [each["type"] for each in aws.published()] == ["PaymentRefunded"]


def test_of_what_a_person_refunded_a_part_the_rest_is_refunded_once(aws: Rehearsal) -> None:
    aws.put("payments", {"order_id": "ord-1", "state": "refunded", "amount": 300, "currency": "EUR"})
    for _ in range(2):
        assert failed(handler(batch(ASKED))) == []
        (item,) = aws.items("payments")
        assert (item["state"], item["amount"], item["returned"]) == ("refunded", 900, "asked")
    assert {each["data"]["amount"] for each in aws.published()} == {900}
