"""The example's handlers in a REPL, as docs/consumer.md shows it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.functions.runtime.repl import repl

EVENT = Path(__file__).with_name("recorded") / "place_order.json"


def test_a_recorded_event_takes_effect_in_a_rehearsal() -> None:
    *_, report, orders, published = repl(
        EVENT,
        """
from functions.accept_order.handler import handler
from local.rehearsal import rehearsal
from stacks.topology import TOPOLOGY
with rehearsal(TOPOLOGY) as aws:
    print(json.dumps(handler(event)))
    print(len(aws.items("orders")))
    print(json.dumps(aws.published()))
""",
    )
    assert json.loads(report) == {"batchItemFailures": []}
    assert orders == "1"
    (envelope,) = json.loads(published)
    assert (envelope["type"], envelope["correlation_id"]) == ("OrderAccepted", "corr-1001")


def test_the_decision_of_a_handler_needs_no_handler_at_all() -> None:
    *_, total = repl(
        EVENT,
        """
from msgspec.json import decode
from functions.accept_order.logic import accept
from functions.contracts.orders import PlaceOrder
print(accept(decode(event["Records"][0]["body"], type=PlaceOrder)).total)
""",
    )
    assert total == "900"
