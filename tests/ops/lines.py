"""Log lines as consumers and the API write them, on a clock of their own: milliseconds since the request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

START = 1_795_300_000_000


def moment(at: int) -> str:
    return datetime.fromtimestamp((START + at) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answered(at: int = 0, status: str = "202", route: str = "/v1/tickets", **more: Any) -> str:
    line = {
        "time": str(START + at),
        "request_id": "req-1",
        "correlation_id": "corr-1",
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "method": "POST",
        "route": route,
        "status": status,
        "latency": "21",
        "integration_status": "200",
        "error": "-",
    }
    return json.dumps(line | more)


def handled(
    service: str, message_id: str, at: int, *, outcome: str = "processed", attempt: int = 1, **more: Any
) -> str:
    """The line of one attempt; `event` is what the message carried, `publishes` what came of it."""
    line: dict[str, Any] = {
        "level": "INFO",
        "message": outcome,
        "timestamp": moment(at),
        "service": service,
        "correlation_id": more.pop("correlation_id", "corr-1"),
        "message_id": message_id,
        "attempt": attempt,
        "sent": START + more.pop("sent", at - 10),
    }
    if "event" in more:
        line["event_id"] = more.pop("event")
    if "request" in more:
        line["received_at"] = str(START + more.pop("request"))
    if "publishes" in more:
        line["published"] = [{"type": type_, "id": id_} for type_, id_ in more.pop("publishes").items()]
    return json.dumps(line | more)


def ticket_to_close() -> list[str]:
    """A ticket that went all the way, its lines in no particular order."""
    return [
        handled("close_ticket", "m4", 400, event="e2", publishes={"TicketClosed": "e3"}, sent=300),
        answered(),
        handled("open_ticket", "m1", 100, request=0, publishes={"TicketOpened": "e1"}, sent=15),
        handled("assign_ticket", "m2", 200, event="e1", publishes={"TicketAssigned": "e2"}, sent=120),
        handled("mail_ticket", "m3", 250, event="e1", sent=121),
    ]


def progressed(service: str, message_id: str, at: int, percent: int, words: str | None = None, **more: Any) -> str:
    """The line of a handler that says how far it is."""
    line = {
        "level": "INFO",
        "message": "progress",
        "timestamp": moment(at),
        "service": service,
        "correlation_id": "corr-1",
        "message_id": message_id,
        "percent": percent,
    }
    if "request" in more:
        line["received_at"] = str(START + more.pop("request"))
    return json.dumps({**line, **({"words": words} if words else {}), **more})
