"""`history` and `trace --key`, as a person types them."""

from __future__ import annotations

from ops import audit
from ops.stage import Stage
from tests.ops.cli.typed import answer, ops
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights
from tests.ops.test_history import record


def test_everybodys_records_are_printed_with_what_became_of_them(aws: Endpoint, stage: Stage) -> None:
    record(aws, 1)
    audit.end(stage, audit.begin(stage, "20261127-mine", "drop", "assign_ticket-dlq", {}), {"deleted": 3})
    wide = " ".join(ops("history").output.split())
    theirs = "2026-11-26 17:59:00 redrive open_ticket-dlq ada@example.com laptop-of-ada 1 moved 20261126-0"
    assert wide.index("drop assign_ticket-dlq") < wide.index(theirs)
    shown = ops("history", columns=80).output
    theirs = "2026-11-26 17:59:00  redrive open_ticket-dlq: 1 moved\n      ada@example.com on laptop-of-ada, 20261126-0"
    assert shown.index("drop assign_ticket-dlq: 3 deleted") < shown.index(theirs)
    assert "3 deleted" not in ops("history", "--who", "ada", "--queue", "open_ticket").output
    assert ops("history", "--who", "nobody").output == "Nothing is on record.\n"
    assert ops("history", "--action", "drown").exit_code == 2


def test_a_script_gets_every_field_and_where_to_go_on(aws: Endpoint) -> None:
    first, second = record(aws, 1), record(aws, 2, ended_at=None)
    told = answer("history", "--limit", "1")
    (entry,) = told["entries"]
    assert (entry["id"], entry["state"], entry["here"], entry["result"]) == (first, "ended", False, {"moved": 1})
    assert entry["who"].startswith("arn:aws:sts::")
    rest = answer("history", "--limit", "1", "--before", told["more"])
    assert [(each["id"], each["state"], each["ended_at"]) for each in rest["entries"]] == [(second, "died", None)]
    assert rest["more"] is None
    assert 'say --before "' in ops("history", "--limit", "1").output


def test_what_others_wrote_steers_no_terminal(aws: Endpoint) -> None:
    record(aws, 1, who="a\x1b[2J\nb", host="\u202e", queue="\x07")
    shown = ops("history").output
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 2


def test_a_request_is_found_by_its_key_or_those_with_it_are_listed(aws: Endpoint) -> None:
    aws.insights = Insights(statuses=["Complete"])
    aws.insights.lines = [
        handled("open_ticket", "m1", 100, key="tic-1"),
        handled("open_ticket", "m2", 200, correlation_id="corr-2", key="tic-2"),
        handled("open_ticket", "m3", 300, correlation_id="corr-3", key="/acme/tic-2", outcome="rejected"),
    ]
    for typed in (("tic-1",), ("--key", "tic-1")):
        assert ops("trace", *typed).output.startswith("corr-1  ")
    shown = ops("trace", "--key", "tic-2").output
    assert shown.startswith("2 requests have the key tic-2")
    assert shown.index("corr-3") < shown.index("acme") < shown.index("rejected") < shown.index("corr-2")
    assert [each["id"] for each in answer("trace", "tic-2")["candidates"]] == ["corr-3", "corr-2"]
    assert "one of the two" in ops("trace").output
    assert "one of the two" in ops("trace", "tic-1", "--key", "tic-1").output
