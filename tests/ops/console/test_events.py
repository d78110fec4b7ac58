"""The catalogue on pages: what the command shows, led to from wherever it is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from ops.stage import Stage
from stacks.entry import Topology
from tests.ops.console.tab import Tab, opened, text
from tests.ops.console.test_hostile import harmless
from tests.ops.endpoint import Endpoint
from tests.ops.events.maps import HOSTILE, RETIRED, SECRET, THEIRS, Marked, many, publishing
from tests.ops.replay.eventbridge import EventBridge
from tests.ops.sight import Insights
from tests.sample.topology import SAMPLE


@pytest.fixture
def bridge(stage: Stage, aws: Endpoint) -> EventBridge:
    aws.insights = Insights(statuses=["Complete"])
    return EventBridge(stage)


@contextmanager
def shown(stage: Stage, topology: Topology = SAMPLE) -> Iterator[Tab]:
    """A console of that stage with another map."""
    with opened(replace(stage, topology=topology)) as tab:
        yield tab


def test_every_event_is_listed_and_leads_to_its_page_and_its_queues(tab: Tab) -> None:
    page = tab.get("/events")
    links = tab.links_of(page)
    for link in ("/events/TicketOpened", "/queue/open_ticket", "/queue/mail_ticket", "/events?kind=command"):
        assert link in links, link
    assert "TicketClosed The ticket was assigned and changed, and so is done. close_ticket nobody subscribed" in text(
        page
    )
    assert "python -m ops events" in text(page)
    commands = tab.get("/events?kind=command")
    assert "Route POST /v1/tickets" in text(commands)
    assert "python -m ops events --commands" in text(commands)
    found = text(tab.get("/events?find=CLOSE_TICKET"))
    assert "TicketChanged" in found
    assert "TicketOpened" not in found
    assert "None of 7 has “nobody at all”" in text(tab.get("/events?find=nobody+at+all"))


def test_a_map_without_events_has_no_such_page_in_its_navigation(stage: Stage, tab: Tab) -> None:
    assert "/events" in tab.links_of(tab.get("/redrives"))
    with shown(stage, Topology()) as bare:
        assert "/events" not in bare.links_of(bare.get("/redrives"))
        assert "The map has none." in text(bare.get("/events"))


def test_an_event_has_its_fields_its_example_and_its_subscribers(tab: Tab, bridge: EventBridge) -> None:
    page = tab.get("/events/TicketOpened")
    said = text(page)
    for words in (
        "The ticket is stored.",
        "docs/events/TicketOpened.v1.json",
        "wanted[].hours whole number at least 1 at most 1,000 2",
        "email secret",
        "0 a minute",
        "has what happened since",
        "last replays is of it.",
        "python -m ops events TicketOpened",
    ):
        assert words in said, words
    assert "/replay/mail_ticket?event=TicketOpened" in tab.links_of(page)
    assert "mail_ticket takes every one" in said
    assert "ada@example.com" not in page
    assert "There is no event or command 'Nothing'" in text(tab.get("/events/Nothing", code=400))
    assert "Sent by Route POST /v1/tickets" in text(tab.get("/events/OpenTicket"))


def test_what_aws_does_not_tell_is_said_and_the_rest_is_there(tab: Tab, bridge: EventBridge, aws: Endpoint) -> None:
    bridge.refused["ListReplays"] = "AccessDeniedException"
    said = text(tab.get("/events/TicketOpened"))
    assert "ListReplays" in said
    assert "The ticket is stored." in said
    bridge.archive = None
    said = text(tab.get("/events/TicketOpened"))
    assert "archives nothing: give it archive_days in cdk.json" in said
    aws.sqs.queues.clear()
    said = text(tab.get("/events/TicketOpened"))
    assert "The ticket is stored." in said


def test_what_is_retired_of_another_project_or_heard_by_nobody_has_nothing_to_replay(
    stage: Stage, bridge: EventBridge
) -> None:
    with shown(stage, RETIRED) as tab:
        page = tab.get("/events/TicketOpened")
        assert "assign_ticket retired its rule is gone" in text(page)
        assert "/replay/assign_ticket?event=TicketOpened" not in tab.links_of(page)
        assert "retired" in text(tab.get("/events"))
    with shown(stage, THEIRS) as tab:
        page = tab.get("/events/desk.tickets.TicketOpened")
        assert "from bus desk-local-events" in text(page)
        assert not [link for link in tab.links_of(page) if link.startswith("/replay/")]
        assert 'where language is "EN" or begins with "D"' in text(tab.get("/events/TicketOpened"))
    with shown(stage) as tab:
        assert "Nobody subscribed." in text(tab.get("/events/TicketClosed"))


def test_what_a_contract_says_is_text_and_its_secrets_are_hidden(stage: Stage, bridge: EventBridge) -> None:
    with shown(stage, publishing(Marked)) as tab:
        for path in ("/events", "/events/Marked"):
            page = tab.get(path)
            harmless(tab, page)
            assert SECRET not in page
            assert HOSTILE.partition("\u202e")[0] in text(page)


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", '"><svg onload=alert(1)>', "{{ 7 * 7 }}", "%00"])
def test_what_an_address_says_is_text_too(tab: Tab, bridge: EventBridge, word: str) -> None:
    said = quote(word, safe="")
    for path in (f"/events/{said}", f"/replay/{said}", f"/replays/{said}", f"/live/replays/{said}x"):
        answer = tab.client.get(tab.guard.base + path)
        harmless(tab, answer.text)
        assert answer.status_code in (200, 400, 404), path
    harmless(tab, tab.get(f"/events?find={said}&kind={said}"))
    harmless(tab, tab.get(f"/replay/mail_ticket?event={said}&from={said}&to={said}"))
    asked: dict[str, Any] = dict.fromkeys(("from", "to", "event"), word)
    harmless(tab, tab.post("/replay/mail_ticket", **asked))


def test_three_hundred_events_are_a_page(stage: Stage) -> None:
    with shown(stage, many(300)) as tab:
        page = tab.get("/events")
        assert page.count("/events/Fact") == 300
        assert len(page) < 500_000
