"""AWS's own move takes everything, as it is: it is given what asks for just that, of a queue that keeps no order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops.dead_letters.selection import Selection
from ops.errors import UsageError
from ops.queue import Queue, find
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.refusal import refuse
from ops.redrive.request import Request
from ops.redrive.rule import Script
from ops.redrive.run import redrive
from ops.stage import Stage
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import dead_tickets
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks

EVERYTHING = Request("open_ticket")
NEVER: dict[str, dict[str, Any]] = {
    "filter": {"selection": Selection(filter="body.n == `0`")},
    "age": {"selection": Selection(older_than=3_600)},
    "cause": {"selection": Selection(cause="unexplained")},
    "ids": {"selection": Selection(ids=("none-of-them",))},
    "limit": {"limit": 1},
    "edit": {"edit": '{"language": "EN"}'},
    "group": {"to": "change_ticket", "group": "g"},
    "broken rate": {"rate": 99.5},
    "rate beyond AWS's": {"rate": 501},
    "no limit of the rate": {"rate": "max"},
}
"""What AWS's own move would not heed."""
OURS: dict[str, dict[str, Any]] = {
    "what came back goes on": {"force": True},
    "what comes later": {"follow": True},
    "FIFO": {"queue": "change_ticket"},
    "undelivered events": {"queue": "assign_ticket-undelivered"},
    "another region": {"to": "arn:aws:sqs:us-east-1:000000000000:far"},
    "said so": {"natively": False},
}
"""What it would heed or can be told to take, and what is ours where nobody says which."""


@pytest.fixture
def on_aws(aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on an AWS that moves by itself."""
    monkeypatch.setattr(Stage, "on_aws", True)
    aws.moves = MoveTasks(aws.sqs)
    return stage


def test_only_a_redrive_of_everything_as_it_is_is_left_to_aws(aws: Endpoint, on_aws: Stage, tmp_path: Path) -> None:
    assert aws.moves is not None
    (tmp_path / "rule.py").write_text("def rule(message): return message.body")
    aws.elsewhere["us-east-1"] = FakeSqs(region="us-east-1")
    aws.elsewhere["us-east-1"].create("far")
    script = Script.of(f"{tmp_path / 'rule.py'}:rule")
    for options in ({"python": script}, *NEVER.values(), *OURS.values()):
        assert not redrive(on_aws, Request(**{"queue": "open_ticket", **options})).native, options
    dead_tickets(aws, 2)
    assert redrive(on_aws, Request("open_ticket", limit=1), yes=True).tally.moved == 1
    dead = find(on_aws, "open_ticket-dlq")
    unfinished = Journal(journals.path(on_aws, "20260101-000000-aaaa"), dead, EVERYTHING)
    unfinished.sent(dead_tickets(aws, 1))
    unfinished.close()
    assert not redrive(on_aws, EVERYTHING).native, "what was sent and not deleted would be sent again"
    redrive(on_aws, EVERYTHING, yes=True)
    assert aws.moves.tasks == []
    dead_tickets(aws, 2)
    for options in ({}, {"rate": 500}, {"to": "close_ticket"}):
        assert redrive(on_aws, Request("open_ticket", **options)).native, options
    assert aws.moves.tasks == [], "a dry run starts nothing"
    assert redrive(on_aws, EVERYTHING, yes=True).native
    assert len(aws.moves.tasks) == 1


def test_where_no_aws_is_nothing_is_left_to_it(aws: Endpoint, stage: Stage) -> None:
    aws.moves = MoveTasks(aws.sqs)
    dead_tickets(aws, 2)
    assert not redrive(stage, EVERYTHING, yes=True).native
    assert aws.moves.tasks == []


def test_what_awss_own_move_would_not_heed_is_refused_where_it_is_asked_for(cloud: Stage) -> None:
    here, there = "https://sqs.eu-west-1.amazonaws.com/1/", "https://sqs.us-east-1.amazonaws.com/1/"
    dead, near = Queue("d", "other", "d", f"{here}d"), Queue("n.fifo", "other", "n.fifo", f"{here}n.fifo")
    far = Queue("f", "other", "f", f"{there}f", "us-east-1")
    refused = [*NEVER.values(), {"python": Script("rule.py", "rule", "")}, {"to": "far"}]
    for options in refused:
        to = {None: None, "far": far}.get(options.get("to"), near)
        with pytest.raises(UsageError, match="leave out --native"):
            refuse(cloud, dead, to, Request("d", natively=True, **options))
    for options in ({}, {"rate": 1}, {"rate": 500}, {"force": True}, {"follow": True}, {"keep_order": False}):
        refuse(cloud, dead, None, Request("d", natively=True, **options))
