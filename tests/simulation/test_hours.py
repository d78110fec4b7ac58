"""What the auditor says of hours that are taken twice, lost, or kept by nobody."""

from __future__ import annotations

from typing import Any

from tests.simulation.evidence import Evidence, Told, Write
from tests.simulation.hours import Hours

WANTED = {"ticket_id": "tic-1", "wanted": [{"agent": "ada", "hours": 2}]}
OPENED = Told(0, "TicketOpened", {"id": "event-1", "data": WANTED})


def agent(left: int, *tokens: str) -> Write:
    """Ada with so many hours left, and two held for a ticket under each token."""
    holds = {
        f"hold:tic-{place}": {"M": {"quantity": {"N": "2"}, "token": {"S": token}, "since": {"N": "1"}}}
        for place, token in enumerate(tokens, start=1)
    }
    return Write(1, "w", "simulated-agents", "ada", None, {"agent": {"S": "ada"}, "hours": {"N": str(left)}} | holds)


def assignment(token: str | None) -> Write:
    """Tic-1 as assigned by a hold of the token; without one as waiting."""
    item: dict[str, Any] = {
        "holds": {"M": {"ada": {"S": token}} if token else {}},
        "short": {"L": [] if token else [{"S": "ada"}]},
    }
    return Write(1, "w", "simulated-assignments", "tic-1", None, item)


def wrong(*writes: Write) -> tuple[list[str], Hours]:
    hours = Hours(Evidence(hours={"ada": 5}, told=[OPENED], history=list(writes)))
    return [text for write in writes if (text := hours.follow(write))], hours


def test_held_recorded_and_settled_is_right_all_the_way() -> None:
    found, hours = wrong(agent(5), agent(3, "a"), assignment("a"), agent(3))
    assert (found, list(hours.undecided()), list(hours.untrue())) == ([], [], [])


def test_held_and_given_back_is_right_too() -> None:
    assert wrong(agent(5), agent(3, "a"), agent(5))[0] == []
    assert wrong(agent(5), agent(3, "a"), assignment(None), agent(5))[0] == []


def test_hours_that_are_taken_twice_lost_or_below_zero_are_told() -> None:
    assert wrong(agent(1, "a"))[0] == ["ada has 1 hours left, 2 held and 0 assigned, not 5"]
    assert wrong(agent(3, "a"), assignment("a"), agent(5))[0] == ["ada has 5 hours left, 0 held and 2 assigned, not 5"]
    assert wrong(agent(-1, "a", "b", "c"))[0] == ["ada has -1 hours left, 6 held and 0 assigned, not 5"]
    assert wrong(assignment(None), agent(3))[0] == ["ada has 3 hours left, 0 held and 0 assigned, not 5"]


def test_who_waits_for_what_was_always_there_and_what_is_held_for_nobody_is_told() -> None:
    _, hours = wrong(agent(5), assignment(None))
    assert list(hours.untrue()) == ["tic-1 waits for ada, who always had 5 hours"]
    _, hours = wrong(agent(3, "a"))
    assert list(hours.undecided()) == [("ada", "tic-1")]
