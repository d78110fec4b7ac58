"""Workflows on this machine, with IAM on: one is whole, others are undone, each by another way to fail."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws import client
from local.effects import Effects, eventually, post
from local.seed import put
from local.session import Session, running
from local.tap import Tap
from stacks import names
from stacks.names import ROOT
from tests.flow.tickets import environment
from tests.sample.followed import FOLLOWED_SOON, SOON
from tests.sample.reserve_van.handler import CLOSED

APP = f"{shlex.quote(sys.executable)} -m tests.sample.followed_app"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with running(FOLLOWED_SOON, tmp_path_factory.mktemp("followed"), app=APP) as session:
        yield session


@pytest.fixture(scope="module")
def effects(followed: Session) -> Effects:
    return Effects(FOLLOWED_SOON, followed.state.endpoint)


@pytest.fixture(scope="module")
def tap(followed: Session) -> Tap:
    return Tap(followed.state.endpoint)


def ask(stack: Session, thing: str, ticket: str, **said: Any) -> str:
    """Ask for a van or a part; the correlation id."""
    status, answer, _ = post(f"{stack.state.api_url}/v1/{thing}", {"ticket_id": ticket, **said})
    assert status == 202, answer
    return str(answer["correlation_id"])


def operate(stack: Session, *arguments: str) -> str:
    command = [sys.executable, "-m", "tests.sample.followed_ops", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment(stack), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def state(effects: Effects, ticket: str) -> str:
    return str((effects.item("plan_visit", ticket) or {}).get("state"))


def told(tap: Tap, ticket: str, kind: str) -> list[dict[str, Any]]:
    """What was told of the ticket in events of that kind, a repeated one once."""
    seen = {each["id"]: each["data"] for each in tap.envelopes() if each["type"] == kind}
    return [data for data in seen.values() if data.get("ticket_id") == ticket]


def test_steps_come_to_an_end_together_or_not_at_all(followed: Session, effects: Effects, tap: Tap) -> None:
    put(followed.state.endpoint, "vans", {"ticket_id": CLOSED})
    ask(followed, "parts", "tic-dies", part="pump")
    ask(followed, "vans", "tic-dies", km=7)
    ask(followed, "parts", "tic-late", part="pump")  # nobody asks for its van

    assert eventually(lambda: state(effects, "tic-dies") == "undone", within=60)
    (undone,) = told(tap, "tic-dies", "VisitUndone")
    assert "reserve_van failed for good: Reject: The garage is closed" in undone["cause"]
    assert (effects.item("parts", "tic-dies") or {})["state"] == "returned"
    assert effects.item("vans", "tic-dies") is None
    assert effects.depth("reserve_van", dead=True) == 1

    dynamodb = client("dynamodb", followed.state.endpoint)
    table = names.resource(names.LOCAL, "vans")
    dynamodb.delete_item(TableName=table, Key={"ticket_id": {"S": CLOSED}})
    operate(followed, "redrive", "reserve_van", "--yes")
    assert eventually(lambda: (effects.item("vans", "tic-dies") or {}).get("state") == "returned", within=60)
    assert eventually(lambda: state(effects, "tic-dies") == "undone")

    ask(followed, "vans", "tic-whole", km=120)
    assert eventually(lambda: (effects.item("vans", "tic-whole") or {}).get("state") == "reserved", within=SOON)
    request = ask(followed, "parts", "tic-whole", part="pump")
    assert eventually(lambda: told(tap, "tic-whole", "VisitReady"), within=SOON)
    assert told(tap, "tic-whole", "VisitReady") == [{"ticket_id": "tic-whole", "km": 120, "part": "pump"}]
    assert state(effects, "tic-whole") == "complete"

    ask(followed, "vans", "tic-none", km=5)
    ask(followed, "parts", "tic-none", part="none")
    assert eventually(lambda: told(tap, "tic-none", "VisitUndone"), within=60)
    assert told(tap, "tic-none", "VisitUndone")[0]["cause"] == "PartMissing: there is none left"
    assert eventually(lambda: (effects.item("vans", "tic-none") or {"state": "returned"})["state"] == "returned")

    assert eventually(lambda: told(tap, "tic-late", "VisitUndone"), within=SOON + 120)
    assert told(tap, "tic-late", "VisitOverdue") == [{"ticket_id": "tic-late", "waiting_for": ["VanReserved"]}]
    assert (effects.item("parts", "tic-late") or {})["state"] == "returned"

    for ticket in ("tic-dies", "tic-whole", "tic-none", "tic-late"):
        assert len(told(tap, ticket, "VisitReady")) + len(told(tap, ticket, "VisitUndone")) == 1
    assert eventually(lambda: all(effects.depth(queue.name) == 0 for queue in FOLLOWED_SOON.queues))
    assert all(effects.depth(queue.name, dead=True) == 0 for queue in FOLLOWED_SOON.queues)
    assert json.loads(operate(followed, "schedules", "--json"))["planned"] == []
    assert "VisitReady" in operate(followed, "trace", request)
