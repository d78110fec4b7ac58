"""reserve_stock: all lines or none, once, and the answer stays the same."""

from __future__ import annotations

import pytest

from functions.reserve_stock.handler import handler
from local.rehearsal import Rehearsal
from tests.example.messages import accepted
from tests.functions.events import batch, delivered, failed


@pytest.fixture
def stocked(aws: Rehearsal) -> Rehearsal:
    aws.put("stock", {"sku": "tea", "available": 5})
    aws.put("stock", {"sku": "cup", "available": 1})
    return aws


def available(aws: Rehearsal) -> dict[str, int]:
    return {item["sku"]: int(item["available"]) for item in aws.items("stock")}


def test_stock_is_taken_for_every_line(stocked: Rehearsal) -> None:
    assert failed(handler(batch(delivered(accepted(tea=2, cup=1))))) == []
    assert available(stocked) == {"tea": 3, "cup": 0}
    (envelope,) = stocked.published()
    assert (envelope["type"], envelope["causation_id"]) == ("StockReserved", "event-1")


def test_a_short_article_takes_nothing_and_is_named(stocked: Rehearsal) -> None:
    assert failed(handler(batch(delivered(accepted(tea=2, cup=2))))) == []
    assert available(stocked) == {"tea": 5, "cup": 1}
    (envelope,) = stocked.published()
    assert (envelope["type"], envelope["data"]["short"]) == ("StockShort", ["cup"])


def test_a_redelivery_takes_nothing_more_and_publishes_the_same_event(stocked: Rehearsal) -> None:
    handler(batch(delivered(accepted(tea=2))))
    handler(batch(delivered(accepted(tea=2))))
    assert available(stocked)["tea"] == 3
    first, second = stocked.published()
    assert first["id"] == second["id"]


def test_a_second_attempt_reads_what_the_first_decided(stocked: Rehearsal) -> None:
    for attempt in (1, 2):
        assert failed(handler(batch(delivered(accepted(tea=2), message_id="same", attempt=attempt)))) == []
    assert available(stocked)["tea"] == 3
    first, second = stocked.published()
    assert first["id"] == second["id"]


def test_a_short_order_stays_short_when_stock_arrives_later(stocked: Rehearsal) -> None:
    handler(batch(delivered(accepted(cup=2))))
    stocked.put("stock", {"sku": "cup", "available": 9})
    handler(batch(delivered(accepted(cup=2))))
    first, second = stocked.published()
    assert first["id"] == second["id"]
    assert first["type"] == second["type"] == "StockShort"
    assert available(stocked)["cup"] == 9


def test_an_unknown_article_is_rejected_and_works_once_it_is_added(stocked: Rehearsal) -> None:
    message = delivered(accepted(tea=1, pot=1), message_id="unknown")
    assert failed(handler(batch(message))) == ["unknown"]
    (cause,) = stocked.items("failures")
    assert cause["error_message"] == ("Sku pot is not in the stock table; add it to the stock table, then redrive.")
    stocked.put("stock", {"sku": "pot", "available": 1})
    assert failed(handler(batch(message))) == []
    assert available(stocked) == {"tea": 4, "cup": 1, "pot": 0}


def test_more_articles_than_one_message_may_take_are_rejected(stocked: Rehearsal) -> None:
    order = accepted("ord-1", **{f"sku-{number}": 1 for number in range(100)})
    assert failed(handler(batch(delivered(order, message_id="many")))) == ["many"]
    (cause,) = stocked.items("failures")
    assert cause["error_type"] == "Reject"
    assert "takes from 100 counters, but 99 are the most of one message; split it." in cause["error_message"]


def test_an_order_of_as_many_articles_as_may_be_is_reserved(stocked: Rehearsal) -> None:
    articles = {f"sku-{number}": 1 for number in range(99)}
    for sku in articles:
        stocked.put("stock", {"sku": sku, "available": 1})
    assert failed(handler(batch(delivered(accepted("ord-1", **articles))))) == []
    assert {left for sku, left in available(stocked).items() if sku in articles} == {0}
