"""What surrounds every message and event: SQS message attribute names, and the envelope of an event."""

from __future__ import annotations

from msgspec import Raw, Struct

# SQS message attribute names, set by the gateway, kept through the dead-letter queue and redrive.
CORRELATION_ID = "correlation_id"
IDEMPOTENCY_KEY = "idempotency_key"
TENANT = "tenant"
RECEIVED_AT = "received_at"
ROUTE = "route"
# Who called, where callers are trusted to name the tenant: the API key's id, the signer, or the token's subject.
CALLER = "caller"
# Of webhooks only: who sent it, by which scheme it is signed and how, and what it says it is about (unsigned).
SENDER = "sender"
SIGNATURE = "signature"
TOPIC = "topic"
# Of a schedule's runs only: which run it is, as `contracts.run` has it.
RUN = "run"
# Set by a redrive: how often the message was brought back, and by which redrive the last time (`2 20261121-101500-3f`).
REDRIVEN = "redriven"
# Set by a redrive on a FIFO queue, where there is room: the deduplication id that the message was sent with at first.
DEDUPLICATION_ID = "deduplication_id"
# Set by a redrive that edits a parked message without a key: which one it was before, as `contracts.parked` has it.
PARKED_AS = "parked_as"
# Set by a consumer with a limit on a copy of a message that waits, as `contracts.waited` has it.
WAITED = "waited"

# Set by the edge where a request asks for more delay than SQS knows: `+<seconds>` from `received_at`, or a time in UTC.
DELIVER_AT = "deliver_at"
# Set on a message that was planned, as `contracts.plan.Planned` has it; it takes the place of `deliver_at`.
PLANNED_FOR = "planned_for"

REPLAYED = "replay-name"
"""The member that EventBridge adds to an event that it replays from an archive, beside `detail`: the replay's name.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""
PROBE = "probe"
"""Source and type of what a probe offers to a bus that must refuse it."""


def full_source(source: str, project: str) -> str:
    """An event's source as EventBridge knows it: a plain word belongs to the project, one with a dot is whole."""
    return source if "." in source else f"{project}.{source}"


class Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """EventBridge's `detail`: the event's data and where it came from.

    `id` is derived from the cause, the type and the index, never random, so that a repeated publication is the same
    event. `time` is ISO 8601 in UTC. `causation_id` is the id of the message or event that caused this one.
    """

    id: str
    type: str
    version: int
    time: str
    source: str
    correlation_id: str
    causation_id: str
    data: Raw
    tenant: str | None = None
