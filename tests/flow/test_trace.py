"""`python -m ops trace` prints the whole path of a request, from the API's answer to its last subscriber."""

from __future__ import annotations

import json

from local.effects import Effects, eventually
from local.session import Session
from ops.dead_letters.selection import Selection
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from stacks import names
from stacks.bundle import build
from tests.flow.tickets import hire, open_ticket, operate
from tests.sample.topology import SAMPLE


def trace(stack: Session, id_: str, *options: str) -> str:
    done = operate(stack, "trace", id_, *options)
    return done.stdout + done.stderr


def row(text: str, word: str) -> str:
    return next((line for line in text.splitlines() if f"─ {word}" in line or line.startswith(word)), "")


def test_a_request_is_traced_from_the_api_to_the_last_subscriber(stack: Session, effects: Effects) -> None:
    hire(stack, "agent-traced")
    answer = open_ticket(stack, "trace-1", ("agent-traced", 1))
    text = eventually(lambda: (found := trace(stack, answer["message_id"])) and "left to be done" in found and found)
    assert text, trace(stack, answer["message_id"])
    assert answer["correlation_id"] in text
    assert "1 request, 4 messages, 2 events" in text
    assert "202" in row(text, "POST /v1/tickets")
    for queue in ("open_ticket", "assign_ticket", "mail_ticket", "close_ticket"):
        assert "processed" in row(text, queue), queue
    places = [text.index(word) for word in ("POST", "open_ticket", "TicketOpened", "TicketAssigned", "close_ticket")]
    assert places == sorted(places)

    told = json.loads(trace(stack, answer["correlation_id"], "--json"))
    (opened,) = told["requests"][0]["deliveries"]
    assert opened["state"] == "processed"
    event = opened["events"][0]["id"]
    assert row(trace(stack, event), "POST /v1/tickets"), "an event's id finds the same path"


def test_a_dead_letter_is_traced_to_its_queue_its_cause_and_its_redrive(stack: Session, effects: Effects) -> None:
    open_ticket(stack, "trace-2", ("agent-untraced", 2), x_correlation_id="corr-trace-twin")
    assert eventually(lambda: effects.depth("assign_ticket", dead=True) >= 1)
    text = eventually(lambda: (found := trace(stack, "corr-trace-twin")) and "1 dead letter" in found and found)
    assert text, trace(stack, "corr-trace-twin")
    assert "is in assign_ticket-dlq" in row(text, "assign_ticket")
    assert "rejected: Reject: Agent agent-untraced is not in" in row(text, "attempts 1 to 5")
    assert "processed" in row(text, "mail_ticket")
    told = json.loads(trace(stack, "corr-trace-twin", "--json"))
    assert f'"release": "{build.release(SAMPLE.package)}"' in json.dumps(told)

    hire(stack, "agent-untraced", 5)
    own = Request("assign_ticket", Selection("body.detail.correlation_id == 'corr-trace-twin'"))
    assert redrive(Stage.open(names.LOCAL, SAMPLE, stack.home), own, yes=True).tally.moved == 1
    text = eventually(lambda: (found := trace(stack, "corr-trace-twin")) and "left to be done" in found and found)
    assert text, trace(stack, "corr-trace-twin")
    assert "died, was redriven" in row(text, "assign_ticket")
    assert "processed, redriven" in row(text, "↻ assign_ticket")
    assert "processed" in row(text, "close_ticket")


def test_an_id_that_nobody_knows_is_one_sentence(stack: Session) -> None:
    text = trace(stack, "corr-nobody")
    assert "Nothing is known of corr-nobody in stage local" in text
