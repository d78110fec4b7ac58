"""The function of workflows: what it keeps, what it tells, and that whatever fails in between is told once."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.log_line import Followed
from functions.contracts.plan import Planned
from functions.contracts.workflow import KEPT, MessageDied, WorkflowDue
from tests.functions.events import delivered, record
from tests.functions.follow_workflow.world import World
from tests.sample.followed import FOLLOWED, WITHIN
from tests.sample.visits import PartMissing, PartReserved, PartReturned, VanReserved, VanReturned

RULE = FOLLOWED.workflows[0].rule()
AWAY = EndpointConnectionError(endpoint_url="https://aws.example")
PART = PartReserved(ticket_id="t1", part="pump")
VAN = VanReserved(ticket_id="t1", km=12)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(RULE, monkeypatch)


def due(key: str = "t1", tenant: str | None = None) -> dict[str, Any]:
    scoped = f"/{tenant}/{key}".replace("/", "%2F") if tenant else key
    more: dict[str, Any] = {"tenant": tenant} if tenant else {}
    return record(
        WorkflowDue(instance=f"plan_visit/{scoped}", key=key), planned_for=str(Planned(1000, "asked", "k")), **more
    )


def died(cause: str = "Reject: no") -> MessageDied:
    return MessageDied(consumer="reserve_van", keys={"ticket_id": "t1"}, cause=cause)


def test_the_last_fact_completes_it_with_what_the_others_said(world: World) -> None:
    assert world.fact(VAN, "e1") == []
    assert world.take_told() == []
    shown = world.item("t1")
    assert (shown["state"], shown["done"], shown["waiting_for"]) == ("waiting", ["VanReserved"], ["PartReserved"])
    left = datetime.fromisoformat(shown["deadline"]).timestamp() - time.time()
    assert WITHIN - 5 < left <= WITHIN
    assert shown["expires_at"] - time.time() > KEPT
    (later,) = world.plans
    assert (later.queue, later.at) == ("w", round(datetime.fromisoformat(shown["deadline"]).timestamp() * 1000))
    assert world.fact(PART, "e2") == []
    assert world.take_told() == [("VisitReady", {"ticket_id": "t1", "km": 12, "part": "pump"})]
    assert world.item("t1")["state"] == "complete"
    assert world.item("t1")["waiting_for"] == []
    cancel = world.plans[1]
    assert (cancel.key, cancel.at) == (later.key, None)


def test_a_fact_that_comes_again_tells_the_same_again_and_writes_nothing(world: World) -> None:
    world.fact(VAN, "e1")
    world.fact(PART, "e2")
    first, version = world.told[:], world.item("t1")["version"]
    world.fact(PART, "e2")
    assert [each["id"] for each in world.told] == [first[0]["id"], first[0]["id"]]
    assert world.item("t1")["version"] == version
    world.take_told()
    world.fact(PART, "e3")
    assert world.take_told() == [], "another event that says the same changes nothing"


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
def test_what_fails_after_any_call_is_told_once_the_fact_comes_again(world: World, calls: int) -> None:
    world.fact(VAN, "e1")
    world.faults = [None] * (calls - 1) + [AWAY] * 3
    message = delivered(PART, event_id="e2", message_id="m")
    if calls <= 4:
        assert world.hear(message) == ["m"]
    world.faults = []
    assert world.hear(message) == []
    assert [each["type"] for each in world.told] in (["VisitReady"], ["VisitReady"] * 2)
    assert len({each["id"] for each in world.told}) == 1
    assert world.plans[-1].at is None


def test_two_facts_at_the_same_moment_are_both_there(world: World) -> None:
    world.before_write = lambda: world.fact(PART, "e2")
    assert world.fact(VAN, "e1") == []
    assert world.item("t1")["state"] == "complete"
    assert [name for name, _ in world.take_told()] == ["VisitReady"]


def test_what_another_wrote_meanwhile_is_not_overwritten(world: World) -> None:
    world.fact(VAN, "e1")
    world.before_write = lambda: world.fact(PART, "e2")
    world.fact(PartMissing(ticket_id="t1", reason="no"), "e3")
    assert world.item("t1")["state"] == "complete"
    assert [name for name, _ in world.take_told()] == ["VisitReady"]


def test_both_in_one_batch_complete_it(world: World) -> None:
    assert world.hear(delivered(VAN, event_id="e1"), delivered(PART, event_id="e2")) == []
    assert [name for name, _ in world.take_told()] == ["VisitReady"]


def test_a_step_that_fails_says_why_and_what_was_done_is_undone(world: World) -> None:
    world.fact(VAN, "e1")
    world.fact(PartMissing(ticket_id="t1", reason="there is none left"), "e2")
    cause = "PartMissing: there is none left"
    assert world.take_told() == [("VanReturnAsked", {"ticket_id": "t1", "km": 12, "cause": cause})]
    shown = world.item("t1")
    assert (shown["state"], shown["waiting_for"], shown["cause"]) == ("undoing", ["VanReturned"], cause)
    world.fact(VanReturned(ticket_id="t1"), "e3")
    assert world.take_told() == [("VisitUndone", {"ticket_id": "t1", "cause": cause})]
    assert world.item("t1")["state"] == "undone"
    world.fact(PART, "e4")
    assert world.take_told() == [("PartReturnAsked", {"ticket_id": "t1"})]
    world.fact(PartReturned(ticket_id="t1"), "e5")
    assert world.take_told() == []
    assert (world.item("t1")["state"], world.item("t1")["done"]) == ("undone", [])


def test_a_message_that_dies_fails_its_step(world: World) -> None:
    world.fact(PART, "e1")
    world.fact(died("Reject: The garage is closed."), "e2")
    assert [name for name, _ in world.take_told()] == ["PartReturnAsked"]
    assert world.item("t1")["cause"] == "reserve_van failed for good: Reject: The garage is closed."


@pytest.mark.parametrize("key", ["", "/" * 1000, "x" * 2100], ids=["none", "escaped", "long"])
def test_a_key_that_dynamodb_does_not_take_with_its_tenant_is_refused(world: World, key: str) -> None:
    dead = MessageDied(consumer="reserve_van", keys={"ticket_id": key}, cause="no")
    assert len(world.fact(dead, "e1", tenant="acme")) == 1
    (said,) = (line.error for line in world.lines if getattr(line, "error", None))
    assert "which tells no workflow; send 1 to 2048 bytes, its tenant and escapes included." in said


def test_the_deadline_tells_what_was_missing_and_undoes_the_rest(world: World) -> None:
    world.fact(PART, "e1")
    assert world.hear(due()) == []
    assert world.take_told() == [
        ("VisitOverdue", {"ticket_id": "t1", "waiting_for": ["VanReserved"]}),
        ("PartReturnAsked", {"ticket_id": "t1"}),
    ]
    assert world.item("t1")["cause"] == "It waited too long for VanReserved."
    assert world.hear(due()) == []
    assert len(world.take_told()) == 2, "the same again"


def test_the_deadline_of_what_is_complete_or_forgotten_says_nothing(world: World) -> None:
    assert world.hear(due()) == []
    assert not world.tables.items[RULE.name]
    world.fact(PART, "e1")
    world.fact(VAN, "e2")
    world.take_told()
    assert world.hear(due()) == []
    assert world.take_told() == []


def test_tenants_have_workflows_of_their_own(world: World) -> None:
    world.fact(PART, "e1", tenant="acme")
    world.fact(VAN, "e2", tenant="other")
    assert world.take_told() == []
    assert world.item("/acme/t1")["waiting_for"] == ["VanReserved"]
    world.hear(due(tenant="acme"))
    assert [each["tenant"] for each in world.told] == ["acme", "acme"]


def test_a_replay_of_its_facts_tells_nothing_again(world: World) -> None:
    world.fact(VAN, "e1")
    world.fact(PART, "e2")
    world.take_told()
    world.fact(PART, "e2", replayed="replay-1")
    assert world.take_told() == []


def test_a_replay_of_what_may_be_forgotten_begins_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    happened = datetime.fromisoformat("2026-11-21T10:00:00+00:00").timestamp()
    monkeypatch.setattr("time.time", lambda: happened + KEPT + 10)
    assert world.fact(PART, "e1", replayed="replay-1") == []
    assert not world.tables.items[RULE.name]
    assert (world.told, world.plans) == ([], [])
    (line,) = (each for each in world.lines if isinstance(each, dict) and each.get("level") == "WARNING")
    assert "older than a workflow is remembered" in line["message"]
    # As it happens it counts however late it is, and so does what a replay brings to one that is still there.
    world.fact(VAN, "e2")
    assert world.fact(PART, "e1", replayed="replay-1") == []
    assert world.item("t1")["state"] == "complete"


def test_a_replay_of_what_cannot_be_forgotten_begins_a_new_workflow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = datetime.fromisoformat("2026-11-21T10:00:00+00:00").timestamp()
    monkeypatch.setattr("time.time", lambda: happened + KEPT - 60)
    assert world.fact(PART, "e1", replayed="replay-1") == []
    assert world.item("t1")["state"] == "waiting"
    assert len(world.plans) == 1


def test_what_an_earlier_map_did_not_keep_is_said_in_one_sentence(world: World) -> None:
    world.fact(VAN, "e1")
    item = world.tables.items[RULE.name]["t1"]
    item["progress"] = {"S": item["progress"]["S"].replace('"km":"12"', '"miles":"7"')}
    assert len(world.fact(PART, "e2")) == 1
    said = [line.error for line in world.lines if getattr(line, "error", None)]
    assert said
    assert "VisitReady does not fit what is known of plan_visit t1: Object missing required field `km`" in said[0]


def test_an_item_that_dynamodb_should_have_forgotten_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fact(VAN, "e1")
    now = time.time() + WITHIN + KEPT + 10
    monkeypatch.setattr("time.time", lambda: now)
    world.fact(PART, "e2")
    assert (world.item("t1")["state"], world.item("t1")["done"]) == ("waiting", ["PartReserved"])


def test_each_fact_says_in_the_log_where_the_workflow_stands(world: World) -> None:
    world.fact(VAN, "e1")
    (line,) = (each for each in world.lines if isinstance(each, dict) and each.get("message") == "workflow")
    said = msgspec.convert(line, Followed)
    assert (said.workflow, said.key, said.state, said.waiting_for) == ("plan_visit", "t1", "waiting", ["PartReserved"])
