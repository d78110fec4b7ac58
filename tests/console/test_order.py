"""A FIFO queue in a browser: changes of one ticket die in order, are redriven in order, and are done in order."""

from __future__ import annotations

import re
from functools import partial

from local.effects import Effects, eventually
from local.session import Session
from tests.console.window import Console, Window
from tests.flow.test_dead_letters import broken
from tests.flow.tickets import change, last_step
from tests.sample.topology import SAMPLE

STEPS = (1, 2, 3)
DONE = "tr.tone-green:has-text('↻ change_ticket')"
"""The row of a change that was redriven, once it is done."""


def dead(effects: Effects, count: int) -> bool:
    return effects.depth("change_ticket", dead=True) == count


def shows(window: Window, selector: str) -> bool:
    """Whether the page shows that; where it does not yet, it is loaded anew."""
    if window.page.locator(selector).count() == 1:
        return True
    window.page.reload()
    return False


def test_changes_of_one_group_are_seen_dead_and_redriven_and_done_in_order(
    stack: Session, effects: Effects, console: Console
) -> None:
    window = console.window()
    with broken(stack, "change_ticket", TABLE_CHANGES="no-such-table", BACKOFF_BASE="0.01"):
        # SQS hides a message for whole seconds: from 0.1 on the last attempts would wait for one.
        for step in STEPS:  # one after another: what is behind a failing one waits seconds for its turn
            assert change(stack, "fifo-1", step)[0] == 202
            assert eventually(partial(dead, effects, step), within=60)
    window.open("dead/change_ticket")
    bodies = window.page.locator("table.messages td.excerpt").all_inner_texts()
    assert [re.findall(r'"step": ?(\d)', body) for body in bodies] == [[str(step)] for step in STEPS]
    assert window.page.locator("table.messages .chip:has-text('fifo-1')").count() == len(STEPS)

    window.click("table.messages tbody a")
    window.sees("receives are in the logs")
    told = window.page.locator(".attempts").inner_text()
    assert "retried: AccessDenied" in told
    assert [int(n) for n in re.findall(r"attempt (\d+)", told)] == [
        *range(1, SAMPLE.queue("change_ticket").receives + 1)
    ]
    assert "POST /v1/tickets/{ticket_id}/changes 202" in " ".join(told.split())
    window.picture("attempts")
    assert window.violations() == []

    window.open("dead/change_ticket")
    window.click("a:has-text('Redrive all of the queue…')")
    window.page.locator("form[action$='/redrive'] button.danger").click()
    window.sees("3 redriven from change_ticket-dlq")
    assert eventually(lambda: last_step(effects, "fifo-1") == len(STEPS)), "a step before its turn is declined"
    window.page.fill("#find", "fifo-1")
    window.page.press("#find", "Enter")
    window.sees("3 requests have the key")
    for request in window.page.locator("table.requests tbody a").all_inner_texts():
        window.open(f"request?id={request}")
        assert eventually(partial(shows, window, DONE)), "logs are seconds behind"
        assert "processed, redriven" in window.page.locator(DONE).inner_text()
        assert "TicketChanged" in window.text()
    assert not window.complaints
