"""Groups of a FIFO queue on the pages: shown with each message, and redriven in their order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.audit import kept
from ops.console.desk import Desk
from ops.dead_letters.parked import mark
from ops.stage import Stage
from tests.ops.cli.test_parked import PARKS, die, park, places
from tests.ops.cli.typed import queue
from tests.ops.console.tab import Tab, opened, text
from tests.ops.endpoint import Endpoint


def test_a_group_is_shown_and_keeps_its_order(tab: Tab, aws: Endpoint, stage: Stage) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for step in range(4):
        for group in ("one", "two"):
            aws.put(dead, json.dumps({"step": step, "note": group}), group=group)
    page = text(tab.get("/dead/change_ticket"))
    assert "one" in page
    assert "8 waiting" in page
    assert "FIFO: let messages pass those that are kept" in text(tab.get("/plan/change_ticket"))
    done = text(tab.post("/plan/change_ticket/redrive"))
    run = stage.files.glob("*.journal")
    assert "8 redriven from change_ticket-dlq" in done, [*run]
    arrived = [json.loads(each) for each in queue(aws, "change_ticket").arrived]
    for group in ("one", "two"):
        assert [each["step"] for each in arrived if each["note"] == group] == [0, 1, 2, 3]


def test_parked_groups_stand_on_their_queues_page(stage: Stage, aws: Endpoint) -> None:
    with opened(replace(stage, topology=PARKS)) as tab:
        assert "Nothing is parked." in text(tab.get("/queue/change_ticket"))
        park(aws, "<b>t-1", ["1", "2", "3"])
        page = tab.get("/queue/change_ticket")
        assert "&lt;b&gt;t-1" in page
        assert "not known to be dead" in text(page)
        die(aws, "<b>t-1", ["1"])
        tab.get("/dead/change_ticket")
        page = text(tab.get("/queue/change_ticket"))
        assert "not known to be dead" not in page
        assert "python -m ops parked change_ticket" in page
        assert not queue(aws, "change_ticket").arrived
        aws.refusing = {"dynamodb_20120810"}
        assert "What is parked could not be read" in text(tab.get("/queue/change_ticket"))


def test_a_group_is_opened_or_its_first_skipped_once_somebody_saw_what_loses_its_place(
    stage: Stage, aws: Endpoint
) -> None:
    with opened(replace(stage, topology=PARKS)) as tab:
        park(aws, "t 1&2", ["1", "2", "3"])
        (link,) = [each for each in tab.links_of(tab.get("/queue/change_ticket")) if "/open?" in each]
        page = text(tab.get(link))
        assert "All 3 messages lose their places: 1@1 2@1 3@1" in page
        assert "python -m ops parked change_ticket --skip 't 1&2' --yes" in page
        assert places(aws, "t 1&2") == ["1@1", "2@1", "3@1"], "to ask changes nothing"
        assert not kept(tab.desk.stage)
        form: dict[str, Any] = {"group": "t 1&2", "first": "yes", "shown": mark(["1@1"])}
        assert f'name="shown" value="{form["shown"]}"' in tab.get(link)
        done = text(tab.post("/queue/change_ticket/open", **form))
        assert "1 message of it lost its place" in done
        assert places(aws, "t 1&2") == ["2@1", "3@1"]
        again = text(tab.post("/queue/change_ticket/open", 400, **form))
        assert "is not what you were shown any more" in again, "a second click takes no other"
        tab.post("/queue/change_ticket/open", group="t 1&2", shown=mark(["2@1", "3@1"]))
        assert places(aws, "t 1&2") == []
        opened_, skipped = kept(tab.desk.stage)[:2]
        assert (opened_.action, opened_.asked["lost"]) == ("open a group", ["2@1", "3@1"])
        assert (skipped.action, skipped.asked["lost"]) == ("skip the head of a group", ["1@1"])
        assert "Nothing of group 't 1&2' is parked" in text(tab.post("/queue/change_ticket/open", 400, group="t 1&2"))
        assert "is no queue that parks" in text(tab.post("/queue/open_ticket/open", 400, group="a"))


def test_what_was_parked_between_look_and_click_loses_no_place(stage: Stage, aws: Endpoint) -> None:
    with opened(replace(stage, topology=PARKS)) as tab:
        park(aws, "g", ["1"])
        shown = mark(["1@1"])
        park(aws, "g", ["7", "8"])
        for form in ({"shown": shown}, {}):
            tab.post("/queue/change_ticket/open", 400, group="g", **form)
        assert places(aws, "g") == ["7@1", "8@1"]
        assert not kept(tab.desk.stage)


def test_in_prod_a_group_is_opened_by_who_types_its_queues_name(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "careful", True)
    with opened(replace(stage, topology=PARKS)) as tab:
        park(aws, "t-1", ["1"])
        assert "Type change_ticket to confirm" in text(tab.get("/queue/change_ticket/open?group=t-1"))
        for typed in ("", "t-1"):
            tab.post("/queue/change_ticket/open", 400, group="t-1", typed=typed)
        assert places(aws, "t-1") == ["1@1"]
        tab.post("/queue/change_ticket/open", group="t-1", typed="change_ticket", shown=mark(["1@1"]))
        assert places(aws, "t-1") == []
