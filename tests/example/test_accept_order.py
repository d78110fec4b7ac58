"""accept_order: an order is stored once, and its acceptance is told as often as asked."""

from __future__ import annotations

import time
from uuid import uuid5

from functions.accept_order.handler import handler
from functions.contracts.orders import OrderLine
from functions.runtime.publisher import NAMESPACE
from local.rehearsal import Rehearsal
from tests.example.messages import order
from tests.functions.events import batch, failed, record


def test_an_order_is_stored_and_its_acceptance_published(aws: Rehearsal) -> None:
    assert failed(handler(batch(record(order(), correlation_id="corr-1")))) == []
    (item,) = aws.items("orders")
    assert (item["order_id"], item["total"], item["lines"][0]["sku"]) == ("ord-1", 900, "tea")
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["correlation_id"]) == ("OrderAccepted", "corr-1")
    assert envelope["data"]["total"] == 900


def test_the_same_order_again_publishes_the_same_event_and_changes_nothing(aws: Rehearsal) -> None:
    handler(batch(record(order())))
    (first,) = aws.published()
    assert failed(handler(batch(record(order())))) == []
    (second,) = aws.published()
    assert (first["id"], first["data"]) == (second["id"], second["data"])
    assert len(aws.items("orders")) == 1


def test_another_body_under_a_known_order_id_is_rejected_with_the_cause_recorded(aws: Rehearsal) -> None:
    handler(batch(record(order())))
    clash = record(order(currency="USD"), message_id="clash")
    assert failed(handler(batch(clash, record(order("ord-2"))))) == ["clash"]
    (cause,) = aws.items("failures")
    assert cause["message_id"] == "clash"
    assert cause["error_type"] == "Reject"
    assert "already placed with another body" in cause["error_message"]
    assert {item["order_id"]: item["currency"] for item in aws.items("orders")} == {"ord-1": "EUR", "ord-2": "EUR"}


def test_a_body_that_does_not_decode_fails_alone(aws: Rehearsal) -> None:
    report = handler(batch(record("{", message_id="bad"), record(order())))
    assert failed(report) == ["bad"]
    assert len(aws.items("orders")) == 1


def test_a_key_that_comes_again_with_its_order_is_the_same_request(aws: Rehearsal) -> None:
    for _ in range(2):
        assert failed(handler(batch(record(order(), idempotency_key="k-1")))) == []
    assert len(aws.items("orders")) == 1
    assert len({envelope["id"] for envelope in aws.published()}) == 1


def test_a_key_that_comes_again_with_another_order_is_rejected_and_nothing_is_stored(aws: Rehearsal) -> None:
    handler(batch(record(order(), idempotency_key="k-1")))
    clash = record(order("ord-2"), idempotency_key="k-1", message_id="clash")
    assert failed(handler(batch(clash))) == ["clash"]
    (cause,) = aws.items("failures")
    assert (cause["error_type"], cause["error_message"].split(";")[0]) == (
        "Reject",
        "Idempotency key k-1 came before with another body",
    )
    assert [item["order_id"] for item in aws.items("orders")] == ["ord-1"]


def test_keys_are_each_tenants_own(aws: Rehearsal) -> None:
    for tenant in ("acme", "zen"):
        one = record(order(f"ord-{tenant}"), idempotency_key="k-1", tenant=tenant)
        assert failed(handler(batch(one))) == []
    assert len(aws.items("orders")) == 2


def test_a_key_is_forgotten_when_its_message_can_no_longer_come_back(aws: Rehearsal) -> None:
    handler(batch(record(order(), idempotency_key="k-1")))
    (kept,) = aws.items("keys")
    assert kept["expires_at"] > time.time() + 14 * 86_400


def test_an_order_whose_total_no_amount_can_say_is_rejected_before_it_is_stored(aws: Rehearsal) -> None:
    lines = (OrderLine(sku="tea", quantity=2, unit_price=10**12),)
    dear = record(order(lines=lines), idempotency_key="k-1", message_id="dear")
    assert failed(handler(batch(dear))) == ["dear"]
    assert (aws.items("orders"), aws.items("keys"), aws.published()) == ([], [], [])
    (cause,) = aws.items("failures")
    assert cause["error_type"] == "Reject"
    assert "total of order ord-1 is 2,000,000,000,000, which is too large" in cause["error_message"]


def test_an_order_id_is_each_tenants_own(aws: Rehearsal) -> None:
    for tenant, currency in (("a", "EUR"), ("b", "USD")):
        assert failed(handler(batch(record(order(currency=currency), tenant=tenant)))) == []
    assert {item["order_id"]: item["currency"] for item in aws.items("orders")} == {
        "/a/ord-1": "EUR",
        "/b/ord-1": "USD",
    }
    first, second = aws.published()
    assert first["id"] != second["id"]
    assert first["data"]["order_id"] == second["data"]["order_id"] == "ord-1"


def test_keys_of_tenants_that_look_alike_are_two_keys(aws: Rehearsal) -> None:
    one = record(order("ord-1"), tenant="a/b", idempotency_key="c")
    other = record(order("ord-2"), tenant="a", idempotency_key="b/c")
    assert failed(handler(batch(one, other))) == []
    assert sorted(item["key"] for item in aws.items("keys")) == ["PlaceOrder/a%2Fb/c", "PlaceOrder/a/b%2Fc"]


def test_a_key_that_first_comes_with_an_order_that_is_there_stands_for_that_order(aws: Rehearsal) -> None:
    handler(batch(record(order())))
    assert failed(handler(batch(record(order(), idempotency_key="k-1")))) == []
    assert failed(handler(batch(record(order("ord-2"), idempotency_key="k-1", message_id="clash")))) == ["clash"]


def test_what_is_known_of_a_message_without_a_tenant_keeps_its_names(aws: Rehearsal) -> None:
    handler(batch(record(order(), idempotency_key="k-1")))
    (told,) = aws.published()
    assert told["id"] == str(uuid5(NAMESPACE, "PlaceOrder/ord-1/OrderAccepted/0"))
    assert [item["key"] for item in aws.items("keys")] == ["PlaceOrder//k-1"]
    assert [item["order_id"] for item in aws.items("orders")] == ["ord-1"]
