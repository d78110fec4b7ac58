"""A replay on pages: planned as the command plans it, begun, watched and cancelled, with the same record."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ops.audit import kept
from ops.console import replays
from ops.console.desk import Desk
from ops.console.replays import picture
from ops.replay import run
from ops.replay.run import ACTIVE
from ops.stage import Stage
from stacks import names
from tests.ops.console.tab import Tab, opened, text
from tests.ops.console.test_hostile import harmless
from tests.ops.endpoint import Endpoint
from tests.ops.replay.eventbridge import PLACE, EventBridge
from tests.ops.sight import Insights

RULE = names.rule("local", "mail_ticket", "TicketOpened")
ASKED: dict[str, Any] = {"from": "2h", "event": "TicketOpened"}


@pytest.fixture
def bridge(stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> EventBridge:
    aws.insights = Insights(statuses=["Complete"])
    monkeypatch.setattr(run, "_pause", lambda *_: 0.01)
    monkeypatch.setattr(replays, "SOON", 20.0)  # a busy machine takes its time
    return EventBridge(stage)


@pytest.fixture
def there(stage: Stage, bridge: EventBridge) -> Iterator[Tab]:
    with opened(stage, where=("--stage", "local", "--region", "eu-west-1")) as tab:
        yield tab
        bridge.states = ["COMPLETED"]
        for each in tab.desk.replays.running():
            assert each.wait(10), each


def begun(tab: Tab, **said: Any) -> str:
    """The name of a replay that a form began."""
    page = tab.post("/replay/mail_ticket/begin", **{**ASKED, **said})
    found = re.search(rf"{names.replay('local', '')}[0-9a-f-]+", page)
    assert found is not None
    return found[0]


def test_the_form_says_what_the_archive_has_and_the_plan_what_would_be(there: Tab, bridge: EventBridge) -> None:
    form = text(there.get("/replay/mail_ticket?event=TicketOpened"))
    assert "Replay to mail_ticket" in form
    assert "keeps it for 7 days" in form
    plan = there.post("/replay/mail_ticket", **ASKED)
    said = text(plan)
    assert "Would replay to mail_ticket, by no rule but its own" in said
    assert f"TicketOpened by rule {RULE}" in said
    assert "python -m ops replay mail_ticket --from 2h --stage local --region eu-west-1" in said
    assert "--yes --stage local" in said
    assert not bridge.calls("StartReplay")
    assert kept(there.desk.stage) == []


def test_the_page_of_a_subscriber_leads_to_the_form_and_of_another_queue_does_not(there: Tab) -> None:
    assert "/replay/mail_ticket" in there.links_of(there.get("/queue/mail_ticket"))
    assert "/replay/open_ticket" not in there.links_of(there.get("/queue/open_ticket"))
    assert "No subscriber is called 'open_ticket'" in text(there.get("/replay/open_ticket", code=400))
    several = there.get("/replay/close_ticket?event=TicketChanged,Nothing")
    assert several.count(" checked") == 1
    assert "--event TicketChanged --stage local" in text(
        there.post("/replay/close_ticket", **{**ASKED, "event": ["TicketChanged"]})
    )


def test_it_begins_is_watched_to_its_end_and_is_on_record(there: Tab, bridge: EventBridge) -> None:
    page = there.post("/replay/mail_ticket/begin", **ASKED)
    (asked,) = bridge.calls("StartReplay")
    assert asked["Destination"]["FilterArns"] == [f"{PLACE}:rule/{names.resource('local', names.BUS)}/{RULE}"]
    name = asked["ReplayName"]
    assert name in text(page)
    watched = there.desk.replays.find(name)
    assert watched is not None
    assert watched.wait(10)
    said = text(there.get(f"/replays/{name}"))
    assert "completed" in said
    assert "See mail_ticket" in said
    assert "sse-connect" not in there.get(f"/replays/{name}")
    (record,) = kept(there.desk.stage)
    assert (record.action, record.queue, record.result["state"]) == ("replay", "mail_ticket", "COMPLETED")
    listed = there.get("/replays")
    assert name in listed
    assert record.who in text(listed)
    assert f"/replays/{name}" in there.links_of(there.get("/events/TicketOpened"))
    assert f"/replays/{name}" not in there.links_of(there.get("/events/TicketChanged"))


def test_while_it_is_under_way_it_is_live_and_can_be_cancelled(there: Tab, bridge: EventBridge) -> None:
    bridge.states = ["RUNNING"]
    name = begun(there)
    page = there.get(f"/replays/{name}")
    assert f"{there.guard.base}/live/replays/{name}" in page
    assert "1 of 120" in text(page) or "1 of 121" in text(page)
    assert f"python -m ops replays --cancel {name} --stage local" in text(page)
    assert "brings events to mail_ticket already" in text(there.post("/replay/mail_ticket", **ASKED))
    bridge.ending = ["CANCELLED"]
    said = text(there.post(f"/replays/{name}/cancel"))
    assert "cancelled" in said
    assert "and a part of what happened in the minute from" in said
    assert "Replay what is left" in said
    assert "python -m ops replay mail_ticket --from" in said
    records = {each.action: each for each in kept(there.desk.stage)}
    assert records["replay"].result["state"] == "CANCELLED"
    asked = records["cancel"]  # whoever cancels it may be another than who began it
    assert (asked.queue, asked.asked, asked.result) == ("mail_ticket", {"replay": name}, {"cancelled": True})
    assert "is over or being cancelled" in text(there.post(f"/replays/{name}/cancel", code=400))


def test_the_live_part_goes_on_until_it_ended(there: Tab, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.console.replays.EVERY", 0.01)
    bridge.states = ["RUNNING"]
    name = begun(there)
    bridge.states = ["RUNNING", "RUNNING", "COMPLETED"]
    parts = there.client.get(f"{there.guard.base}/live/replays/{name}").text
    assert parts.rstrip().endswith("data: over")
    assert "event: replay" in parts
    assert "completed" in parts


def test_what_aws_says_of_a_failure_is_told_with_what_is_left(there: Tab, bridge: EventBridge) -> None:
    bridge.states = ["RUNNING"]
    name = begun(there)
    bridge.replays[name]["StateReason"] = "<script>alert(1)</script> the target is gone"
    bridge.states = ["FAILED"]
    watched = there.desk.replays.find(name)
    assert watched is not None
    assert watched.wait(10)
    page = there.get(f"/replays/{name}")
    harmless(there, page)
    assert "AWS says: <script>alert(1)</script> the target is gone" in text(page)
    assert any(link.startswith("/replay/mail_ticket?from=") for link in there.links_of(page))


def test_one_that_somebody_else_began_is_shown_too(there: Tab, bridge: EventBridge) -> None:
    name = names.replay("local", "20261121-100000-3f2a")
    end = time.time()
    of = {"ReplayName": name, "State": "RUNNING", "EventStartTime": end - 600, "EventEndTime": end}
    rules = [f"{PLACE}:rule/{names.resource('local', names.BUS)}/{RULE}"]
    bridge.replays[name] = {**of, "Destination": {"Arn": "bus", "FilterArns": rules}}
    bridge.states = []
    said = text(there.get(f"/replays/{name}"))
    assert "Whoever began it records how it ends." in said
    assert "to mail_ticket-on-TicketOpened" in said
    bridge.replays[name]["Destination"] = {"Arn": "bus"}
    assert "to every rule" in text(there.get(f"/replays/{name}"))
    assert "There is no replay 'theirs'" in text(there.get("/replays/theirs", code=400))
    assert "There is no replay 'theirs'" in text(there.post("/replays/theirs/cancel", code=400))
    assert not bridge.calls("CancelReplay")


def test_without_an_archive_the_page_names_the_setting(there: Tab, bridge: EventBridge) -> None:
    bridge.archive = None
    page = there.get("/replay/mail_ticket?event=TicketOpened")
    assert "archives nothing: give it archive_days in cdk.json and deploy it" in text(page)
    assert "See what it would do" not in text(page)
    assert "archive_days" in text(there.post("/replay/mail_ticket/begin", code=400, **ASKED))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"from": ""}, "Say from when on"),
        ({"from": "yesterday"}, "which is no time"),
        ({"from": "2h", "to": "3h"}, "nothing happened between them"),
        ({"from": "9999999999d"}, "--from"),
        ({"from": "2h", "event": "TicketClosed"}, "does not subscribe to 'TicketClosed'"),
        ({"from": "30d"}, "--force if it is new"),
    ],
)
def test_what_cannot_be_replayed_is_said_above_the_form_that_keeps_what_was_typed(
    there: Tab, bridge: EventBridge, said: dict[str, Any], words: str
) -> None:
    assert bridge.archive is not None
    bridge.archive["RetentionDays"] = 0
    bridge.archive["CreationTime"] -= 400 * 86_400
    page = there.post("/replay/mail_ticket", **said)
    assert words in text(page)
    assert "See what it would do" in page
    if said["from"]:
        assert f'value="{said["from"]}"' in page
    assert not bridge.calls("StartReplay")


def test_force_goes_on_to_what_is_begun(there: Tab, bridge: EventBridge) -> None:
    assert bridge.archive is not None
    bridge.archive |= {"RetentionDays": 0, "CreationTime": time.time() - 400 * 86_400}
    asked: dict[str, Any] = {"from": "30d", "force": "yes"}
    page = there.post("/replay/mail_ticket", **asked)
    assert "--force --yes" in text(page)
    there.post("/replay/mail_ticket/begin", **asked)
    assert bridge.calls("StartReplay")


def test_what_aws_refuses_to_begin_is_said_and_nothing_is_on_its_way(
    there: Tab, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.refused["StartReplay"] = "LimitExceededException"
    assert "so many replays are under way" in text(there.post("/replay/mail_ticket/begin", code=400, **ASKED))
    bridge.answers.clear()
    with monkeypatch.context() as impatient:
        impatient.setattr(replays, "SOON", 0.05)
        name = begun(there)
    assert "sse-connect" in there.get(f"/replays/{name}")
    bridge.answers.set()
    watched = there.desk.replays.find(name)
    assert watched is not None
    assert watched.wait(10)
    page = there.get(f"/replays/{name}")
    assert "so many replays are under way" in text(page)
    assert "sse-connect" not in page
    bridge.refused["StartReplay"] = "AccessDeniedException"
    assert "StartReplay" in text(there.post("/replay/mail_ticket/begin", code=502, **ASKED))
    assert {each.result["state"] for each in kept(there.desk.stage)} == {"not started"}
    assert "not started" in text(there.get("/redrives"))


def test_who_only_reads_begins_and_cancels_nothing(stage: Stage, bridge: EventBridge) -> None:
    with opened(stage, read_only=True) as tab:
        assert "--read-only" in text(tab.post("/replay/mail_ticket", **ASKED))
        assert "--read-only" in text(tab.post("/replay/mail_ticket/begin", code=403, **ASKED))
        assert "--read-only" in text(tab.post("/replays/x/cancel", code=403))
    assert not bridge.calls("StartReplay")


def test_in_prod_the_subscriber_is_typed_first(
    there: Tab, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "careful", True)
    assert "Type mail_ticket to confirm" in text(there.post("/replay/mail_ticket", **ASKED))
    assert "Type mail_ticket to confirm" in text(there.post("/replay/mail_ticket/begin", code=400, **ASKED))
    assert not bridge.calls("StartReplay")
    bridge.states = ["RUNNING"]
    name = begun(there, typed="mail_ticket")
    assert "Type mail_ticket to confirm" in text(there.post(f"/replays/{name}/cancel", code=400))
    assert not bridge.calls("CancelReplay")
    assert "cancelled" in text(there.post(f"/replays/{name}/cancel", typed="mail_ticket"))


def test_a_console_that_ends_leaves_it_to_aws_and_records_that(there: Tab, bridge: EventBridge) -> None:
    bridge.states = ["RUNNING"]
    name = begun(there)
    assert there.desk.replays.leave() == [name]
    (record,) = kept(there.desk.stage)
    assert record.result == {"state": "unknown", "why": "The console ended while AWS went on."}
    assert not bridge.calls("CancelReplay")
    assert picture(there.desk, name)["found"].state in ACTIVE
    assert "The console ended while AWS went on." in text(there.get(f"/replays/{name}"))


def test_a_cancel_that_aws_refuses_is_on_record_as_one(there: Tab, bridge: EventBridge) -> None:
    bridge.states = ["COMPLETED"]
    name = begun(there)
    bridge.states = ["COMPLETED"]
    assert "is over or being cancelled" in text(there.post(f"/replays/{name}/cancel", code=400))
    (asked,) = [each for each in kept(there.desk.stage) if each.action == "cancel"]
    assert "is over or being cancelled" in asked.result["stopped"]
