"""A handler that plans may do so in a rehearsal, and a test reads what it asked for."""

from __future__ import annotations

from local.rehearsal import rehearsal
from tests.fixtures import forget_clients
from tests.functions.events import batch, failed, record
from tests.sample.contracts import PlanReminder
from tests.sample.delayed import DELAYED
from tests.sample.plan_ticket.handler import handler


def test_what_a_handler_plans_and_cancels_is_seen_once() -> None:
    forget_clients()
    with rehearsal(DELAYED) as aws:
        plan = record(PlanReminder(ticket_id="tic-1", after=3600, note="n"), idempotency_key="k-1", message_id="a")
        cancel = record(PlanReminder(ticket_id="tic-1", cancel=True), idempotency_key="k-2", message_id="b")
        assert failed(handler(batch(plan, cancel))) == []
        planned, cancelled = sorted(aws.planned(), key=lambda ask: ask.at is None)
        assert aws.planned() == []
    forget_clients()
    assert (planned.key, planned.queue) == ("remind_ticket/tic-1", "remind_ticket")
    assert (cancelled.key, cancelled.at) == (planned.key, None)
