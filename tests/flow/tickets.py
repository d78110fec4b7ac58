"""What the flow tests send: tickets, and changes to them; and what they look up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any

from local.effects import Effects, eventually, post
from local.seed import put
from local.session import Session
from stacks.names import ROOT
from tests.sample.topology import SAMPLE


def ticket(ticket_id: str, *wanted: tuple[str, int]) -> dict[str, Any]:
    """The body that opens a ticket and asks for so many hours of each agent."""
    return {
        "ticket_id": ticket_id,
        "email": f"{ticket_id}@example.com",
        "language": "EN",
        "wanted": [{"agent": agent, "hours": hours} for agent, hours in wanted],
    }


def open_ticket(stack: Session, ticket_id: str, *wanted: tuple[str, int], **headers: str) -> dict[str, Any]:
    """Open one, and return the answer."""
    status, answer, _ = post(f"{stack.state.api_url}/v1/tickets", ticket(ticket_id, *wanted), **headers)
    assert status == 202, answer
    return answer


def change(stack: Session, ticket_id: str, step: int, *, key: str | None = None) -> tuple[int, Any]:
    """Send a step of a ticket, and return status and answer."""
    headers = {"idempotency_key": key or f"{ticket_id}-{step}"}
    body = {"step": step, "note": f"Step {step}."}
    return post(f"{stack.state.api_url}/v1/tickets/{ticket_id}/changes", body, **headers)[:2]


def hire(stack: Session, agent: str, hours: int = 1000) -> None:
    """Put an agent with so many hours into the table."""
    put(stack.state.endpoint, "agents", {"agent": agent, "hours": hours})


def hours_left(effects: Effects, agent: str) -> int:
    """The hours that nobody asked for yet."""
    item = effects.item("agents", agent)
    assert item, agent
    return int(item["hours"])


def last_step(effects: Effects, ticket_id: str) -> int:
    """The last step that was applied; 0 is none."""
    return next(step for step in count() if not effects.item("changes", f"{ticket_id}/step/{step + 1}"))


def left(effects: Effects) -> dict[str, int]:
    """The queues that are not empty."""
    return {queue.name: depth for queue in SAMPLE.queues if (depth := effects.depth(queue.name))}


def settled(effects: Effects) -> bool:
    """Whether every queue is empty, now or soon."""
    return eventually(lambda: not left(effects))


def environment(stack: Session) -> Mapping[str, str]:
    """In which commands find the stack, and room enough to say a whole sentence in a line."""
    return {**os.environ, "HEADRACE_LOCAL": str(stack.home), "COLUMNS": "170"}


def operate(stack: Session, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's command, as a person would who operates the sample: with what the operator's role may."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sample.ops", *arguments],
        cwd=ROOT,
        env=environment(stack),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "not authorized" not in done.stdout + done.stderr, "what is not essential is done without, and said"
    return done
