"""Requests that fit, to be changed by tests."""

from __future__ import annotations

import json

TICKET = json.dumps(
    {
        "ticket_id": "tic-1001",
        "email": "ada@example.com",
        "language": "EN",
        "wanted": [{"agent": "agent-1", "hours": 42}],
    }
)
CHANGE = '{"step":1,"note":"It is on its way."}'
TICKETS = "/v1/tickets"
CHANGES = "/v1/tickets/tic-1001/changes"
KEY = {"Idempotency-Key": "k-1"}
GITHUB = {"X-Hub-Signature-256": f"sha256={'0' * 64}"}
