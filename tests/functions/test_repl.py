"""A handler is a plain function: a REPL and a recorded event are enough to call it, AWS is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EVENT = Path(__file__).with_name("recorded") / "place_order.json"


def repl(code: str) -> list[str]:
    """What a bare interpreter without credentials, region or settings prints."""
    lines = f"import json\nevent = json.load(open({str(EVENT)!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env={})
    return done.stdout.splitlines()


def test_a_recorded_event_takes_effect_in_a_rehearsal() -> None:
    *_, report, orders, published = repl(
        """
from functions.accept_order.handler import handler
from local.rehearsal import rehearsal
with rehearsal() as aws:
    print(json.dumps(handler(event)))
    print(len(aws.items("orders")))
    print(json.dumps(aws.published()))
"""
    )
    assert json.loads(report) == {"batchItemFailures": []}
    assert orders == "1"
    (envelope,) = json.loads(published)
    assert (envelope["type"], envelope["correlation_id"]) == ("OrderAccepted", "corr-1001")


def test_without_anything_the_record_fails_and_says_what_is_missing() -> None:
    line, _metrics, report = repl(
        "from functions.accept_order.handler import handler\nprint(json.dumps(handler(event)))"
    )
    (failure,) = json.loads(report)["batchItemFailures"]
    assert failure["itemIdentifier"] == json.loads(line)["message_id"]
    assert "TABLE_ORDERS is not set" in json.loads(line)["error"]


def test_the_decision_of_a_handler_needs_no_handler_at_all() -> None:
    *_, total = repl(
        """
from msgspec.json import decode
from functions.accept_order.logic import accept
from functions.contracts.orders import PlaceOrder
print(accept(decode(event["Records"][0]["body"], type=PlaceOrder)).total)
"""
    )
    assert total == "900"
