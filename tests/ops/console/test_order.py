"""Groups of a FIFO queue on the pages: shown with each message, and redriven in their order."""

from __future__ import annotations

import json
from dataclasses import replace

from ops.stage import Stage
from tests.ops.cli.test_parked import PARKS, die, park
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
