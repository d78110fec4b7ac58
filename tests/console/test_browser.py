"""A person with a browser: sees what broke, opens it, edits it, redrives it, and follows it to its end."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from stacks import names
from tests.console.window import Console, Window
from tests.flow.tickets import hire, open_ticket
from tests.sample.topology import SAMPLE

MOST_CLICKS = 8
PAGES = (
    *("", "dead", "dead/open_ticket", "plan/open_ticket", "redrives", "status/open_ticket", "request", "account"),
    *("queue/open_ticket", "queue/change_ticket", "schedules", "limits", "nothing-here"),
    *("dead/change_ticket", "dead/open_ticket?contains=zzz", "dead/open_ticket?filter=body.a%20%3D%3D%20%601%60"),
    *("events", "events?kind=command", "events?find=zzz", "events/TicketOpened", "events/OpenTicket"),
    *("replays", "replay/close_ticket", "try", "try/route?route=POST+/v1/tickets", "redrives?who=zzz"),
)


@pytest.fixture
def sqs(stack: Session) -> Any:
    return client("sqs", stack.state.endpoint)


def dead_letter_queue(word: str) -> str:
    return names.dead_letter_queue(names.LOCAL, word, fifo=SAMPLE.queue(word).fifo)


@pytest.fixture(autouse=True)
def _empty(sqs: Any, effects: Effects) -> Iterator[None]:
    yield
    for word in ("open_ticket", "assign_ticket", "change_ticket", "mail_ticket"):
        sqs.purge_queue(QueueUrl=effects.url(dead_letter_queue(word)))


def bury(sqs: Any, effects: Effects, word: str, bodies: list[str]) -> None:
    """Puts messages into the dead-letter queue of that queue, in tens."""
    url = effects.url(dead_letter_queue(word))
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def test_break_see_group_open_edit_redrive_and_trace_in_at_most_eight_clicks(
    stack: Session, effects: Effects, launched: Console
) -> None:
    window = launched.entered()
    window.sees("Flow")
    answer = open_ticket(stack, "console-1", ("agent-nobody", 1))
    hire(stack, "agent-somebody")
    assert eventually(lambda: effects.depth("assign_ticket", dead=True) == 1)
    began = time.monotonic()

    window.page.locator("a.alarm:has-text('1 dead')").wait_for()  # the page shows it by itself
    window.picture("flow")
    window.click("a.alarm")
    window.click("a:has-text('Agent agent-nobody is not in the agents table')")
    window.click("table.messages tbody a")
    assert "agent-nobody" in window.text()
    window.click("button:has-text('Edit…')")
    body = window.page.input_value("#body")
    window.page.fill("#body", body.replace("agent-nobody", "agent-somebody"))
    window.click("#editor button:has-text('Check')")
    window.sees("accepted by assign_ticket's contract")
    assert '"agent-somebody"' in window.text()
    window.picture("edit")
    window.click("button:has-text('Redrive the edited message')")
    window.sees("1 redriven from assign_ticket-dlq")  # by itself, as it goes on
    assert eventually(lambda: effects.item("assignments", "console-1"))
    window.click("a:has-text('Trace the message')")
    window.sees(answer["correlation_id"])
    window.sees("POST /v1/tickets")
    assert "redriven" in window.text()
    window.picture("request")
    assert window.clicks <= MOST_CLICKS
    assert not window.complaints
    print(f"{window.clicks} clicks, {time.monotonic() - began:.1f} s")


def test_no_page_has_anything_that_axe_finds_or_is_wider_than_its_window(
    console: Console, sqs: Any, effects: Effects
) -> None:
    bodies = [json.dumps({"ticket_id": f"axe-{n}", "long": "x" * 400, "email": "ada@example.com"}) for n in range(3)]
    bury(sqs, effects, "open_ticket", bodies)
    found: list[str] = []
    window = console.window(360)
    for path in PAGES:
        window.open(path)
        if path == "dead":
            window.sees("unexplained")
        found += window.flaws(f"/{path}")
    window.open("dead/open_ticket")
    for step in ("table.messages tbody a", "button:has-text('Edit…')", "#editor button:has-text('Check')"):
        window.click(step)
        found += window.flaws(step)
    assert [each for each in window.complaints if "404" not in each] == []
    assert not found, "\n".join(found)


def test_the_flow_names_what_plans_reads_and_limits_and_leads_there(console: Console) -> None:
    window = console.window()
    window.open()
    assert "at once, or at their time by plan_command" in window.text()
    assert "GET /v1/tickets/{ticket_id} reads tickets" in window.text()
    assert not window.page.locator("td.feeds:has-text('nothing')").count()
    window.click("a:has-text('limit crm')")
    window.sees("1 in 2 s, 2 at once")
    assert "python -m ops limits close_ticket" in window.text()
    window.click("nav a:has-text('Limits')")
    window.sees("crm")


def test_everybodys_history_and_a_request_found_by_its_key(stack: Session, effects: Effects, console: Console) -> None:
    theirs = {
        "id": "20261126-101500-ada1",
        "action": "redrive",
        "queue": "open_ticket-dlq",
        "who": "arn:aws:sts::000000000000:assumed-role/headrace-local-operator/ada@example.com",
        "host": "laptop-of-ada",
        "started_at": "2026-11-26T10:15:00+00:00",
        "asked": json.dumps({"queue": "open_ticket"}),
        "result": "{}",
    }
    table = names.resource(names.LOCAL, names.REDRIVES)
    item = {name: {"S": value} for name, value in theirs.items()}
    client("dynamodb", stack.state.endpoint).put_item(TableName=table, Item=item)
    hire(stack, "agent-key")
    answers = [open_ticket(stack, "by-key-1", ("agent-key", 1)), open_ticket(stack, "by-key-1", ("agent-key", 1))]
    assert eventually(lambda: effects.item("assignments", "by-key-1"))
    window = console.window()
    window.open("plan/mail_ticket")
    window.click("button:has-text('Redrive')")
    window.sees("mail_ticket-dlq")
    window.open("redrives")
    window.sees("ada@example.com")
    assert "laptop-of-ada" in window.text()
    assert window.page.locator("table.history .chip:has-text('here')").count() >= 1
    window.page.fill("#who", "ada")
    window.click("form.filters button")
    window.sees("died: no end is recorded")
    assert window.page.locator("table.history tbody tr").count() == 1
    window.click("table.history tbody a")
    window.sees("its journal is on laptop-of-ada")
    window.page.fill("#find", "by-key-1")
    window.page.press("#find", "Enter")
    window.sees("2 requests have the key")
    for answer in answers:
        assert answer["correlation_id"] in window.text()
    assert window.violations() == []
    window.click("table.requests tbody a")
    window.sees("POST /v1/tickets")
    assert not window.complaints


def test_it_can_be_read_without_javascript(console: Console, sqs: Any, effects: Effects) -> None:
    bury(sqs, effects, "open_ticket", ['{"ticket_id": "plain-1"}'])
    window = console.window(java_script_enabled=False)
    window.open()
    assert "1 dead" in window.text()
    window.click("a.alarm")
    window.click("table.messages tbody a")
    assert "plain-1" in window.text()
    window.click("button:has-text('Edit…')")
    window.click("#editor button:has-text('Check')")
    assert "The body is as it was." in window.text()
    window.open("dead")
    window.click("a:has-text('open_ticket-dlq')")
    assert "unexplained" in window.text()


def test_what_a_message_says_runs_nothing(console: Console, sqs: Any, effects: Effects) -> None:
    body = "<script>alert(1)</script><img src=x onerror=alert(2)></textarea><svg onload=alert(3)>"
    bury(sqs, effects, "open_ticket", [body, json.dumps({body: [body]})])
    window = console.window()
    for _ in range(2):
        window.open("dead/open_ticket")
        window.page.locator("table.messages tbody a").nth(_).click()
        window.click("button:has-text('Show secrets')")
        assert "<script>alert(1)</script>" in window.text()
        window.page.go_back()
        window.click("button:has-text('Edit…')")
        window.click("#editor button:has-text('Check')")
    assert not window.complaints


def test_a_keyboard_is_enough_and_the_focus_stays_while_the_page_lives(console: Console) -> None:
    window = console.window()
    window.open()
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.className") == "skip"
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    window.page.locator("#q-open_ticket").focus()
    before = window.page.locator("h1 + p").inner_text()
    assert eventually(lambda: window.page.locator("h1 + p").inner_text() != before, within=30), "it lives"
    assert window.page.evaluate("document.activeElement.id") == "q-open_ticket"
    window.page.keyboard.press("Enter")
    window.sees("In the map")


@pytest.fixture
def idle(stack: Session, sqs: Any, effects: Effects) -> Iterator[None]:
    """Nobody takes from open_ticket: what is redriven to it stays there, and none of it comes back dead."""
    functions, name = client("lambda", stack.state.endpoint), names.resource(names.LOCAL, "open_ticket")
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    yield
    sqs.purge_queue(QueueUrl=effects.url(names.queue(names.LOCAL, "open_ticket")))
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def begin_slowly(window: Window, rate: str = "4") -> str:
    """Begins a redrive of all of open_ticket's dead letters, and answers its name."""
    window.open(f"plan/open_ticket?rate={rate}")
    window.page.locator("form[action$='/redrive'] button.danger").click()
    window.sees("Under way")
    return window.page.locator("h1 code").inner_text()


