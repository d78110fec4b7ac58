"""FIFO queues, end to end: the changes of a ticket apply in the order they were accepted, each once."""

from __future__ import annotations

from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from tests.flow.tickets import change, hire, last_step, open_ticket, settled


def test_changes_of_many_tickets_apply_in_order_each_once(stack: Session, effects: Effects, tap: Tap) -> None:
    ids = [f"group-{number}" for number in range(8)]
    for step in (1, 2, 3):
        for ticket_id in ids:
            status, answer = change(stack, ticket_id, step)
            assert status == 202, answer
            if ticket_id == ids[0]:
                assert change(stack, ticket_id, step)[0] == 202, "a repeated request is accepted"
    assert settled(effects)
    for ticket_id in ids:
        assert eventually(lambda ticket_id=ticket_id: len(tap.types(ticket_id)) == 3), tap.types(ticket_id)  # type: ignore[misc]
        assert set(tap.types(ticket_id)) == {"TicketChanged"}, "out of order, one would have been declined"
        assert last_step(effects, ticket_id) == 3, ticket_id


def test_a_change_out_of_order_is_declined_and_moves_nothing(stack: Session, effects: Effects, tap: Tap) -> None:
    assert change(stack, "group-early", 2)[0] == 202
    assert eventually(lambda: tap.types("group-early") == ["ChangeDeclined"])
    assert last_step(effects, "group-early") == 0


def test_two_facts_that_belong_together_are_joined_once(stack: Session, effects: Effects, tap: Tap) -> None:
    hire(stack, "agent-joined")
    open_ticket(stack, "joined-1", ("agent-joined", 1))
    assert change(stack, "joined-1", 1)[0] == 202
    assert change(stack, "joined-1", 2)[0] == 202
    assert eventually(lambda: "TicketClosed" in tap.types("joined-1"))
    assert settled(effects)
    assert tap.types("joined-1").count("TicketClosed") == 1


def test_a_change_without_an_idempotency_key_is_refused(stack: Session) -> None:
    status, answer, _ = post(f"{stack.state.api_url}/v1/tickets/group-none/changes", {"step": 1, "note": ""})
    assert status == 400
    assert "Idempotency-Key" in answer["message"]
