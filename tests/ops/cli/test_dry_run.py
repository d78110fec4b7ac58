"""A dry run of a FIFO queue, of which SQS shows only the first of each group: what it counts is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint


def dead_changes(aws: Endpoint, **groups: int) -> None:
    """So many dead letters in each group."""
    for group, count in groups.items():
        for number in range(count):
            aws.put(queue(aws, "change_ticket-dlq"), json.dumps({"group": group, "n": number}), group)


@pytest.mark.parametrize(
    ("options", "matched"),
    [([], 20), (["--filter", "body.group == 'b'"], 5), (["--limit", "3"], 3)],
    ids=["everything", "a filter", "a limit"],
)
def test_what_is_seen_and_what_was_not_looked_at_are_all_there_are(
    aws: Endpoint, options: list[str], matched: int
) -> None:
    dead_changes(aws, a=60, b=5, c=12)  # SQS shows ten of a, and five of b and of c in one receive
    report = answer("redrive", "change_ticket", *options)
    tally = report["tally"]
    assert tally["matched"] == matched
    assert tally["seen"] + report["unseen"] == 77
    whole = {"waiting": 77, "in_flight": 0, "delayed": 0}
    assert (report["before"], report["after"]) == (whole, whole)


def test_a_dry_run_says_what_it_did_not_look_at_and_what_others_hold(aws: Endpoint) -> None:
    dead_changes(aws, a=60, b=5)
    aws.do(lambda: queue(aws, "change_ticket-dlq").take(5, 600))  # the first five of one group
    told = ops("redrive", "change_ticket").stdout
    assert "Would redrive 5 from change_ticket-dlq" in told
    assert "55 were not looked at: SQS shows the first ten of a group at the most" in told
    assert "In the queue, before and after: 60 to receive, 5 in flight, which somebody holds." in told


def test_a_limit_and_not_the_order_is_named_where_it_ended_the_look(aws: Endpoint) -> None:
    dead_changes(aws, a=60)
    told = ops("redrive", "change_ticket", "--limit", "3").stdout
    assert "not looked at: the limit was reached." in told
    assert "none in flight" in told


def test_a_dry_run_of_a_queue_without_order_sees_everything(aws: Endpoint) -> None:
    for number in range(40):
        aws.put(queue(aws, "open_ticket-dlq"), str(number))
    report = answer("redrive", "open_ticket")
    assert (report["tally"]["matched"], report["unseen"], report["locked"]) == (40, 0, 0)
    assert "not looked at" not in ops("redrive", "open_ticket").stdout


def test_where_nothing_would_be_done_nothing_is_offered(aws: Endpoint, tmp_path: Path) -> None:
    said = ops("drop", "open_ticket").stdout
    assert "Nothing to delete in open_ticket-dlq." in said
    assert "--yes" not in said
    dead_tickets(aws, 3)
    said = ops("drop", "open_ticket", "--ids", "nothing").stdout
    assert "Nothing to delete in open_ticket-dlq." in said
    rule = tmp_path / "rule.py"
    rule.write_text("def fix(message):\n    raise ValueError('never')\n")
    said = ops("redrive", "open_ticket", "--python", f"{rule}:fix").stdout
    assert "Would redrive 0 of 3 from open_ticket-dlq: nothing to move." in said
    assert "say --yes" not in said
