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


def planned(at: float, ticket: str, note: str = "", after: float = 0, **said: Any) -> Send:
    """Someone asks to be reminded of a ticket, or takes that back; every ask is another one, repeats of it are not."""
    tenant = said.pop("tenant", None)
    body = {"ticket_id": ticket, "after": int(after), "note": note} | said
    key = f"{ticket}-{hashlib.sha256(f'{at} {body}'.encode()).hexdigest()[:8]}"
    attributes = {"correlation_id": f"corr-{key}", "idempotency_key": key} | ({"tenant": tenant} if tenant else {})
    return Send(at, "plan_ticket", json.dumps(body), attributes)


def delayed(at: float, ticket: str, note: str, after: int, key: str) -> Send:
    """A request that is to wait as it is, under its own key."""
    body = f'{{ "note" : {json.dumps(note, ensure_ascii=False)},\t"ticket_id":"{ticket}" }}'
    attributes = {"correlation_id": f"corr-{key}-{note}", "idempotency_key": key, "deliver_at": f"+{after}"}
    return Send(at, "remind_ticket", body, attributes | {"route": "POST /v1/reminders"})
