"""The path of a request is what its log lines tell: every hop under what caused it, however the lines arrive."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.commands.tree import tree
from ops.logs import Line, read
from ops.path import Delivery, Fact, Path, Resting, path
from tests.ops.lines import START, answered, handled, order_to_cash


def lines(texts: Iterable[str]) -> list[Line]:
    found = [read(text) for text in texts]
    assert None not in found, "every line is understood"
    return [line for line in found if line is not None]


def told(*texts: str, resting: Iterable[Resting] = ()) -> Path:
    return path("corr-1", lines(texts), resting)


def shape(deliveries: list[Delivery]) -> dict[str, Any]:
    """Queues, and below each the events by type, and below those their queues."""
    return {delivery.queue: {fact.type: shape(fact.deliveries) for fact in delivery.events} for delivery in deliveries}


def shown(found: Path, width: int = 200) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(tree(found, width))
    return capture.get()


def only(deliveries: list[Delivery]) -> Delivery:
    (delivery,) = deliveries
    return delivery


@given(st.randoms())
def test_every_hop_hangs_under_what_caused_it_in_whatever_order_lines_arrive(random_: random.Random) -> None:
    texts = order_to_cash()
    random_.shuffle(texts)
    found = told(*texts)
    (request,) = found.requests
    assert (request.route, request.status, request.at, request.latency) == ("POST /v1/orders", "202", START, 21)
    assert shape(request.deliveries) == {
        "accept_order": {
            "OrderAccepted": {
                "reserve_stock": {"StockReserved": {"ship_order": {"OrderShipped": {}}}},
                "confirm_order": {},
            }
        }
    }
    assert (found.strays, found.facts, found.awaited()) == ([], [], [])


def test_times_between_hops_are_shown() -> None:
    text = shown(told(*order_to_cash()))
    (row,) = [row for row in text.splitlines() if "reserve_stock" in row]
    assert "0.020 s" in row, "from its publisher's outcome to the queue"
    assert "0.080 s" in row, "from the queue to its own outcome"
    assert "+0.200 s" in row, "since the request"
    assert "1 request, 4 messages, 3 events in 0.400 s" in text
    assert "Nothing of it is left to be done." in text


def test_a_request_that_was_refused_is_found_by_its_request_id() -> None:
    refused = answered(status="400", correlation_id="-", error="BAD_REQUEST_BODY")
    found = path("req-1", lines([refused]))
    assert [(request.status, request.error) for request in found.requests] == [("400", "BAD_REQUEST_BODY")]
    assert "No message came of it." in shown(found)


def test_subscribers_that_left_no_line_are_named() -> None:
    found = told(answered(), handled("accept_order", "m1", 100, request=0, publishes={"OrderAccepted": "e1"}))
    assert sorted(found.awaited()) == ["confirm_order", "reserve_stock"]
    assert "not heard of yet" in shown(found)


def test_an_accepted_request_without_a_line_is_awaited_at_its_queue() -> None:
    assert told(answered()).awaited() == ["accept_order"]
    assert told(answered(status="503")).awaited() == []


def failing(message_id: str, *attempts: int, at: int = 200, **more: Any) -> list[str]:
    error = {"error_type": "Reject", "error": "no such sku"}
    return [
        handled(
            "reserve_stock",
            message_id,
            at + number,
            outcome="rejected",
            attempt=number,
            event="e1",
            **{"sent": 120, **error, **more},
        )
        for number in attempts
    ]


ACCEPTED = handled("accept_order", "m1", 100, request=0, publishes={"OrderAccepted": "e1"}, sent=15)


def test_a_message_that_fails_is_retried_until_its_receives_ran_out() -> None:
    trying = only(told(*failing("m2", 1, 2)).facts[0].deliveries)
    assert trying.state == "retried"
    out = only(told(*failing("m2", 1, 2, 3, 4, 5)).facts[0].deliveries)
    assert out.state == "gone", "SQS moved it, and nobody has seen it in its dead-letter queue"
    late = only(told(*failing("m2", 1), handled("reserve_stock", "m2", 900, attempt=2, event="e1")).facts[0].deliveries)
    assert late.state == "processed"


def test_a_dead_letter_says_where_it_rests_and_what_to_type() -> None:
    dead = Resting(
        queue="reserve_stock",
        rests_in="reserve_stock-dlq",
        message_id="m2",
        sent=START + 120,
        cause="Reject: no such sku",
    )
    found = told(answered(), ACCEPTED, *failing("m2", 1, 2, 3, 4, 5), resting=[dead])
    text = shown(found)
    assert "rests in reserve_stock-dlq" in text
    assert "tries 1 to 5" in text
    assert text.count("Reject: no such sku") == 1, "tries that ended alike are told once"
    assert "python -m ops redrive reserve_stock-dlq --yes" in text


def test_a_dead_letter_whose_worker_left_no_line_hangs_under_its_event_with_its_cause() -> None:
    dead = Resting(
        queue="reserve_stock",
        rests_in="reserve_stock-dlq",
        message_id="m2",
        sent=START + 120,
        cause="WorkerDied: no failure was seen",
        event_id="e1",
    )
    found = told(answered(), ACCEPTED, resting=[dead])
    (fact,) = only(found.requests[0].deliveries).events
    assert only(fact.deliveries).state == "dead"
    assert fact.awaited == ["confirm_order"]
    assert "rests in reserve_stock-dlq: WorkerDied: no failure was seen" in shown(found)


@pytest.mark.parametrize("stamp", ["1 20261121-101500-3f", None], ids=["by ops redrive", "by the console"])
def test_a_message_that_was_brought_home_hangs_under_the_one_that_died(stamp: str | None) -> None:
    home = handled(
        "reserve_stock", "m9", 5000, event="e1", publishes={"StockReserved": "e2"}, redriven=stamp, sent=4000
    )
    found = told(answered(), ACCEPTED, *failing("m2", 1, 2, 3, 4, 5), home)
    (fact,) = only(found.requests[0].deliveries).events
    died = only(fact.deliveries)
    assert (died.message_id, died.state) == ("m2", "redriven")
    copy = only(died.copies)
    assert (copy.message_id, copy.state, [event.type for event in copy.events]) == (
        "m9",
        "processed",
        ["StockReserved"],
    )
    assert "↻ reserve_stock" in shown(found)


def test_a_redriven_command_hangs_under_the_request_that_it_came_with() -> None:
    error = {"error_type": "Retry", "error": "later"}
    tries = [
        handled("accept_order", "m1", 10 * n, outcome="retried", attempt=n, request=0, **error) for n in range(1, 6)
    ]
    found = told(answered(), *tries, handled("accept_order", "m7", 9000, request=0, redriven="1 run"))
    died = only(found.requests[0].deliveries)
    assert [copy.message_id for copy in died.copies] == ["m7"]
    assert found.strays == []


def test_an_event_delivered_twice_is_two_messages_and_published_twice_is_told_once() -> None:
    again = handled("accept_order", "m5", 600, outcome="duplicate", request=500, publishes={"OrderAccepted": "e1"})
    second = handled("reserve_stock", "m6", 700, outcome="duplicate", event="e1")
    found = told(*order_to_cash(), answered(500), again, second)
    first, repeated = (only(request.deliveries) for request in found.requests)
    assert [delivery.message_id for delivery in first.events[0].deliveries] == ["m2", "m3", "m6"]
    assert [(fact.type, fact.again, fact.deliveries) for fact in repeated.events] == [("OrderAccepted", True, [])]
    assert len(list(found.events())) == 3


def test_lines_of_another_correlation_id_are_no_part_of_the_path() -> None:
    mine = handled("accept_order", "m1", 100, request=0)
    other = handled("accept_order", "m8", 100, request=0, correlation_id="corr-2")
    assert [delivery.message_id for delivery in told(answered(), mine, other).deliveries()] == ["m1"]


def test_an_event_whose_publisher_left_no_line_is_a_beginning_of_its_own() -> None:
    (fact,) = told(handled("confirm_order", "m3", 250, event="e1")).facts
    assert isinstance(fact, Fact)
    assert (fact.id, fact.at, only(fact.deliveries).queue) == ("e1", None, "confirm_order")


def test_a_narrow_terminal_shows_the_whole_path_without_ids() -> None:
    text = shown(told(*order_to_cash()), width=90)
    assert all(word in text for word in ("POST /v1/orders", "StockReserved", "ship_order", "processed", "+0.400 s"))
    assert "m4" not in text


def test_what_else_is_in_the_logs_is_passed_over() -> None:
    for text in ("START RequestId: 1", '{"_aws": {}, "service": "accept_order"}', "[]", '{"level": "DEBUG"}'):
        assert read(text) is None
