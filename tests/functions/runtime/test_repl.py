"""A handler is a plain function: a REPL and a recorded event are enough to call it, AWS is not needed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.functions.runtime.repl import repl

EVENT = Path(__file__).parents[2] / "sample" / "recorded" / "open_ticket.json"


def test_a_recorded_event_takes_effect_in_a_rehearsal() -> None:
    *_, report, tickets, published = repl(
        EVENT,
        """
from local.rehearsal import rehearsal
from tests.sample.open_ticket.handler import handler
from tests.sample.topology import SAMPLE
with rehearsal(SAMPLE) as aws:
    print(json.dumps(handler(event)))
    print(len(aws.items("tickets")))
    print(json.dumps(aws.published()))
""",
    )
    assert json.loads(report) == {"batchItemFailures": []}
    assert tickets == "1"
    (envelope,) = json.loads(published)
    assert (envelope["type"], envelope["correlation_id"]) == ("TicketOpened", "corr-1001")


def test_without_anything_the_record_fails_and_says_what_is_missing() -> None:
    line, _metrics, report = repl(
        EVENT, "from tests.sample.open_ticket.handler import handler\nprint(json.dumps(handler(event)))"
    )
    (failure,) = json.loads(report)["batchItemFailures"]
    assert failure["itemIdentifier"] == json.loads(line)["message_id"]
    assert "TABLE_TICKETS is not set" in json.loads(line)["error"]
