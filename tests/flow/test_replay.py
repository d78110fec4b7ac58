"""`python -m ops replay`: what happened reaches one subscriber once more, and nobody else."""

from __future__ import annotations

import json
import time

from local.effects import Effects, eventually
from local.session import Session
from ops.observe.request_path import Delivery
from ops.observe.trace import trace
from ops.replay import run
from ops.stage import Stage
from stacks import names
from tests.flow.tickets import hire, hours_left, open_ticket, operate, settled
from tests.sample.topology import SAMPLE


def deliveries(stage: Stage, id_: str, queue: str) -> list[Delivery]:
    """The messages of that queue in which the events of the request came, as `trace` tells them."""
    return [each for each in trace(stage, id_, since=3600).deliveries() if each.queue == queue]


def test_a_replay_reaches_the_subscriber_that_it_names_who_sees_it_and_does_nothing_twice(
    stack: Session, effects: Effects
) -> None:
    hire(stack, "agent-replayed")
    id_ = open_ticket(stack, "replayed-1", ("agent-replayed", 3))["message_id"]
    assert eventually(lambda: hours_left(effects, "agent-replayed") == 997)
    assert settled(effects)
    time.sleep(1)  # a replay ends with the last whole second: AWS knows no shorter ones

    stage = Stage.open(names.LOCAL, SAMPLE, stack.home)
    most = run.plan(stage, run.Request(subscriber="assign_ticket", start="10m")).estimate.most
    assert most is not None
    assert most >= 1
    done = operate(stack, "replay", "assign_ticket", "--from", "10m", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["rules"]) == ("COMPLETED", [names.rule("local", "assign_ticket", "TicketOpened")])
    assert [each.name for each in run.replays(stage)] == [told["replay"]]

    assert eventually(lambda: len(deliveries(stage, id_, "assign_ticket")) == 2)
    first, again = deliveries(stage, id_, "assign_ticket")
    assert (first.replayed, again.replayed, again.state) == (None, told["replay"], "duplicate")
    assert again.replayed_by, "who started it is on record"
    assert settled(effects)
    assert len(deliveries(stage, id_, "mail_ticket")) == 1, "the other subscriber of the same event"
    assert len(deliveries(stage, id_, "close_ticket")) == 1, "what was told when it was done is not told again"
    assert hours_left(effects, "agent-replayed") == 997
