"""Webhooks on a queue: the signature is checked over the untouched body before anything else is done with it.

Third parties sign by HMAC-SHA256, whose comparison here takes the same time whatever it finds.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Raw

from functions.contracts.key import joined
from functions.contracts.webhooks import SCHEMES, ReceiveWebhook, Scheme
from functions.runtime.errors import Reject, Retry
from functions.runtime.infrastructure import is_away
from functions.runtime.message import Message
from functions.runtime.record import Record
from functions.runtime.secret import PAUSE, look, secret
from functions.runtime.settings import Settings
from functions.runtime.visibility import outage

TOLERANCE = 300
"""Seconds between the time that a signature says and the arrival of its request, either way."""


class ForgedError(Exception):
    """The signature is malformed, or too old to be believed, or not the sender's for this body."""


class MismatchError(ForgedError):
    """None of the secrets signed the body: another secret might have."""


def verified(record: Record) -> tuple[ReceiveWebhook, Message]:
    """The record as a delivery, once its signature is right. Raises `Reject` if it is not, or if the body is no object.

    Its key is the topic and the body's digest: a sender that repeats itself sends both again, and no other header is
    worth more, because none is signed. The same body on another topic is told as another fact.
    """
    if not record.sender or not record.signature:
        raise Reject("The message has no sender or signature; send webhooks through the API.")
    _verify(record.sender, record.signature, record)
    try:
        msgspec.json.decode(record.body, type=dict[str, Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Reject(f"The webhook of {record.sender} is no JSON object: {error}") from error
    body = record.body.encode()
    digest = sha256(body).hexdigest()
    key = joined(record.topic, digest) if record.topic else digest
    delivery = ReceiveWebhook(sender=record.sender, payload=Raw(body), topic=record.topic)
    return delivery, Message.of(record, key=key, cause=f"ReceiveWebhook/{record.sender}/{key}")


def _verify(sender: str, signed: str, record: Record) -> None:
    name, _, signature = signed.partition(" ")
    scheme = SCHEMES.get(name)
    if scheme is None:
        raise Reject(f"The webhook of {sender} is signed by an unknown scheme.")
    received = int(record.received_at) / 1000 if record.received_at else record.sent
    word = f"{sender}_webhook"
    try:
        try:
            check(scheme, signature, record.body, secrets=secret(word, at=received), received=received)
        except MismatchError:
            check(scheme, signature, record.body, secrets=_newer(word, received, record), received=received)
    except ForgedError as forged:
        known = look(word)
        if isinstance(forged, MismatchError) and known.read < received:
            why = f"The secret of {sender} may have been replaced since it was read."
            raise _later(record, why, away=known.asked > known.since) from None
        raise Reject(f"The webhook is not from {sender}: {forged}.") from None


def _newer(word: str, received: float, record: Record) -> tuple[str, ...]:
    """The secret, which may have been replaced since it was read.

    Where it cannot be read, only this message waits: others may match what is known, and whoever forges a few must not
    make it look as if Secrets Manager were away for all.
    """
    try:
        return secret(word, at=received, newer=True)
    except (ClientError, BotoCoreError) as error:
        if not is_away(error):
            raise
        raise _later(record, f"The secret {word} could not be read again: {error}", away=True) from error


def _later(record: Record, why: str, *, away: bool) -> Retry:
    """When the secret may be read again; while it cannot be, once soon and then for as long as an outage may last."""
    return Retry(why, delay=outage(record, Settings.read()) if away and record.attempt > 1 else PAUSE)


def check(scheme: Scheme, signature: str, body: str, *, secrets: Iterable[str], received: float) -> None:
    """Raise `ForgedError` unless one of the secrets signed the body as `signature` says.

    `received` is when the request arrived, in epoch seconds: a message may wait, be dead and be redriven weeks after.
    """
    if not re.fullmatch(scheme.pattern, signature):
        raise ForgedError("the signature is malformed")
    signed, given = body, [signature.removeprefix("sha256=")]
    if scheme.timed:
        at, *signatures = signature.split(",")
        seconds = at.removeprefix("t=")
        if abs(received - int(seconds)) > TOLERANCE:
            raise ForgedError(f"it was signed {abs(received - int(seconds)):.0f} s away from its arrival")
        signed, given = f"{seconds}.{body}", [one.removeprefix("v1=") for one in signatures if one.startswith("v1=")]
    # Every pair is compared, so that the time says nothing of which one matched.
    matches = [
        hmac.compare_digest(expected(scheme, secret, signed).encode(), one.encode())
        for secret in secrets
        for one in given
    ]
    if not any(matches):
        raise MismatchError("the signature does not match the body")


def expected(scheme: Scheme, secret: str, signed: str) -> str:
    """The signature of `signed` in the encoding of the scheme."""
    digest = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
