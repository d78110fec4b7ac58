"""The sample's functions, killed before and after each of their AWS calls, end where one good run would have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.rehearsal import Rehearsal
from tests.functions.events import delivered, record
from tests.functions.runtime.crashes import Batch, alike, crash_everywhere
from tests.sample.assign_ticket.handler import handler as assign_ticket
from tests.sample.change_ticket.handler import handler as change_ticket
from tests.sample.close_ticket.handler import handler as close_ticket
from tests.sample.contracts import TicketAssigned, TicketChanged
from tests.sample.messages import change, opened, ticket
from tests.sample.open_ticket.handler import handler as open_ticket


def changes(*steps: int) -> Callable[[str], Batch]:
    return lambda name: [record(change(step, ticket_id=name), idempotency_key=f"k{step}") for step in steps]


def facts(name: str) -> Batch:
    return [
        delivered(TicketAssigned(ticket_id=name), event_id=f"assigned-{name}"),
        delivered(TicketChanged(ticket_id=name, step=1), event_id=f"changed-{name}"),
    ]


# Each function with batches for a ticket, the table that it writes, and the types that it tells.
Case = tuple[Any, Callable[[str], Batch], str, list[str]]
CASES: dict[str, Case] = {
    "open_ticket": (open_ticket, lambda name: [record(ticket(name))], "tickets", ["TicketOpened"]),
    "change_ticket": (change_ticket, changes(1, 2, 3), "changes", ["TicketChanged"] * 3),
    "assign_ticket": (
        assign_ticket,
        lambda name: [delivered(opened(name, ada=2), event_id=f"opened-{name}")],
        "assignments",
        ["TicketAssigned"],
    ),
    "close_ticket": (close_ticket, facts, "closings", ["TicketClosed"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_crash_at_any_call_changes_neither_the_effect_nor_the_events(aws: Rehearsal, case: Case) -> None:
    handler, records, table, types = case
    aws.put("agents", {"agent": "ada", "hours": 100})
    names = crash_everywhere(aws, handler, records, types)
    written = [item for item in aws.items(table) if "/key/" not in item["ticket_id"]]
    steps = [f"/step/{step}" for step in (1, 2, 3)] if table == "changes" else [""]
    assert sorted(item["ticket_id"] for item in written) == sorted(name + step for name in names for step in steps)
    if table in ("tickets", "changes", "assignments"):
        assert alike(written, "ticket_id", "digest", "holds", "key")
    (left,) = aws.items("agents")
    assert left["hours"] == 100 - (2 * len(names) if table == "assignments" else 0)


def test_a_refusal_after_a_crash_takes_nothing_either(aws: Rehearsal) -> None:
    aws.put("agents", {"agent": "ada", "hours": 1})
    crash_everywhere(aws, assign_ticket, lambda name: [delivered(opened(name), event_id=name)], ["TicketWaiting"])
    assert {tuple(item["short"]) for item in aws.items("assignments")} == {("ada",)}
    assert aws.items("agents") == [{"agent": "ada", "hours": 1}]
