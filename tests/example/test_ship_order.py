"""ship_order: an order leaves once, when both facts are known, whichever comes first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from functions.contracts.payments import PaymentCaptured
from functions.contracts.stock import StockReserved
from functions.ship_order.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, delivered

RESERVED = delivered(StockReserved(order_id="ord-1"), event_id="reserved")
CAPTURED = delivered(PaymentCaptured(order_id="ord-1", amount=900, currency="EUR"), event_id="captured")


@pytest.mark.parametrize("facts", list(permutations([RESERVED, CAPTURED])))
def test_the_second_fact_ships_whichever_it_is(aws: Rehearsal, facts: tuple[dict[str, Any], ...]) -> None:
    handler(batch(facts[0]))
    assert aws.published() == []
    handler(batch(facts[1]))
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["data"]) == ("OrderShipped", {"order_id": "ord-1"})


@pytest.mark.parametrize("facts", ["rrcc", "rcrc", "rccr", "crcr"])
def test_redeliveries_in_any_order_ship_one_event(aws: Rehearsal, facts: str) -> None:
    for fact in facts:
        handler(batch({"r": RESERVED, "c": CAPTURED}[fact]))
    assert len({envelope["id"] for envelope in aws.published()}) == 1


def test_a_second_capture_ships_nothing_more(aws: Rehearsal) -> None:
    again = delivered(PaymentCaptured(order_id="ord-1", amount=900, currency="EUR"), event_id="captured-again")
    handler(batch(RESERVED, CAPTURED, again))
    assert len(aws.published()) == 1


def test_facts_of_two_tenants_about_one_order_id_ship_nothing_together(aws: Rehearsal) -> None:
    reserved = delivered(StockReserved(order_id="ord-1"), event_id="reserved", tenant="a")
    captured = delivered(PaymentCaptured(order_id="ord-1", amount=900, currency="EUR"), event_id="captured", tenant="b")
    handler(batch(reserved, captured))
    assert aws.published() == []
