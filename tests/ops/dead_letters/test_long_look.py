"""A look that takes its time says how far it is, can be stopped, and says what it did not see."""

from __future__ import annotations

import json
from threading import Event, Thread

import pytest

from ops.dead_letters import sample as samples
from ops.dead_letters.peek import AGAIN, look
from ops.dead_letters.sample import Samples
from ops.dead_letters.selection import Selection
from ops.depth import depth
from ops.queue import find_dead
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.gate import Gate, until


def test_a_look_says_how_far_it_is_and_what_it_found(stage: Stage, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 60)
    told: list[tuple[int, int, str]] = []
    found = look(
        stage,
        "open_ticket",
        selection=Selection(filter="body.n > `56`"),
        limit=500,
        progress=lambda *said: told.append(said),
    )
    assert [each.message.message_id for each in found.seen] == ids[57:]
    assert (found.looked, found.cut) == (60, None)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert {of for _, of, _ in told} == {60}
    assert "3 found so far" in {note for _, _, note in told}
    assert AGAIN in {note for _, _, note in told}


def test_one_that_is_stopped_keeps_what_it_saw_says_so_and_hides_nothing(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 60)
    gate, stop, kept = Gate(aws, monkeypatch, left=2), Event(), Samples()
    every = Selection(filter="body.n >= `0`")

    def take() -> None:
        kept.take(stage, "open_ticket", selection=every, limit=500, stop=stop)

    thread = Thread(target=take)
    thread.start()
    until(lambda: gate.waiting)
    stop.set()
    gate.left = 1
    thread.join(20)
    assert not thread.is_alive()
    assert gate.left == 0, "nothing more was received than what was under way"
    (sample,) = kept._kept.values()
    assert (sample.looked, sample.cut, sample.whole) == (20, "interrupted", False)
    assert len(sample.seen) == 20
    assert depth(stage, find_dead(stage, "open_ticket")).waiting == 60


def test_one_that_has_no_more_room_does_not_claim_to_have_seen_all(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        aws.put(queue(aws, "open_ticket-dlq"), json.dumps({"n": number, "long": "x" * 10_000}))
    monkeypatch.setattr(samples, "ROOM", 100_000)
    sample = Samples().take(stage, "open_ticket", selection=Selection(filter="body.n >= `0`"), limit=500)
    assert len(sample.seen) < 40
    assert not sample.whole
    assert sample.cut == "its messages are larger than what is kept of them"
