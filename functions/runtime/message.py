"""What a handler is told about its message, and how a record becomes a contract."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from functions.contracts.contract import Command, Event, read
from functions.contracts.envelope import REPLAYED, Envelope
from functions.contracts.key import scoped, unscoped
from functions.contracts.path import PathField, body_of, path_field
from functions.contracts.redaction import is_secret
from functions.runtime.errors import Reject
from functions.runtime.excerpt import excerpt
from functions.runtime.record import Record


class Message(Struct, frozen=True, kw_only=True):
    """Where a contract came from.

    `key` says which effect this is and survives redrive and repeated requests: the business key of a command (or its
    `Idempotency-Key`), the id of an event. `cause` is what the ids of resulting events derive from. `causation_id` is
    the id of the message or event itself. `id` is SQS's, another one after a redrive or a wait. `attempt` counts this
    message's receives from 1, without those it waited with. `group` is the FIFO group. `tenant` is who called.
    `replayed` names the replay that brought an event out of the archive; it is None where the event comes as it
    happens. `business_key` is what people call it, such as an order's number: the contract's business key, where it
    has one that is no secret.
    """

    id: str
    key: str
    cause: str
    causation_id: str
    correlation_id: str
    attempt: int = 1
    group: str | None = None
    idempotency_key: str | None = None
    tenant: str | None = None
    trace: str | None = None
    replayed: str | None = None
    business_key: str | None = None

    def scoped(self, *parts: str) -> str:
        """The parts as one key of the message's tenant; the same ids of two tenants are two keys.

        Use it wherever an id that callers choose names an item: `ord-1` stays as it is where no tenant is named.
        """
        return scoped(self.tenant, *parts)

    def progress(self, percent: int, words: str = "") -> None:
        """Say how much of the message is done, 0 to 100, and what is being done, for the status and the trace.

        Cheap in a loop: it is told at most every five seconds, without the contract's secrets. The first time the
        message also gets all the time that its function has. Raises `ValueError` for another percentage.
        """
        from functions.runtime.progress import tell

        tell(self, percent, words)

    @classmethod
    def of(
        cls,
        record: Record,
        *,
        key: str,
        cause: str,
        event: Envelope | None = None,
        replayed: str | None = None,
        business_key: str | None = None,
    ) -> Message:
        """What a handler is told of `record`; what an event says of its own story goes before what the record says."""
        return cls(
            id=record.id,
            key=key,
            cause=cause,
            causation_id=event.id if event else record.origin,
            correlation_id=event.correlation_id if event else record.correlation_id,
            attempt=record.attempt,
            group=record.group,
            idempotency_key=record.idempotency_key,
            tenant=event.tenant if event else record.tenant,
            trace=record.trace,
            replayed=replayed,
            business_key=business_key,
        )


class InHand:
    """The message whose handler runs: its record and contract, and when its progress was told the last time."""

    def __init__(self, record: Record, contract: Any) -> None:
        self.record = record
        self.contract = contract
        self.told = -math.inf


in_hand: ContextVar[InHand | None] = ContextVar("in_hand", default=None)
"""None where no handler of a consumer runs."""


class _Delivery(Struct, frozen=True):
    # What EventBridge puts on a queue: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    type: str = field(name="detail-type")
    detail: Raw
    replayed: str | None = field(name=REPLAYED, default=None)


T = TypeVar("T")
Contract = Command | Event
Intake = Callable[[Record], tuple[Any, Message]]


def intake(accepts: tuple[type[Contract], ...]) -> Intake:
    """A function that reads a record as one of the contracts, which are one command or any number of events.

    The function raises `Reject` for a body that is none of them. Raises `TypeError` for a mixture.
    """
    if len(accepts) == 1 and issubclass(accepts[0], Command):
        return _command_intake(accepts[0])
    events = tuple(contract for contract in accepts if issubclass(contract, Event))
    if not events or len(events) != len(accepts):
        raise TypeError(f"A consumer accepts one command or some events, not {accepts!r}.")
    return _event_intake(events)


def _command_intake(contract: type[Command]) -> Intake:
    decoder: Decoder[Any] = Decoder(body_of(contract))
    path = path_field(contract)
    name = contract.__name__
    key_field, told = contract.business_key, _telling(contract)

    def take(record: Record) -> tuple[Command, Message]:
        said = _decode(decoder, record.body, name)
        # On a standard queue the group is who shares it fairly, and no part of what is asked for.
        group = unscoped(record.tenant, record.group) if record.group and (record.fifo or path) else None
        command: Command = said if path is None else _with_path(contract, said, path, group)
        key = str(getattr(command, key_field)) if key_field else record.idempotency_key
        if not key:
            raise Reject(f"{name} came without an idempotency key; send it with an Idempotency-Key.")
        # An idempotency key is the caller's, for one group: the same key for another order is another effect.
        scope = (name, group, key) if group and not key_field else (name, key)
        cause = scoped(record.tenant, *scope)
        return command, Message.of(record, key=key, cause=cause, business_key=key if told else None)

    return take


def _with_path(contract: type[Command], said: Struct, path: PathField, value: str | None) -> Command:
    if value is None:
        raise Reject(
            f"{contract.__name__} came without its {path.name}; send it to the FIFO queue, with the {path.name} as the "
            "message group."
        )
    fields = {name: getattr(said, name) for name in said.__struct_fields__}
    try:
        return contract(**fields, **{path.name: msgspec.convert(value, path.type)})
    except msgspec.ValidationError as error:
        raise Reject(f"{contract.__name__} does not fit: {error} - `{path.name}`, which its path names") from error


def _event_intake(contracts: tuple[type[Event], ...]) -> Intake:
    delivery, envelope = Decoder(_Delivery), Decoder(Envelope)
    known = {contract.__name__: (contract, Decoder(contract), _telling(contract)) for contract in contracts}

    def take(record: Record) -> tuple[Event, Message]:
        arrived = _decode(delivery, record.body, "EventBridge event")
        surrounds = _decode(envelope, arrived.detail, arrived.type)
        if surrounds.type not in known:
            raise Reject(
                f"{excerpt(surrounds.type)} is none of {', '.join(known)}; correct the rule that sent it here."
            )
        contract, decoder, told = known[surrounds.type]
        if surrounds.version != contract.version:
            raise Reject(
                f"{surrounds.type} came in version {surrounds.version}, but this function knows {contract.version}; "
                "deploy a function that knows it, then redrive."
            )
        event = _decode(decoder, surrounds.data, surrounds.type)
        return event, Message.of(
            record,
            key=surrounds.id,
            cause=surrounds.id,
            event=surrounds,
            replayed=arrived.replayed,
            business_key=str(getattr(event, told)) if told else None,
        )

    return take


def _telling(contract: type[Contract]) -> str | None:
    """The field that is the contract's business key, where it is no secret."""
    field = contract.business_key
    if field is None or is_secret(get_type_hints(contract, include_extras=True)[field]):
        return None
    return field


def _decode(decoder: Decoder[T], body: str | Raw, name: str) -> T:
    try:
        return read(decoder, body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Reject(f"{excerpt(name)} does not decode: {excerpt(str(error))}") from error
