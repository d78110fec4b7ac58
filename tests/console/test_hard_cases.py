"""What goes wrong while a page is open: AWS is slow or refuses, the console ends, somebody else was quicker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from ops.errors import OpsError
from ops.stage import Stage
from tests.console.served import Served, served
from tests.console.test_browser import PAGES
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.gate import Gate
from tests.ops.lines import handled
from tests.ops.sight import Insights

EXPIRED = "GetQueueUrl was refused: The security token included in the request is expired (ExpiredToken)."
GONE = "This page is not live any more"


@pytest.fixture
def here(stage: Stage, aws: Endpoint, browser: Browser) -> Iterator[Served]:
    aws.insights = Insights(statuses=["Complete"])
    with served(stage, browser) as here:
        yield here


def test_a_long_search_shows_how_far_it_is_by_itself_and_stops(
    here: Served, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 150)
    window = here.console.window()
    window.open("dead/open_ticket?filter=body.n%20%3E%20%60140%60")
    gate = Gate(aws, monkeypatch, left=2)
    window.click("button:has-text('Search all of about 150')")
    window.sees("Searching the whole queue")
    window.page.locator("li:has-text('20 looked at')").wait_for()
    found = window.flaws("look")
    gate.left = 3
    window.page.locator("li:has-text('50 looked at')").wait_for()  # by itself
    window.click("button:has-text('Stop')")
    window.sees("Stopping")
    gate.left = 1
    window.sees("It was stopped after 50 of about 150")
    found += window.flaws("look-stopped")
    gate.open()
    window.click("a:has-text('See the messages')")
    window.sees("saw the first 50 of about 150")
    assert not found, "\n".join(found)
    assert not window.complaints


def test_a_dry_run_and_a_redrive_that_run_have_nothing_that_axe_finds(
    here: Served, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 60)
    window, gate = here.console.window(), Gate(aws, monkeypatch, left=2)
    window.open("plan/open_ticket")
    window.click("form[action$='/dry'] button")
    window.page.locator("li:has-text('20 looked at')").wait_for()
    found = window.flaws("dry-run")
    gate.open()
    window.sees("Would redrive 60")
    window.open("plan/open_ticket?rate=5")
    window.click("form[action$='/redrive'] button.danger")
    window.sees("Under way")
    run = window.page.locator("h1 code").inner_text()
    found += window.flaws("redrive")
    window.click("button:has-text('Pause')")
    window.sees("the others are where they were")
    here.desk.jobs._jobs.clear()  # as in another console
    window.open(f"redrives/{run}")
    found += window.flaws("record")
    assert not found, "\n".join(found)


def test_a_form_grows_and_shrinks(here: Served, aws: Endpoint) -> None:
    wanted = [{"agent": "a", "hours": 2}, {"agent": "b", "hours": 3}]
    body = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": wanted}
    aws.put(queue(aws, "open_ticket-dlq"), json.dumps(body))
    window = here.console.window()
    window.open("dead/open_ticket")
    window.click("table.messages tbody a")
    window.click("button:has-text('Edit…')")
    window.click("button:has-text('Add wanted')")
    window.page.get_by_label("wanted 3 agent").fill("c")
    window.click("button[aria-label='Move wanted 3 up']")
    assert window.page.get_by_label("wanted 2 agent").input_value() == "c"
    found = window.flaws("form")
    window.click("button[aria-label='Remove wanted 1']")
    window.page.get_by_label("wanted 1 hours").fill("7")
    window.page.keyboard.press("Enter")
    window.sees("accepted by open_ticket's contract")
    left = json.loads(window.page.input_value("#body"))["wanted"]
    assert left == [{"agent": "c", "hours": 7}, {"agent": "b", "hours": 3}]
    assert not found, "\n".join(found)
    assert not queue(aws, "open_ticket").arrived


def test_credentials_that_run_out_while_a_page_lives_are_said_and_it_goes_on_after_signing_in(
    here: Served, stage: Stage
) -> None:
    window = here.console.window()
    window.open()

    def refuse() -> Stage:
        raise OpsError(EXPIRED)

    here.desk.open_ = refuse
    here.desk.reconnect()
    window.sees(EXPIRED)  # by itself
    assert "Not newer than" in window.text()
    assert window.page.locator("a:has-text('open_ticket')").count(), "what was known is shown meanwhile"
    assert window.flaws("expired") == []
    here.desk.open_ = lambda: stage
    window.page.get_by_text(EXPIRED).wait_for(state="detached")
    assert window.page.locator("a:has-text('open_ticket')").count()


def test_a_key_that_is_typed_stands_in_no_address_and_no_title(here: Served, aws: Endpoint) -> None:
    assert aws.insights is not None
    aws.insights.lines = [handled("open_ticket", "m1", 100, correlation_id="corr-1", key="ada-1")]
    window = here.console.window()
    window.open()
    window.page.fill("#find", "ada-1")
    window.page.press("#find", "Enter")
    window.page.locator("h2:has-text('corr-1')").wait_for()
    assert "ada-1" not in window.page.url + window.page.title()
    assert not window.complaints


def test_a_page_says_that_its_console_ended_and_that_another_needs_its_own_link(
    here: Served, stage: Stage, browser: Browser
) -> None:
    window = here.console.window()
    window.open()
    assert GONE not in window.text()
    here.stop()
    window.sees(GONE)
    assert window.flaws("gone") == []
    with served(stage, browser, here.port) as again:
        window.page.reload()
        window.sees("Open the link that the command printed")
        window.page.goto(again.console.link)
        window.sees("Flow")
        assert GONE not in window.text()


def test_of_two_tabs_on_one_message_the_second_says_that_somebody_was_quicker(here: Served, aws: Endpoint) -> None:
    wanted = [{"agent": "a", "hours": 2}]
    body = {"ticket_id": "t-0", "email": "ada@example.com", "language": "EN", "wanted": wanted}
    id_ = aws.put(queue(aws, "open_ticket-dlq"), json.dumps(body))
    first, second = here.console.window(), here.console.window()
    for window in (first, second):
        window.open(f"dead/open_ticket/{id_}")
        window.click("button:has-text('Edit…')")
        window.page.fill("#body", window.page.input_value("#body").replace("t-0", "t-1"))
        window.click("#editor button:has-text('Check')")
    first.click("button.danger")
    first.sees("1 redriven from open_ticket-dlq")
    second.click("button.danger")
    second.page.locator("main:has-text('somebody redrove or dropped it')").wait_for()
    assert len(queue(aws, "open_ticket").arrived) == 1


def test_every_page_of_an_empty_stage_can_be_read_without_javascript(here: Served) -> None:
    window = here.console.window(java_script_enabled=False)
    for path in PAGES:
        window.open(path)
        assert window.page.locator("main").inner_text().strip(), path
        assert not window.page.locator("#gone").is_visible()
    window.open("dead")
    assert "no dead letters" in window.text().lower() or "nothing" in window.text().lower()


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""What a browser does when another tab is looked at, which one without a screen never does."""
AT_ONCE = 6
"""Connections that browsers have to one server at a time."""


def test_tabs_that_nobody_looks_at_keep_nothing_from_others_and_live_again_when_somebody_does(
    here: Served, aws: Endpoint
) -> None:
    first = here.console.window()
    tabs = [first.page] + [first.page.context.new_page() for _ in range(AT_ONCE + 2)]
    for page in tabs:
        page.goto(here.console.base)  # which would wait for ever for the connection of a tab before it
        page.evaluate(HIDE, True)
    dead_tickets(aws, 7)
    first.page.evaluate(HIDE, False)
    first.page.locator(".tiles .figure:text-is('7')").first.wait_for()  # by itself
    assert first.page.locator("#gone").is_hidden()
    assert not first.complaints
