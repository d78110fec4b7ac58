"""release_stock: what was reserved goes back once, and nothing else does."""

from __future__ import annotations

import pytest

from functions.contracts.shipping import StockReleaseAsked
from functions.release_stock.handler import handler
from functions.reserve_stock.handler import handler as reserve
from local.rehearsal import Rehearsal
from tests.example.messages import accepted
from tests.functions.events import batch, delivered, failed

ASKED = delivered(StockReleaseAsked(order_id="ord-1", cause="why"), event_id="asked")


@pytest.fixture
def stocked(aws: Rehearsal) -> Rehearsal:
    aws.put("stock", {"sku": "tea", "available": 5})
    aws.put("stock", {"sku": "cup", "available": 1})
    return aws


def available(aws: Rehearsal) -> dict[str, int]:
    return {item["sku"]: int(item["available"]) for item in aws.items("stock")}


def test_every_line_goes_back_once_however_often_it_is_asked(stocked: Rehearsal) -> None:
    reserve(batch(delivered(accepted(tea=2, cup=1))))
    assert available(stocked) == {"tea": 3, "cup": 0}
    for asked in (ASKED, ASKED, delivered(StockReleaseAsked(order_id="ord-1", cause="again"), event_id="again")):
        assert failed(handler(batch(asked))) == []
        assert available(stocked) == {"tea": 5, "cup": 1}
    assert [each["type"] for each in stocked.published()].count("StockReleased") == 3, "who asks is told, each time"


def test_what_is_given_back_is_not_taken_again_by_the_order_that_comes_again(stocked: Rehearsal) -> None:
    order = delivered(accepted(tea=2))
    reserve(batch(order))
    handler(batch(ASKED))
    reserve(batch(order))
    assert available(stocked)["tea"] == 5


@pytest.mark.parametrize("quantity", [0, 9])
def test_nothing_goes_back_of_what_was_short_or_never_reserved(stocked: Rehearsal, quantity: int) -> None:
    if quantity:
        reserve(batch(delivered(accepted(tea=quantity))))
    assert failed(handler(batch(ASKED))) == []
    assert available(stocked) == {"tea": 5, "cup": 1}
    assert stocked.published()[-1]["type"] == "StockReleased"


def test_an_article_that_is_gone_is_rejected_and_nothing_goes_back(aws: Rehearsal) -> None:
    aws.put("stock", {"sku": "tea", "available": 5})
    quantities = {"tea": 1, "gone": 1}
    aws.put("reservations", {"order_id": "ord-1", "quantities": quantities, "short": [], "holds": {}})
    assert len(failed(handler(batch(ASKED)))) == 1
    (cause,) = aws.items("failures")
    assert cause["error_message"] == "Sku gone is not in the stock table; add it to the stock table, then redrive."
    assert available(aws) == {"tea": 5}


def test_a_worker_that_gave_it_back_a_moment_before_changes_nothing(
    stocked: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve(batch(delivered(accepted(tea=2))))
    handler(batch(ASKED))
    monkeypatch.setattr("functions.release_stock.handler.returned", lambda reservation: {"tea": 2})
    assert failed(handler(batch(ASKED))) == []
    assert available(stocked)["tea"] == 5
