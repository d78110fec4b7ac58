"""The workflow ship_order: an order leaves once, when both facts are known; or its stock and its money go back."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from functions.contracts.payments import PaymentCaptured, PaymentRefunded
from functions.contracts.stock import StockReleased, StockReserved, StockShort
from functions.contracts.workflow import MessageDied
from functions.follow_workflow.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, delivered

RESERVED = delivered(StockReserved(order_id="ord-1"), event_id="reserved")
CAPTURED = delivered(PaymentCaptured(order_id="ord-1", amount=900, currency="EUR"), event_id="captured")
DIED = delivered(MessageDied(consumer="apply_payment", keys={"order_id": "ord-1"}, cause="Reject: no"), event_id="died")


def told(aws: Rehearsal) -> list[tuple[str, dict[str, Any]]]:
    return [(each["type"], each["data"]) for each in aws.published()]


@pytest.mark.parametrize("facts", list(permutations([RESERVED, CAPTURED])))
def test_the_second_fact_ships_whichever_it_is(aws: Rehearsal, facts: tuple[dict[str, Any], ...]) -> None:
    handler(batch(facts[0]))
    assert aws.published() == []
    handler(batch(facts[1]))
    assert told(aws) == [("OrderShipped", {"order_id": "ord-1"})]


@pytest.mark.parametrize("facts", ["rrcc", "rcrc", "rccr", "crcr"])
def test_redeliveries_in_any_order_ship_one_event(aws: Rehearsal, facts: str) -> None:
    for fact in facts:
        handler(batch({"r": RESERVED, "c": CAPTURED}[fact]))
    assert len({envelope["id"] for envelope in aws.published()}) == 1


def test_facts_of_two_tenants_about_one_order_id_ship_nothing_together(aws: Rehearsal) -> None:
    reserved = delivered(StockReserved(order_id="ord-1"), event_id="reserved", tenant="a")
    captured = delivered(PaymentCaptured(order_id="ord-1", amount=900, currency="EUR"), event_id="captured", tenant="b")
    handler(batch(reserved, captured))
    assert aws.published() == []


def test_a_payment_that_dies_after_the_stock_was_reserved_gives_the_stock_back(aws: Rehearsal) -> None:
    cause = "apply_payment failed for good: Reject: no"
    handler(batch(RESERVED))
    handler(batch(DIED))
    assert told(aws) == [("StockReleaseAsked", {"order_id": "ord-1", "cause": cause})]
    handler(batch(delivered(StockReleased(order_id="ord-1"), event_id="released")))
    assert told(aws) == [("OrderUndone", {"order_id": "ord-1", "cause": cause})]


def test_a_payment_that_comes_after_that_is_returned(aws: Rehearsal) -> None:
    handler(batch(DIED))
    assert [name for name, _ in told(aws)] == ["OrderUndone"]
    handler(batch(CAPTURED))
    ((name, data),) = told(aws)
    assert (name, data["amount"], data["currency"]) == ("PaymentReturnAsked", 900, "EUR")


def test_what_is_captured_for_what_is_short_is_returned(aws: Rehearsal) -> None:
    handler(batch(CAPTURED))
    handler(batch(delivered(StockShort(order_id="ord-1", short=("tea",)), event_id="short")))
    assert [name for name, _ in told(aws)] == ["PaymentReturnAsked"]
    refunded = PaymentRefunded(order_id="ord-1", amount=900, currency="EUR")
    handler(batch(delivered(refunded, event_id="refunded")))
    assert told(aws) == [("OrderUndone", {"order_id": "ord-1", "cause": "StockShort"})]


def test_a_customer_who_gives_something_back_undoes_nothing(aws: Rehearsal) -> None:
    refunded = delivered(PaymentRefunded(order_id="ord-1", amount=300, currency="EUR"), event_id="refunded")
    handler(batch(refunded))
    handler(batch(RESERVED))
    handler(batch(CAPTURED))
    handler(batch(refunded))
    assert told(aws) == [("OrderShipped", {"order_id": "ord-1"})]
