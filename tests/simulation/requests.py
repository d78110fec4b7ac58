"""What was asked for: each distinct request once, however often its message came.

The auditor's own reading of bodies. It shares nothing with the runtime: what it says of a message is read from JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import plans, schedules
from tests.simulation.evidence import Accepted, Death, Evidence

TIMED = (*plans.QUEUES, *schedules.QUEUES)
"""Queues of which `plans` and `schedules` say what was asked for."""
COMMANDS = ("open_ticket", "change_ticket", "receive_webhook")


@dataclass
class Request:
    """Something that must have one effect or be one dead letter.

    `subject` is the ticket, `TICKET/KEY` or what else the request is about; `order` is its place among all that were
    accepted; `left` says that a message of it is still in its queue.
    """

    queue: str
    subject: str
    content: str
    data: dict[str, Any]
    at: float
    order: int
    group: str | None = None
    key: str | None = None
    tenant: str | None = None
    deaths: list[Death] = field(default_factory=list)
    left: bool = False


Identity = tuple[str, str]


def requests(evidence: Evidence) -> dict[Identity, Request]:
    """Every request of the scenario: those that the edge accepted, and one for each event and queue that it reaches."""
    found: dict[Identity, Request] = {}
    for accepted in evidence.accepted:
        if accepted.queue in TIMED:
            continue
        request = _command(accepted, len(found))
        found.setdefault((request.queue, request.content), request)
    for told in evidence.told:
        for queue in evidence.fans.get(told.type, []):
            identity = (queue, str(told.detail.get("id")))
            data = told.detail.get("data", {}) | {"type": told.type, "event": told.detail.get("id")}
            subject, tenant = str(data.get("ticket_id")), told.detail.get("tenant")
            request = Request(queue, subject, identity[1], data, told.at, len(found), tenant=tenant)
            found.setdefault(identity, request)
    for death in evidence.deaths:
        if death.queue not in TIMED:
            found[_identity(death)].deaths.append(death)
    for waiting in evidence.left:
        if waiting.queue not in TIMED:
            found[_identity(waiting)].left = True
    return found


def _identity(message: Accepted | Death) -> Identity:
    if message.queue in COMMANDS:
        return message.queue, content_of(message.queue, message.body, message.attributes, message.group)
    return message.queue, str(json.loads(message.body)["detail"].get("id"))


def _command(accepted: Accepted, order: int) -> Request:
    content = content_of(accepted.queue, accepted.body, accepted.attributes, accepted.group)
    data = _object(accepted.body)
    key = accepted.attributes.get("idempotency_key")
    match accepted.queue:
        case "open_ticket":
            subject = str(data.get("ticket_id"))
        case "change_ticket":
            subject = f"{accepted.group}/{key}"
        case _:
            subject = content
    tenant = accepted.attributes.get("tenant")
    return Request(accepted.queue, subject, content, data, accepted.at, order, accepted.group, key, tenant)


def content_of(queue: str, body: str, attributes: dict[str, str], group: str | None) -> str:
    """What makes two messages one request: what they say, for whom, and under which key where that counts."""
    parts = [json.dumps(_object(body) or body, sort_keys=True)]
    if queue == "change_ticket":
        parts += [group or "", attributes.get("idempotency_key", "")]
    if queue == "open_ticket":
        parts += [attributes.get("tenant", "")]
    if queue == "receive_webhook":
        parts += [attributes.get("sender", "")]
    return "\n".join(parts)


def _object(body: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
