"""A person with a browser tries a route of the real local stack, and follows what became of it."""

from __future__ import annotations

import json
import time

from local.effects import Effects, eventually
from local.session import Session
from tests.console.window import Console
from tests.flow.tickets import hire

ROUTE = "try/route?route=POST+/v1/tickets"
WANTED = {"agent": "agent-1", "hours": 1}


def test_a_request_is_filled_in_sent_and_followed_until_it_is_processed(
    stack: Session, effects: Effects, console: Console
) -> None:
    hire(stack, "agent-tried")
    window = console.window()
    window.open()
    began = time.monotonic()
    window.click("nav a:has-text('Try it')")
    window.click("a:has-text('POST /v1/tickets')")
    window.page.get_by_label("ticket_id").fill("tried-1")
    window.page.get_by_label("wanted 1 agent").fill("agent-tried")
    window.click("button:has-text('Send')")
    window.sees("202 Accepted")
    assert json.loads(window.page.input_value("#body"))["ticket_id"] == "tried-1"
    window.page.evaluate("scrollTo(0, 0)")
    window.picture("try")
    window.click("a:has-text('Follow it')")
    window.sees("Nothing of it is left to be done.")  # by itself, once the logs say so
    assert "processed" in window.text()
    assert eventually(lambda: effects.item("assignments", "tried-1"))
    assert window.clicks <= 4
    assert not window.complaints
    print(f"{window.clicks} clicks, {time.monotonic() - began:.1f} s")


def test_the_gateway_says_what_is_wrong_with_a_field_and_the_form_stays(console: Console) -> None:
    window = console.window()
    window.open(ROUTE)
    window.page.get_by_label("wanted 1 hours").fill("100000")
    window.page.get_by_label("ticket_id").fill("<script>alert(1)</script>")
    window.click("button:has-text('Send')")
    window.sees("400 Bad Request")
    assert "Nothing was queued." in window.text()
    assert window.page.get_by_label("wanted 1 hours").input_value() == "100000"
    assert not window.complaints


def test_too_much_is_the_gateways_to_refuse(console: Console) -> None:
    window = console.window()
    window.open(ROUTE)
    body = json.dumps({"ticket_id": "tried-2", "email": "a@example.com", "language": "EN", "wanted": [WANTED]})
    window.page.fill("#body", body + " " * 1_100_000)
    window.click("button:has-text('Send')")
    window.sees("413 ")
    assert "The body is larger than" in window.text()


def test_it_works_without_javascript(console: Console) -> None:
    window = console.window(java_script_enabled=False)
    window.open(ROUTE)
    window.page.get_by_label("ticket_id").fill("tried-3")
    window.click(".actions button:has-text('Write the fields into the body')")
    assert json.loads(window.page.input_value("#body"))["ticket_id"] == "tried-3"
    window.click("button:has-text('Send')")
    assert "202 Accepted" in window.text()


def test_axe_finds_nothing_and_nothing_is_wider_than_its_window(console: Console) -> None:
    window = console.window()
    found: list[str] = []
    # The list and the route of tickets are among the pages of test_browser.py.
    for route in ("POST+/v1/webhooks/github", "POST+/v1/tickets/%7Bticket_id%7D/changes"):
        window.open(f"try/route?route={route}")
        found += window.flaws(route)
    window.open(ROUTE)
    window.page.fill("#body", '{"long": "' + "x" * 400 + '"}')
    window.click("button:has-text('Send')")
    window.sees("400 Bad Request")
    found += window.flaws("refused")
    window.open(ROUTE)
    window.click("button:has-text('Send')")
    window.sees("202 Accepted")
    found += window.flaws("taken")
    window.click("a:has-text('Follow it')")
    window.sees("The path of a request")
    found += window.flaws("followed")
    assert not window.complaints
    assert not found, "\n".join(found)
