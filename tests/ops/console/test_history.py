"""The console shows what all people did, and finds a request by what people call it."""

from __future__ import annotations

import json
import re

from ops import audit
from ops.stage import Stage
from tests.ops.console.tab import Tab, text
from tests.ops.endpoint import Endpoint
from tests.ops.lines import answered, handled
from tests.ops.sight import Insights
from tests.ops.test_history import record

HOSTILE = "<script>alert(1)</script>\u202e"


def test_everybodys_records_are_shown_and_chosen(tab: Tab, aws: Endpoint, stage: Stage) -> None:
    theirs = record(aws, 1)
    audit.end(stage, audit.begin(stage, "20261127-mine", "drop", "assign_ticket-dlq", {}), {"deleted": 3})
    shown = text(tab.get("/redrives"))
    assert "ada@example.com laptop-of-ada ✓ 1 moved" in shown
    assert "✓ 3 deleted" in shown
    assert "python -m ops history" in shown
    page = tab.get("/redrives?who=ADA&queue=open_ticket&action=redrive")
    assert "3 deleted" not in text(page)
    assert "1 moved" in text(page)
    assert "python -m ops history --queue open_ticket --who ADA --action redrive" in text(page)
    assert "No record is like that" in text(tab.get("/redrives?who=nobody"))
    assert f"/redrives/{theirs}" in tab.links_of(page)
    assert "no action" in text(tab.get("/redrives?action=drown", code=400))
    assert "damaged" in text(tab.get("/redrives?before=x", code=400))
    assert "no span of time" in text(tab.get("/redrives?since=x", code=400))


def test_older_records_are_pages_away(tab: Tab, aws: Endpoint) -> None:
    every = {record(aws, number) for number in range(120)}
    seen: set[str] = set()
    path = "/redrives?who=ada"
    for size in (50, 50, 20):
        page = tab.get(path)
        links = tab.links_of(page)
        ids = {each.removeprefix("/redrives/") for each in links if each.startswith("/redrives/")}
        assert len(ids) == size
        assert not ids & seen
        seen |= ids
        older = [each for each in links if "before=" in each]
        path = older[0] if older else ""
    assert (seen, path) == (every, "")


def test_a_record_of_another_machine_says_where_it_goes_on(tab: Tab, aws: Endpoint) -> None:
    id_ = record(aws, 1, ended_at=None, result="{}", asked=json.dumps({"limit": 5, "selection": {"ids": ["a", "b"]}}))
    shown = text(tab.get(f"/redrives/{id_}"))
    assert "its journal is on laptop-of-ada" in shown
    assert f"python -m ops resume {id_}" in shown
    assert "died: no end is recorded" in shown
    assert "limit 5 ids a, b" in shown
    assert "Resume" not in shown
    assert "no redrive nobody on record" in text(tab.get("/redrives/nobody", code=400))


def test_without_the_permission_this_machines_records_are_shown_and_why(tab: Tab, aws: Endpoint, stage: Stage) -> None:
    audit.end(stage, audit.begin(stage, "20261127-mine", "drop", "assign_ticket-dlq", {}), {"deleted": 3})
    aws.refusing.add("dynamodb_20120810")
    for path in ("/redrives", "/redrives/20261127-mine"):
        shown = text(tab.get(path))
        assert "3 deleted" in shown
        assert "Only what was done from this machine is known: " in shown
    assert "not you" in text(tab.get("/redrives/other", code=400))


def test_what_others_wrote_into_a_record_is_text(tab: Tab, aws: Endpoint) -> None:
    id_ = record(aws, 1, who=HOSTILE, host=HOSTILE, queue=HOSTILE, result=json.dumps({"stopped": HOSTILE}))
    for path in ("/redrives", f"/redrives/{id_}"):
        page = tab.get(path)
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_request_is_found_by_its_key_from_the_top_bar(tab: Tab, aws: Endpoint) -> None:
    aws.insights = Insights(statuses=["Complete"])
    aws.insights.lines = [
        answered(),
        handled("open_ticket", "m1", 100, request=0, key="tic-1"),
        handled("open_ticket", "m2", 200, correlation_id="corr-2", key="tic-2"),
        handled("open_ticket", "m3", 300, correlation_id="corr-3", key="/acme/tic-2", outcome="rejected"),
    ]
    assert "by a key" in tab.get("/")
    assert "POST /v1/tickets" in text(tab.post("/request", id="tic-1"))
    page = tab.post("/request", id="tic-2", since="3d")
    shown = text(page)
    assert "2 requests have the key tic-2" in shown
    assert shown.index("corr-3") < shown.index("corr-2")
    assert "tickets open_ticket acme 1 rejected" in shown
    links = [each for each in tab.links_of(page) if each.startswith("/request?")]
    assert ["corr-3" in text(tab.get(link)) for link in links] == [True, False]
    assert "python -m ops trace --key tic-1 --since 1d" in text(tab.post("/request", id="tic-1", key="yes"))
    assert "<b>" not in tab.get("/request?id=%3Cb%3E")
    assert "<b>" not in tab.post("/request", id="<b>")


def test_what_finds_a_request_is_typed_into_no_address(tab: Tab) -> None:
    """A browser keeps addresses and titles; a key may be a person's name or number."""
    for page in (tab.get("/"), tab.get("/request")):
        forms = re.findall(r"<form[^>]*/request\"[^>]*>", page)
        assert forms
        assert all('method="post"' in form for form in forms)
