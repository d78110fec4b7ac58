"""Requests by what people call them: a contract's business key, as an order's number, a FIFO group, an Idempotency-Key.

The lines of consumers name them, as keys of their tenants (`functions/contracts/key.py`); of a message whose consumer
died before it wrote a line, its dead letter does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from functions.contracts.contract import Command
from functions.contracts.envelope import IDEMPOTENCY_KEY
from functions.contracts.key import joined
from functions.contracts.log_line import Followed, Handled
from ops.queue import owner
from stacks import feeds
from stacks.entry import Topology

DEAD = "dead"
OUTCOMES = (DEAD, "rejected", "retried", "limited", "processed", "duplicate", "skipped")
"""What became of messages, what a person must look at first."""


class Named(Struct, frozen=True, kw_only=True):
    """One message with a certain key: a line about it, or the dead letter. `at` is epoch milliseconds."""

    request: str
    message_id: str
    queue: str
    outcome: str
    at: int
    tenant: str | None = None


class Candidate(Struct, frozen=True, kw_only=True):
    """A request with that key. `id` finds its path, `at` is when the first of it was, in epoch milliseconds.

    `queues` are those that had messages with that key, `outcome` is the worst of what became of them.
    """

    id: str
    at: int
    queues: list[str]
    integrations: list[str]
    outcome: str
    messages: int
    tenant: str | None = None


class Found(Struct, frozen=True, kw_only=True):
    """The requests with that key, the latest first. `unseen` are dead-letter queues too deep to be looked through."""

    key: str
    candidates: list[Candidate]
    unseen: list[str] = []


def spellings(key: str) -> list[str]:
    """How the key may be written in a line, within the quotes: as a key, and as SQS has a group."""
    return list(dict.fromkeys(_in_json(text) for text in (key, joined(key))))


def lines_named(lines: Iterable[object], key: str) -> Iterator[Named]:
    """The lines that name this very key."""
    for line in lines:
        if isinstance(line, Handled):
            said = (_names(line.key, key), _names(line.idempotency_key, key), _names(line.group, key, raw=True))
            named = next((each for each in said if each is not None), None)
            if named is not None:
                yield Named(
                    request=line.correlation_id,
                    message_id=line.origin or line.message_id,
                    queue=line.service,
                    outcome=line.outcome,
                    at=line.at,
                    tenant=named or None,
                )
        elif isinstance(line, Followed) and (named := _names(line.key, key)) is not None:
            yield Named(
                request=line.correlation_id,
                message_id=line.message_id,
                queue=line.workflow,
                outcome="processed",
                at=line.at,
                tenant=named or None,
            )


def candidates(named: Iterable[Named], topology: Topology) -> list[Candidate]:
    """The requests of these messages, the latest first."""
    by_request: dict[str, list[Named]] = {}
    for each in named:
        by_request.setdefault(each.request, []).append(each)
    found = [_candidate(request, each, topology) for request, each in by_request.items()]
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def places(topology: Topology, word: str) -> list[str]:
    """Where a message of that queue, or of its dead-letter queue, may have a key, in the language of filters."""
    work = word.removesuffix("-dlq").removesuffix("-undelivered")
    found = ["system.MessageGroupId", f"attributes.{IDEMPOTENCY_KEY}"]
    for contract in feeds.contracts(topology, work):
        if contract.business_key is not None:
            names = dict(zip(contract.__struct_fields__, contract.__struct_encode_fields__, strict=True))
            inside = "body" if issubclass(contract, Command) else "body.detail.data"
            found.append(f'{inside}."{names[contract.business_key]}"')
    return list(dict.fromkeys(found))


def _candidate(request: str, named: list[Named], topology: Topology) -> Candidate:
    named = sorted(named, key=lambda each: each.at)
    # What was redriven is another message on the same queue; a dead letter is dead whatever came after it.
    last = {each.queue: each.outcome for each in named} | {each.queue: DEAD for each in named if each.outcome == DEAD}
    queues = list(last)
    owners = (owner(topology, queue) for queue in queues)
    return Candidate(
        id=request,
        at=named[0].at,
        queues=queues,
        integrations=list(dict.fromkeys(each.name for each in owners if each is not None)),
        outcome=min(last.values(), key=lambda each: OUTCOMES.index(each) if each in OUTCOMES else len(OUTCOMES)),
        messages=len({each.message_id for each in named}),
        tenant=next((each.tenant for each in named if each.tenant), None),
    )


def _names(written: str | None, key: str, *, raw: bool = False) -> str | None:
    """The tenant, or an empty text for none, where `written` is that key; None where it is another.

    With `raw` it may be a group as SQS has it, which no tenant scoped.
    """
    if written is None:
        return None
    if written == joined(key) or (raw and written == key):
        return ""
    empty, _, rest = written.partition("/")
    tenant, _, own = rest.partition("/")
    if not empty and tenant and own == joined(key):
        return tenant.replace("%2F", "/").replace("%25", "%")
    return None


def _in_json(text: str) -> str:
    """As `functions/runtime/line.py` writes it."""
    written = msgspec.json.encode(text.encode("utf-8", "backslashreplace").decode()).decode()[1:-1]
    return written.translate(BREAKS)


BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""Line breaks that a line writes as escapes."""