@pytest.mark.usefixtures("idle")
def test_a_closed_tab_changes_nothing_and_another_shows_how_it_goes_on(
    console: Console, sqs: Any, effects: Effects
) -> None:
    bury(sqs, effects, "mail_ticket", [json.dumps({"no": n}) for n in range(3)])
    bury(sqs, effects, "open_ticket", [json.dumps({"no": n}) for n in range(24)])
    first, second = console.window(), console.window()
    run = begin_slowly(first)
    assert "It goes on if you close this page" in first.text()
    first.page.close()
    second.open(f"redrives/{run}")
    second.sees("Under way")
    second.sees("24 redriven from open_ticket-dlq", timeout=60_000)
    assert effects.depth("mail_ticket", dead=True) == 3


@pytest.mark.usefixtures("idle")
def test_a_redrive_is_paused_and_gone_on_with(console: Console, sqs: Any, effects: Effects) -> None:
    bury(sqs, effects, "open_ticket", [json.dumps({"no": n}) for n in range(40)])
    window = console.window()
    begin_slowly(window)
    window.click("button:has-text('Pause')")
    window.sees("the others are where they were")
    window.click("button:has-text('Resume')")
    window.sees("Under way")


@pytest.mark.usefixtures("idle")
def test_a_killed_console_leaves_what_another_goes_on_with(
    consoles: Callable[..., Console], sqs: Any, effects: Effects
) -> None:
    bury(sqs, effects, "open_ticket", [json.dumps({"no": n}) for n in range(40)])
    first = consoles()
    run = begin_slowly(first.window())
    time.sleep(2)
    first.stop(signal.SIGKILL)
    second = consoles()
    try:
        window = second.window()
        window.open("redrives")
        window.click(f"a:has-text('{run}')")
        window.sees("Interrupted")
        window.click("button:has-text('Resume')")
        window.sees("Under way")
        window.click("button:has-text('Pause')")
    finally:
        assert second.stop() == 0


def test_one_that_only_reads_shows_no_button_that_changes_and_ends_by_ctrl_c(
    consoles: Callable[..., Console], sqs: Any, effects: Effects
) -> None:
    bury(sqs, effects, "open_ticket", ['{"no": 1}'])
    console = consoles("--read-only")
    window = console.window()
    window.open("plan/open_ticket")
    assert "read only" in window.text()
    assert not window.page.locator("button.danger").count()
    window.open()  # a page that lives keeps nobody from ending it
    console.process.send_signal(signal.SIGINT)
    assert console.process.wait(20) == 0
    console.stop()
