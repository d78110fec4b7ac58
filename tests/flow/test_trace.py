"""`python -m ops trace` prints the whole path of a request, from the API's answer to its last subscriber."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.effects import Effects, eventually, post
from local.seed import stock
from local.session import Session
from ops.redrive import redrive
from ops.stage import Stage
from tests.flow.test_orders import order

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("flow")]

ROOT = Path(__file__).resolve().parents[2]


def trace(stack: Session, id_: str, *options: str) -> str:
    environment = {**os.environ, "HEADRACE_LOCAL": str(stack.home), "COLUMNS": "170"}
    done = subprocess.run(
        [sys.executable, "-m", "ops", "trace", id_, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def row(text: str, word: str) -> str:
    return next((line for line in text.splitlines() if f"─ {word}" in line or line.startswith(word)), "")


def test_a_request_is_traced_from_the_api_to_the_last_subscriber(stack: Session, effects: Effects) -> None:
    status, answer, _ = post(f"{stack.state.api_url}/v1/orders", order("trace-1", ("tea-500g", 1)))
    assert status == 202
    text = eventually(lambda: (found := trace(stack, answer["message_id"])) and "left to be done" in found and found)
    assert text, trace(stack, answer["message_id"])
    assert answer["correlation_id"] in text
    assert "1 request, 4 messages, 2 events" in text
    assert "202" in row(text, "POST /v1/orders")
    for queue in ("accept_order", "reserve_stock", "confirm_order", "ship_order"):
        assert "processed" in row(text, queue), queue
    order_of_rows = [
        text.index(word) for word in ("POST", "accept_order", "OrderAccepted", "StockReserved", "ship_order")
    ]
    assert order_of_rows == sorted(order_of_rows)

    told = json.loads(trace(stack, answer["correlation_id"], "--json"))
    (accepted,) = told["requests"][0]["deliveries"]
    assert accepted["state"] == "processed"
    event = accepted["events"][0]["id"]
    assert row(trace(stack, event), "POST /v1/orders"), "an event's id finds the same path"


def test_a_dead_letter_is_traced_to_its_queue_its_cause_and_home_again(stack: Session, effects: Effects) -> None:
    headers = {"x_correlation_id": "corr-trace-twin"}
    assert post(f"{stack.state.api_url}/v1/orders", order("trace-2", ("trace-cup", 2)), **headers)[0] == 202
    assert eventually(lambda: effects.depth("reserve_stock", dead=True) == 1)
    text = eventually(lambda: (found := trace(stack, "corr-trace-twin")) and "1 dead letter" in found and found)
    assert text, trace(stack, "corr-trace-twin")
    assert "rests in reserve_stock-dlq" in row(text, "reserve_stock")
    assert "rejected: Reject: Sku trace-cup is not in the stock table" in row(text, "tries 1 to 5")
    assert "processed" in row(text, "confirm_order")

    stock(stack.state.aws_endpoint_url, "trace-cup", 5)
    assert redrive(Stage.open("local", stack.home), "reserve_stock", yes=True).moved == 1
    text = eventually(lambda: (found := trace(stack, "corr-trace-twin")) and "left to be done" in found and found)
    assert text, trace(stack, "corr-trace-twin")
    assert "died, was redriven" in row(text, "reserve_stock")
    assert "processed, redriven" in row(text, "↻ reserve_stock")
    assert "processed" in row(text, "ship_order")


def test_an_id_that_nobody_knows_is_one_sentence(stack: Session) -> None:
    text = trace(stack, "corr-nobody")
    assert "Nothing is known of corr-nobody in stage local" in text
