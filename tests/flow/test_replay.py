"""`python -m ops replay`: what happened reaches one subscriber once more, and nobody else."""

from __future__ import annotations

import json
from typing import Any

from local.effects import Effects, eventually
from local.session import Session
from tests.flow.tickets import hire, hours_left, open_ticket, operate, settled


def deliveries(stack: Session, id_: str) -> dict[str, list[dict[str, Any]]]:
    """The messages that its event became, by their queue, as `trace` tells them."""
    told = json.loads(operate(stack, "trace", id_, "--json").stdout)
    (opened,) = told["requests"][0]["deliveries"]
    found: dict[str, list[dict[str, Any]]] = {}
    for each in opened["events"][0]["deliveries"]:
        found.setdefault(each["queue"], []).append(each)
    return found


def test_a_replay_reaches_the_subscriber_that_it_names_who_sees_it_and_does_nothing_twice(
    stack: Session, effects: Effects
) -> None:
    hire(stack, "agent-replayed")
    id_ = open_ticket(stack, "replayed-1", ("agent-replayed", 3))["message_id"]
    assert eventually(lambda: hours_left(effects, "agent-replayed") == 997)
    assert settled(effects)

    dry = operate(stack, "replay", "assign_ticket", "--from", "2m", "--json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["estimate"]["about"] >= 1
    done = operate(stack, "replay", "assign_ticket", "--from", "2m", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Replaying to assign_ticket, and to nobody else" in done.stdout
    (name,) = (each["replay"] for each in json.loads(operate(stack, "replays", "--json").stdout))
    assert f"{name} is done" in done.stdout

    def again() -> list[dict[str, Any]]:
        return [each for each in deliveries(stack, id_)["assign_ticket"] if each["replayed"] == name]

    assert eventually(lambda: again())
    (replayed,) = again()
    assert replayed["state"] == "duplicate"
    assert replayed["replayed_by"]
    assert settled(effects)
    assert len(deliveries(stack, id_)["mail_ticket"]) == 1, "the other subscriber of the same event"
    assert hours_left(effects, "agent-replayed") == 997
