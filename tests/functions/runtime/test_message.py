"""How a record becomes a contract, and what it is called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from functions.contracts.contract import Event
from functions.contracts.payments import PaymentCaptured
from functions.contracts.stock import StockReserved
from functions.runtime.consumer import consumer
from functions.runtime.message import Message
from tests.functions.events import accepted, batch, delivered, failed, order, record
from tests.functions.fakes import Fakes

RESERVED = StockReserved(order_id="ord-1")


class Seen:
    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Message]] = []
        self.handler = consumer(self.handle, accepts=(StockReserved, PaymentCaptured))

    def handle(self, event: StockReserved | PaymentCaptured, message: Message) -> Iterable[Event]:
        self.pairs.append((event, message))
        return ()


def test_an_event_is_decoded_by_its_type_and_keeps_its_story(fakes: Fakes) -> None:
    seen = Seen()
    captured = PaymentCaptured(order_id="ord-1", amount=1, currency="EUR")
    assert failed(seen.handler(batch(delivered(RESERVED, event_id="e1"), delivered(captured, event_id="e2")))) == []
    (first, message), (second, _) = seen.pairs
    assert (first, second) == (RESERVED, captured)
    assert (message.key, message.cause, message.causation_id) == ("e1", "e1", "e1")
    assert message.correlation_id == "corr-1"


def test_an_event_nobody_asked_for_is_rejected_by_name(fakes: Fakes) -> None:
    assert failed(Seen().handler(batch(delivered(accepted(), message_id="m")))) == ["m"]
    assert "OrderAccepted is none of StockReserved, PaymentCaptured" in fakes.dynamodb.causes["m"]["error_message"]


@pytest.mark.parametrize("version", [2, 99])
def test_an_unknown_contract_version_is_rejected_until_a_function_knows_it(fakes: Fakes, version: int) -> None:
    assert failed(Seen().handler(batch(delivered(RESERVED, version=version, message_id="m")))) == ["m"]
    assert "deploy a function that knows it, then redrive" in fakes.dynamodb.causes["m"]["error_message"]


def test_a_new_field_of_an_event_is_ignored(fakes: Fakes) -> None:
    newer = delivered(RESERVED)
    body = json.loads(newer["body"])
    body["detail"]["data"]["warehouse"] = "north"
    body["detail"]["shard"] = 7
    seen = Seen()
    assert failed(seen.handler(batch(newer | {"body": json.dumps(body)}))) == []
    assert seen.pairs[0][0] == RESERVED


def test_a_new_field_of_a_command_is_refused(fakes: Fakes) -> None:
    from functions.accept_order.handler import handler

    body = json.loads(record(order())["body"]) | {"voucher": "X"}
    assert failed(handler(batch(record(json.dumps(body), message_id="m")))) == ["m"]
    assert "unknown field `voucher`" in fakes.dynamodb.causes["m"]["error_message"]


def test_the_digest_of_a_command_is_of_what_it_says_and_not_of_how(fakes: Fakes) -> None:
    from msgspec.json import decode, encode

    from functions.contracts.orders import PlaceOrder

    spaced = json.dumps(dict(reversed(json.loads(encode(order())).items())), indent=2)
    assert decode(spaced, type=PlaceOrder).digest() == order().digest()
    assert order(currency="USD").digest() != order().digest()


def test_the_digest_stays_when_an_optional_field_is_added() -> None:
    from functions.contracts.contract import Command

    class Before(Command, frozen=True, kw_only=True):
        name: str

    class After(Command, frozen=True, kw_only=True):
        name: str
        note: str | None = None

    assert Before(name="a").digest() == After(name="a").digest()
    assert After(name="a", note="b").digest() != After(name="a").digest()
