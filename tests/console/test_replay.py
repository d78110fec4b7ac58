"""A person with a browser: finds the event that a subscriber lost, and replays it to that one alone."""

from __future__ import annotations

from typing import Any

from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from stacks import names
from tests.console.window import Console
from tests.flow.tickets import hire, open_ticket

MOST_CLICKS = 6


def test_a_lost_event_is_found_and_replayed_to_the_subscriber_that_lost_it(
    stack: Session, effects: Effects, console: Console
) -> None:
    open_ticket(stack, "lost-1", ("agent-late", 1))
    assert eventually(lambda: effects.depth("assign_ticket", dead=True) == 1)
    sqs: Any = client("sqs", stack.state.endpoint)
    sqs.purge_queue(QueueUrl=effects.url(names.dead_letter_queue(names.LOCAL, "assign_ticket")))
    assert eventually(lambda: effects.depth("assign_ticket", dead=True) == 0)
    hire(stack, "agent-late")
    window = console.window()
    window.open()

    window.click("nav a:has-text('Events')")
    window.click("a:has-text('TicketOpened')")
    window.picture("event")
    window.click("a[href*='/replay/assign_ticket']")
    window.click("button:has-text('See what it would do')")
    window.sees("Would replay to assign_ticket, by no rule but its own")
    window.picture("replay")
    window.click("button.danger")
    window.page.locator(".chip.good:has-text('completed')").wait_for()  # by itself, as AWS goes on
    assert eventually(lambda: effects.item("assignments", "lost-1"))
    window.page.locator("dd:has-text(': completed')").wait_for()
    window.click("a:has-text('See assign_ticket')")
    window.sees("In the map")
    assert window.clicks <= MOST_CLICKS
    assert not window.complaints


def test_no_page_of_events_has_anything_that_axe_finds_or_is_wider_than_its_window(console: Console) -> None:
    window = console.window()
    found: list[str] = []
    for path in ("events/TicketClosed", "replays"):  # the other pages are among those of test_browser.py
        window.open(path)
        found += window.flaws(f"/{path}")
    window.open("replay/close_ticket")
    window.click("button:has-text('See what it would do')")
    window.sees("What it would do")
    found += window.flaws("plan")
    assert not window.complaints
    assert not found, "\n".join(found)
