"""What somebody says of a request, as the request that goes over the wire; the API judges it, not we.

Only what would make it another request than it looks like is refused: parts of a path that lead elsewhere, line breaks
in headers, and headers that say where a request ends or whom it is for.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from functions.contracts.webhooks import SCHEMES
from ops.errors import UsageError
from ops.send.caller import Header, Request
from ops.send.signature import signed
from ops.send.target import Target
from stacks.edge.content_type import JSON
from stacks.edge.mapping_template import CORRELATION_ID

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2"""
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect")
)
"""Headers that say whom a request is for, where it ends, and what becomes of its connection."""
CREDENTIALS = frozenset(("authorization", "x-api-key"))
LONGEST = 8_192
"""Characters of a header or of a path's value: API Gateway takes 10,240 bytes of headers in all.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""


@dataclass(frozen=True)
class Said:
    """What somebody says: the path's values by name, headers, and the body; None is the contract's example.

    `credential` is what the route asks of its callers: a bearer's token, an API key's value, or the secret by which a
    sender of webhooks signs.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[Header] = ()
    body: bytes | None = None
    credential: str | None = field(default=None, repr=False)


def header(text: str) -> Header:
    """A header as people write one: `Name: value`. Raises `UsageError`."""
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"{text!r} is no header: write it like 'Idempotency-Key: order-1'.")
    return name.strip(), value.strip()


def value(text: str) -> tuple[str, str]:
    """A value of the path as people write one: `name=value`. Raises `UsageError`."""
    name, equals, said = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no value of a path: write it like order_id=order-1.")
    return name.strip(), said


def request(target: Target, said: Said) -> Request:
    """The request; one without a correlation id gets one, so that it can be followed even if no answer comes.

    Raises `UsageError` for what cannot be sent.
    """
    body = _body(target, said.body)
    if target.sender is None and VALUE.fullmatch(said.credential or "") is None:
        raise UsageError("The credential has a character in it that no header may have, such as a line break.")
    headers = [_checked(*each) for each in said.headers]
    there = {name.lower() for name, _ in headers}
    if body and "content-type" not in there:
        headers.append(("Content-Type", JSON))
    if CORRELATION_ID.lower() not in there:
        headers.append((CORRELATION_ID, str(uuid.uuid4())))
    if target.sender is not None and said.credential:
        scheme = SCHEMES[target.route.senders[target.sender]]
        if scheme.header.lower() not in there:
            headers.append((scheme.header, signed(scheme, said.credential, body, at=int(time.time()))))
    return Request(
        path=_path(target, said.path),
        body=body,
        headers=tuple(headers),
        method=target.route.method,
        unsigned=not CREDENTIALS.isdisjoint(there),
    )


def _body(target: Target, said: bytes | None) -> bytes:
    if target.body is None:
        if said:
            raise UsageError(f"{target.name} takes no body.")
        return b""
    return msgspec.json.format(msgspec.json.encode(target.example), indent=2) if said is None else said


def _path(target: Target, said: Mapping[str, str]) -> str:
    if unknown := [name for name in said if name not in target.in_path]:
        known = ", ".join(target.in_path) or "no values"
        raise UsageError(f"The path {target.path} has no {unknown[0]!r}: it takes {known}.")
    path = target.path
    for name in target.in_path:
        told = said.get(name, "")
        if not told:
            raise UsageError(f"The path {target.path} needs its {name}: say it, such as {name}=example-1.")
        if told in (".", ".."):
            raise UsageError(f"{name} is {told!r}, which in a path leads elsewhere: give another.")
        if len(told) > LONGEST:
            raise UsageError(f"{name} has {len(told):,} characters: give at most {LONGEST:,}.")
        path = path.replace(f"{{{name}}}", quote(told.encode("utf-8", "surrogateescape"), safe=""))
    return path


def _checked(name: str, told: str) -> Header:
    if NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} is no name of a header: letters, digits and -, such as Idempotency-Key.")
    if name.lower() in OURS:
        raise UsageError(f"The header {name} is not for a person to say: leave it out.")
    if VALUE.fullmatch(told) is None:
        raise UsageError(f"The header {name} has a character in it that no header may have, such as a line break.")
    if len(told) > LONGEST:
        raise UsageError(f"The header {name} has {len(told):,} characters: give at most {LONGEST:,}.")
    return name, told
