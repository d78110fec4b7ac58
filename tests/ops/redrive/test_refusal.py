"""A redrive to a queue that would lose the order, or that nobody can tell from the DLQ, is refused before it begins."""

from __future__ import annotations

import pytest

from ops.errors import UsageError
from ops.queue import Queue
from ops.redrive.refusal import refuse
from ops.redrive.request import Request
from ops.stage import Stage

HERE, OTHER = "https://sqs.eu-west-1.amazonaws.com/1/", "https://sqs.us-east-1.amazonaws.com/1/"


def called(name: str, place: str = HERE, region: str | None = None) -> Queue:
    return Queue(name, "other", name, f"{place}{name}", region)


DEAD, FIFO = called("d"), called("d.fifo")


def test_where_messages_may_go_and_where_not(cloud: Stage) -> None:
    refused: list[tuple[Queue, Queue | None, str | None, str]] = [
        (DEAD, DEAD, None, "d is where they are: choose another queue"),
        (DEAD, called("d", region="us-east-1"), None, "d and d have one URL here"),
        (FIFO, called("work"), None, "work is standard and d.fifo is FIFO, whose order would be lost"),
        (DEAD, called("work.fifo"), None, "say --group GROUP"),
        (DEAD, None, "g", "--group is for messages of a standard queue"),
        (DEAD, called("work"), "g", "--group is for messages of a standard queue"),
        (FIFO, called("work.fifo"), "g", "--group is for messages of a standard queue"),
        *((DEAD, called("work.fifo"), group, "--group takes 1 to 128") for group in ("", "a b", "é", "g" * 129)),
    ]
    for dead, to, group, said in refused:
        with pytest.raises(UsageError, match=said):
            refuse(cloud, dead, to, Request("d", group=group))
    for dead, to, group in (
        (DEAD, None, None),
        (DEAD, called("work"), None),
        (DEAD, called("d", OTHER, "us-east-1"), None),
        (FIFO, called("work.fifo"), None),
        *((DEAD, called("work.fifo"), group) for group in ("g", "!~", "g" * 128)),
    ):
        refuse(cloud, dead, to, Request("d", group=group))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_through_is_refused(cloud: Stage, limit: int) -> None:
    with pytest.raises(UsageError, match="give at least 1"):
        refuse(cloud, DEAD, None, Request("d", limit=limit))
