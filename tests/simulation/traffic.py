"""What callers ask for: tickets, changes of them in order, webhooks; some ask twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.simulation.clock import EPOCH

SECRET = "whsec"
AGENTS = ("ada", "bob", "cyd")


@dataclass(frozen=True)
class Send:
    """A message on its way to a queue at `at`, with its attributes; a FIFO queue also gets its deduplication id."""

    at: float
    queue: str
    body: str
    attributes: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    deduplication: str | None = None


def opened(at: float, ticket: str, agent: str = "ada", hours: int = 1, **attributes: str) -> Send:
    """Someone opens a ticket that wants `hours` of an agent."""
    wanted = [{"agent": agent, "hours": hours}]
    body = {"ticket_id": ticket, "email": f"{ticket}@example.com", "language": "EN", "wanted": wanted}
    return Send(at, "open_ticket", json.dumps(body), {"correlation_id": f"corr-{ticket}"} | attributes)


def changed(at: float, ticket: str, step: int, key: str | None = None, body: str | None = None) -> Send:
    """Someone changes a ticket; `step` is one more than that of the change before."""
    key = key or f"{ticket}-{step}"
    text = body or json.dumps({"step": step, "note": "as agreed"})
    attributes = {"correlation_id": f"corr-{key}", "idempotency_key": key}
    return Send(at, "change_ticket", text, attributes, group=ticket, deduplication=key)


def called(at: float, number: int, secret: str = SECRET, body: str = "") -> Send:
    """A partner calls our webhook, signed with its secret."""
    body = body or json.dumps({"number": number})
    seconds = int(EPOCH + at)
    signature = hmac.digest(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hex()
    attributes = {
        "sender": "partner",
        "signature": f"hmac t={seconds},v1={signature}",
        "received_at": str(seconds * 1000),
        "correlation_id": f"corr-call-{number}",
    }
    return Send(at, "receive_webhook", body, attributes)


def traffic(random: Random, size: int, seconds: float, *, repeats: float = 0.1) -> list[Send]:
    """About `size` messages within `seconds`: tickets with one to four changes each, in order, and webhooks.

    `repeats` is the share of callers that send the same again because they never heard an answer.
    """
    sends = sorted(_requests(random, size, seconds), key=lambda send: send.at)
    again = [replace(send, at=send.at + random.uniform(0, 30)) for send in sends if random.random() < repeats]
    return sorted([*sends, *again], key=lambda send: send.at)


def _requests(random: Random, size: int, seconds: float) -> Iterator[Send]:
    made = 0
    while made < size:
        number = made
        start = random.uniform(0, seconds / 2)
        if random.random() < 0.2:
            yield called(start, number)
            made += 1
            continue
        ticket = f"tic-{number}"
        yield opened(start, ticket, agent=random.choice(AGENTS), hours=random.randint(1, 3))
        at = start
        for step in range(1, random.randint(2, 5)):
            at += random.uniform(0, seconds / 10)
            yield changed(at, ticket, step)
            made += 1
        made += 1


def hours(each: int = 100_000) -> dict[str, int]:
    """The agents that there are, each with so many hours."""
    return dict.fromkeys(AGENTS, each)


def item(agent: str, hours: int) -> dict[str, Any]:
    """The agent as its table has it."""
    return {"agent": {"S": agent}, "hours": {"N": str(hours)}}
