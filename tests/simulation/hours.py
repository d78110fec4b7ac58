"""The hours of agents, followed through every write: what is left, what is held for a ticket, what is assigned.

The auditor's own reading of agents and assignments. It shares nothing with the runtime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.effects import key
from tests.simulation.evidence import Evidence, Write

HELD = "hold:"


class Hours:
    """`follow` every write in its order; then ask what is wrong with them all."""

    def __init__(self, evidence: Evidence) -> None:
        self._given = evidence.hours
        self._left: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._held: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        self._assigned: dict[str, dict[str, str]] = {}
        self._short: dict[str, set[str]] = {}
        self._taken: dict[str, int] = defaultdict(int)
        self._wanted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for told in evidence.told:
            ticket = key(told.detail.get("tenant"), told.detail["data"].get("ticket_id"))
            if told.type == "TicketOpened" and ticket not in self._wanted:
                for wanted in told.detail["data"]["wanted"]:
                    self._wanted[ticket][wanted["agent"]] += wanted["hours"]

    def follow(self, write: Write) -> str | None:
        """What is wrong with the agents that the write touches; None if nothing is."""
        table = write.table.rpartition("-")[2]
        if table == "agents" and write.after:
            return self._count(write.key, write.after)
        if table == "assignments" and "short" in (write.after or {}):
            return self._assign(write.key, write.after or {})
        return None

    def undecided(self) -> Iterator[tuple[str, str]]:
        """Agents with the tickets for which they are held, and of which nothing is decided."""
        for agent, held in self._held.items():
            for ticket in held:
                if ticket not in self._assigned:
                    yield agent, ticket

    def untrue(self) -> Iterator[str]:
        """Tickets that wait for hours that were always there."""
        for ticket, agents in self._short.items():
            for agent in agents:
                if self._lowest[agent] >= self._wanted[ticket][agent]:
                    yield f"{ticket} waits for {agent}, who always had {self._lowest[agent]} hours"

    def _count(self, agent: str, item: dict[str, Any]) -> str | None:
        self._left[agent] = int(item["hours"]["N"])
        self._lowest[agent] = min(self._lowest.get(agent, self._left[agent]), self._left[agent])
        self._held[agent] = {
            name.removeprefix(HELD): (value["M"]["token"]["S"], int(value["M"]["quantity"]["N"]))
            for name, value in item.items()
            if name.startswith(HELD)
        }
        return self._wrong(agent)

    def _assign(self, ticket: str, item: dict[str, Any]) -> str | None:
        self._assigned[ticket] = {agent: token["S"] for agent, token in item["holds"]["M"].items()}
        self._short[ticket] = {agent["S"] for agent in item["short"]["L"]}
        if not self._short[ticket]:
            if self._assigned[ticket].keys() != self._wanted[ticket].keys():
                return f"{ticket} has not what it wanted"
            for agent, hours in self._wanted[ticket].items():
                self._taken[agent] += hours
        wrong = [self._wrong(agent) for agent in self._assigned[ticket]]
        return next((each for each in wrong if each), None)

    def _wrong(self, agent: str) -> str | None:
        left = self._left.get(agent, 0)
        held = sum(
            hours
            for ticket, (token, hours) in self._held[agent].items()
            if self._assigned.get(ticket, {}).get(agent) != token
        )
        given = self._given.get(agent, 0)
        if left < 0 or left + held + self._taken[agent] != given:
            return f"{agent} has {left} hours left, {held} held and {self._taken[agent]} assigned, not {given}"
        return None
