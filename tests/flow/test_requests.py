"""Standard queues, end to end: HTTP in, the effect once, its event, every subscriber."""

from __future__ import annotations

from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from tests.flow.tickets import hire, hours_left, open_ticket, settled, ticket


def test_a_request_takes_effect_once_and_reaches_every_subscriber(stack: Session, effects: Effects, tap: Tap) -> None:
    hire(stack, "agent-once", 10)
    url = f"{stack.state.api_url}/v1/tickets"
    status, answer, headers = post(url, ticket("flow-1", ("agent-once", 3)), x_correlation_id="corr-flow-1")
    assert status == 202, answer
    assert answer["correlation_id"] == headers["X-Correlation-Id"] == "corr-flow-1"
    assert answer["message_id"]

    assert eventually(lambda: effects.item("assignments", "flow-1")), "TicketAssigned's own effect"
    assert eventually(lambda: effects.mails("flow-1")), "the e-mail"
    stored = effects.item("tickets", "flow-1")
    assert stored is not None

    open_ticket(stack, "flow-1", ("agent-once", 3))  # a repeated request is accepted
    assert settled(effects)
    assert hours_left(effects, "agent-once") == 7
    assert len(effects.mails("flow-1")) == 1
    assert tap.types("flow-1") == ["TicketOpened", "TicketAssigned"], "the repeated request told the same events again"
    assert {
        envelope["correlation_id"] for envelope in tap.envelopes() if envelope["data"].get("ticket_id") == "flow-1"
    } >= {"corr-flow-1"}


def test_many_requests_at_once_each_take_effect_once(stack: Session, effects: Effects) -> None:
    hire(stack, "agent-many", 1000)
    ids = [f"flow-many-{number:02}" for number in range(25)]
    for ticket_id in [*ids, *ids[:10]]:
        open_ticket(stack, ticket_id, ("agent-many", 1))
    assert eventually(lambda: all(effects.item("assignments", ticket_id) for ticket_id in ids), within=60)
    assert settled(effects)
    assert hours_left(effects, "agent-many") == 1000 - len(ids)
    assert [ticket_id for ticket_id in ids if len(effects.mails(ticket_id)) != 1] == []


def test_a_refused_body_reaches_no_queue(stack: Session, effects: Effects) -> None:
    assert settled(effects)
    for body in (b'{"ticket_id": ', b"", b"[]", b'{"ticket_id": "flow-bad"}', b'{"ticket_id": 1}'):
        status, answer, _ = post(f"{stack.state.api_url}/v1/tickets", body)
        assert status == 400, body
        assert answer["message"]
    assert settled(effects)
    assert effects.item("tickets", "flow-bad") is None
