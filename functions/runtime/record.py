"""One record of an SQS batch, read without ever failing: odd metadata counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from functions.contracts.envelope import (
    CORRELATION_ID,
    DELIVER_AT,
    IDEMPOTENCY_KEY,
    PARKED_AS,
    PLANNED_FOR,
    RECEIVED_AT,
    REDRIVEN,
    ROUTE,
    RUN,
    SENDER,
    SIGNATURE,
    TENANT,
    TOPIC,
    WAITED,
)
from functions.runtime import tracing

if TYPE_CHECKING:
    from functions.contracts.waited import Waited


class Record(Struct, frozen=True, kw_only=True):
    """A record as Lambda hands it over. `sent` is epoch seconds; `attempt` counts from 1.

    `waited` is a `Waited`, of a copy of a message that waited for a limit; only those that have one load its module.
    `attributes` are all that came with it, of a message that is still to be delayed: they travel on as they are.

    See https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html.
    """

    id: str
    receipt: str
    body: str
    queue: str
    attempt: int
    sent: float
    group: str | None
    correlation_id: str
    idempotency_key: str | None
    tenant: str | None
    trace: str | None
    received_at: str | None = None
    redriven: str | None = None
    sender: str | None = None
    signature: str | None = None
    topic: str | None = None
    sequence: str | None = None
    parked_as: str | None = None
    deliver_at: str | None = None
    planned_for: str | None = None
    attributes: Mapping[str, Any] | None = None
    run: str | None = None
    route: str | None = None
    waited: Any = None

    @property
    def origin(self) -> str:
        """The id that the message had at first; copies that waited for a limit have others."""
        return str(self.waited.origin) if self.waited else self.id

    @property
    def first_sent(self) -> float:
        """When the message was sent at first, in epoch seconds."""
        return float(self.waited.first_sent / 1000) if self.waited else self.sent

    @property
    def fifo(self) -> bool:
        """Whether the queue keeps the order of each group."""
        return self.queue.endswith(".fifo")

    @property
    def skips(self) -> bool:
        """Whether it is a run of a schedule that must not overlap another, as `contracts.run` has it."""
        return self.run is not None and self.run.endswith(" skip")

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Record:
        """The record in `raw`. Raises `KeyError` only if it is no SQS record at all."""
        system = raw.get("attributes") or {}
        attributes = raw.get("messageAttributes") or {}
        waited = _waited(_text(attributes, WAITED))
        return cls(
            id=raw["messageId"],
            receipt=raw["receiptHandle"],
            body=raw["body"],
            queue=raw["eventSourceARN"].rpartition(":")[2],
            attempt=int(system.get("ApproximateReceiveCount") or 1),
            sent=int(system.get("SentTimestamp") or 0) / 1000,
            group=system.get("MessageGroupId"),
            correlation_id=_text(attributes, CORRELATION_ID) or (waited.origin if waited else raw["messageId"]),
            idempotency_key=_text(attributes, IDEMPOTENCY_KEY),
            tenant=_text(attributes, TENANT),
            trace=tracing.received(system),
            received_at=_text(attributes, RECEIVED_AT),
            redriven=_text(attributes, REDRIVEN),
            sender=_text(attributes, SENDER),
            signature=_text(attributes, SIGNATURE),
            topic=_text(attributes, TOPIC),
            sequence=system.get("SequenceNumber"),
            parked_as=_text(attributes, PARKED_AS),
            deliver_at=_text(attributes, DELIVER_AT),
            planned_for=_text(attributes, PLANNED_FOR),
            attributes=attributes if DELIVER_AT in attributes else None,
            run=_text(attributes, RUN),
            route=_text(attributes, ROUTE),
            waited=waited,
        )


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    # A binary attribute has no stringValue: nobody of ours sends one, so it is not our metadata.
    return (attributes.get(name) or {}).get("stringValue") or None


def _waited(text: str | None) -> Waited | None:
    if text is None:
        return None
    from functions.contracts.waited import Waited

    return Waited.read(text)
