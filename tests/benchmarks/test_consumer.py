"""The benchmark of the consumers measures what it says, and the claims that no machine can blur hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import consumer, sides
from benchmarks.endpoint import Endpoint, Served, endpoint
from benchmarks.records import LINES
from benchmarks.sides import BATCH, CONSUMERS, ORDERS, Side
from benchmarks.worker import WARM

MESSAGES = 1 + (WARM + 1) * BATCH
INVOCATIONS = 1 + WARM + 1


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with endpoint(0) as served:
        yield served


def calls(served: Served, side: Side, *, keyed: bool = False) -> tuple[dict[str, int], int]:
    """What the side asks for its messages, and the write units of it."""
    served.counted()
    side.run(served, 1, keyed=keyed)
    counted = served.counted()
    return counted.calls, counted.units


@pytest.mark.parametrize(
    ("side", "keyed", "expected", "units"),
    [
        (sides.headrace, False, {"PutItem": MESSAGES, "PutEvents": INVOCATIONS}, MESSAGES),
        (sides.headrace, True, {"PutItem": 2 * MESSAGES, "PutEvents": INVOCATIONS}, 2 * MESSAGES),
        (sides.lean, True, {"PutItem": 2 * MESSAGES, "PutEvents": INVOCATIONS}, 2 * MESSAGES),
        (
            lambda _: sides.standard(),
            True,
            {"PutItem": 2 * MESSAGES, "PutEvents": MESSAGES, "UpdateItem": MESSAGES},
            3 * MESSAGES,
        ),
    ],
    ids=["ours", "ours with keys", "lean with keys", "standard"],
)
def test_an_order_costs_these_calls_and_write_units(
    served: Served, side: Callable[[str], Side], keyed: bool, expected: dict[str, int], units: int
) -> None:
    assert calls(served, side(ORDERS), keyed=keyed) == (expected, units)


@pytest.mark.proof
@pytest.mark.parametrize("word", CONSUMERS)
def test_a_lean_consumer_does_what_ours_does(served: Served, word: str) -> None:
    ours, lean = (calls(served, side)[0] for side in (sides.headrace(word), sides.lean(word)))
    assert ours.get("PutEvents") == lean.get("PutEvents")
    assert ours.get("SendEmail") == lean.get("SendEmail")
    assert sum(lean.values()) <= sum(ours.values()), "a careful user makes no call that we do not make"


def test_ten_threads_make_the_same_calls(served: Served) -> None:
    assert calls(served, sides.lean(ORDERS, threads=10)) == calls(served, sides.lean(ORDERS))


def test_a_side_that_fails_messages_is_no_measurement(served: Served) -> None:
    nowhere = Served(served.url.rpartition(":")[0] + ":9", served.authority)
    with pytest.raises(RuntimeError, match="failed 1 of 1 messages"):
        sides.headrace(ORDERS).run(nowhere)


def test_a_transaction_costs_twice_what_its_writes_cost() -> None:
    fake = Endpoint(0)
    order = {"TableName": "reservations", "Item": {"order_id": {"S": "ord-1"}}}
    stock = {
        "TableName": "stock",
        "Key": {"sku": {"S": LINES[0]["sku"]}},
        "UpdateExpression": "SET available = available - :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    assert fake.answer("TransactWriteItems", {"TransactItems": [{"Put": order}, {"Update": stock}]})[0] == 200
    assert fake.units == 4
    large = order | {"Item": {"order_id": {"S": "ord-2"}, "note": {"S": "x" * 2_000}}}
    assert fake.answer("PutItem", large)[0] == 200
    assert fake.units == 4 + 2


def test_a_write_whose_condition_fails_is_refused() -> None:
    fake = Endpoint(0)
    order = {"TableName": "orders", "Item": {"order_id": {"S": "ord-1"}}}
    order |= {"ConditionExpression": "attribute_not_exists(order_id)"}
    assert [fake.answer("PutItem", order)[0] for _ in range(2)] == [200, 400]


def test_a_ratio_is_of_the_medians_and_says_nothing_where_there_is_no_other_side() -> None:
    runs = {
        "lean": [{"cpu": 2.0}, {"cpu": 4.0}, {"cpu": 30.0}],
        "headrace": [{"cpu": 1.0}, {"cpu": 2.0}, {"cpu": 3.0}],
    }
    found = consumer._figure(runs, lambda own: consumer._median(own, "cpu"))
    assert found == {"lean": 4, "headrace": 2, "ratio_lean": 0.5}


def test_the_figures_are_printed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    figure = {"standard": 2.0, "lean": 4.0, "headrace": 1.0, "ratio": 0.5, "ratio_lean": 0.25}
    told: dict[str, Any] = dict.fromkeys(consumer.FIGURES, figure)
    told["batch_wall"] = figure | {"lean_threads": 28.0}
    told["consumers"] = {word: dict.fromkeys(consumer.EACH, figure) for word in CONSUMERS}
    monkeypatch.setattr(consumer, "measure", lambda: told)
    consumer.run(as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {
        *("cold_start_cpu", "first_invocation_cpu", "peak_memory", "calls_per_message", "calls_per_message_keyed"),
        *("write_units_keyed", "cpu_per_message", "batch_wall", "throughput", "consumers"),
    }
    consumer.run(as_json=False)
    said = capsys.readouterr().out
    assert "28.0 ms a batch of ten" in said
    assert all(word in said for word in CONSUMERS)
