"""Asking who works on a queue to stop: an ask that comes late hides none that somebody made of who came next."""

from __future__ import annotations

import pytest

from ops.lease import Running, ask_to_stop, held, running
from ops.queue import Queue, find
from ops.stage import Stage
from stacks import names
from tests.ops.endpoint import Endpoint

TABLE = names.resource(names.LOCAL, names.REDRIVES)


@pytest.fixture
def dead(stage: Stage) -> Queue:
    return find(stage, "open_ticket-dlq")


def at_it(stage: Stage, dead: Queue) -> Running:
    found = running(stage, dead)
    assert found is not None
    return found


@pytest.mark.parametrize("here", [True, False])
def test_who_asks_for_one_that_ended_asks_nobody(
    aws: Endpoint, stage: Stage, other: Stage, dead: Queue, here: bool
) -> None:
    worker = stage if here else other
    with held(worker, dead, "redrive", "first"):
        first = at_it(stage, dead)
    with held(worker, dead, "redrive", "second") as lease:
        second = at_it(stage, dead)
        ask_to_stop(stage, dead, second)
        ask_to_stop(stage, dead, first)
        ask = lease._stop_file.read_text() if here else str(aws.tables[TABLE][f"{second.holder.id}:stop"])
        assert second.holder.token in ask


def test_an_ask_that_is_overtaken_by_another_leaves_it(aws: Endpoint, stage: Stage, other: Stage, dead: Queue) -> None:
    with held(other, dead, "redrive", "first"):
        first = at_it(stage, dead)
        id_ = f"{first.holder.id}:stop"

        def before(action: str, table: str) -> None:
            """The first ends, the second begins, and somebody asks for that one, right before the first is asked."""
            if (action, table) == ("putitem", TABLE):
                aws.tables[TABLE][id_] = {"id": {"S": id_}, "token": {"S": "second"}, "who": {"S": "somebody"}}

        aws.before = before
        ask_to_stop(stage, dead, first)
        aws.before = lambda action, table: None
        assert aws.tables[TABLE][id_]["token"]["S"] == "second"
