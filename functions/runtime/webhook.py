"""Webhooks on a queue: the signature is checked over the untouched body before anything else is done with it."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Raw

from functions.contracts.webhooks import SCHEMES, ReceiveWebhook
from functions.runtime.errors import Reject
from functions.runtime.message import Message
from functions.runtime.record import Record
from functions.runtime.secret import secret
from functions.runtime.signature import ForgedError, check


def genuine(record: Record) -> tuple[ReceiveWebhook, Message]:
    """The record as a delivery, once its signature is right. Raises `Reject` if it is not, or if the body is no object.

    Its key is the body's digest: a sender that tries again sends the same body, and headers are not signed.
    """
    if not record.sender or not record.signature:
        raise Reject("The message has no sender or signature; send webhooks through the API.")
    _check(record.sender, record.signature, record)
    try:
        msgspec.json.decode(record.body, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Reject(f"The webhook of {record.sender} is no JSON object: {error}") from error
    key = sha256(record.body.encode()).hexdigest()
    delivery = ReceiveWebhook(sender=record.sender, payload=Raw(record.body.encode()), occasion=record.occasion)
    return delivery, Message(
        id=record.id,
        key=key,
        cause=f"ReceiveWebhook/{record.sender}/{key}",
        causation_id=record.id,
        correlation_id=record.correlation_id,
        attempt=record.attempt,
        idempotency_key=record.idempotency_key,
        tenant=record.tenant,
        trace=record.trace,
    )


def _check(sender: str, signed: str, record: Record) -> None:
    name, _, signature = signed.partition(" ")
    scheme = SCHEMES.get(name)
    if scheme is None:
        raise Reject(f"The webhook of {sender} is signed by an unknown scheme.")
    received = int(record.received_at) / 1000 if record.received_at else record.sent
    try:
        check(scheme, signature, record.body, secrets=secret(f"{sender}_webhook"), received=received)
    except ForgedError:
        # The secret may have been rotated since it was read.
        try:
            check(scheme, signature, record.body, secrets=secret(f"{sender}_webhook", newer=True), received=received)
        except ForgedError as forged:
            raise Reject(f"The webhook is not from {sender}: {forged}.") from None
