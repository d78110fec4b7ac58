"""What the example's commands and events may say, and under which names they travel."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec
import pytest

from functions.contracts import orders, payments, shipping, stock
from functions.contracts.contract import Command, Event
from functions.contracts.example import example
from functions.contracts.orders import Amount, Currency, OrderAccepted, OrderId, PlaceOrder, Sku
from functions.contracts.path import path_field
from functions.contracts.payments import (
    ApplyPayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
)
from functions.contracts.shipping import OrderOverdue, OrderShipped, OrderUndone, PaymentReturnAsked, StockReleaseAsked
from functions.contracts.stock import StockReleased, StockReserved, StockShort

ORDER: dict[str, Any] = {
    "order_id": "ord-1001",
    "customer_email": "ada@example.com",
    "currency": "EUR",
    "lines": [{"sku": "tea-500g", "quantity": 2, "unit_price": 4200}],
}


@pytest.mark.parametrize(
    ("event", "source"),
    [
        (OrderAccepted, "orders"),
        *((each, "payments") for each in (PaymentAuthorized, PaymentCaptured, PaymentRefunded, PaymentDeclined)),
        *((each, "shipping") for each in (OrderShipped, OrderOverdue, OrderUndone)),
        *((each, "shipping") for each in (StockReleaseAsked, PaymentReturnAsked)),
        (StockReserved, "stock"),
        (StockReleased, "stock"),
        (StockShort, "stock"),
    ],
)
def test_an_event_of_the_example_is_about_one_order(event: type[Event], source: str) -> None:
    assert (event.source, event.version, event.business_key) == (source, 1, "order_id")


@pytest.mark.parametrize("module", [orders, payments, shipping, stock])
def test_nobody_changes_what_the_example_says_and_nothing_of_it_is_left_out(module: ModuleType) -> None:
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    assert own
    for each in own:
        assert issubclass(each, msgspec.Struct)
        assert (each.__struct_config__.frozen, each.__match_args__) == (True, ())
        assert all(field.required for field in msgspec.structs.fields(each))


def test_an_order_is_named_by_its_id_and_a_payment_by_its_path_and_key() -> None:
    assert PlaceOrder.business_key == "order_id"
    assert path_field(PlaceOrder) is None
    field = path_field(ApplyPayment)
    assert ApplyPayment.business_key is None
    assert field is not None
    assert (field.name, field.pattern) == ("order_id", "[A-Za-z0-9_-]{1,64}")


def test_the_documents_show_what_a_caller_may_send() -> None:
    assert example(PlaceOrder) == ORDER
    assert example(ApplyPayment) == {"action": "authorize", "amount": 4200, "currency": "EUR"}


def test_each_word_of_the_example_is_described() -> None:
    assert [msgspec.json.schema(kind)["description"] for kind in (OrderId, Currency, Amount, Sku)] == [
        "The caller's own name for the order.",
        "ISO 4217 code.",
        "In the currency's minor unit (cents).",
        "Stock keeping unit.",
    ]


def line(**changes: Any) -> dict[str, Any]:
    return {"lines": [ORDER["lines"][0] | changes]}


@pytest.mark.parametrize(
    ("good", "changes"),
    [
        (True, {"order_id": "A-z_9" + "x" * 59}),
        (False, {"order_id": "x" * 65}),
        (False, {"order_id": ""}),
        (False, {"order_id": "a/b"}),
        (False, {"order_id": "a\n"}),
        (False, {"currency": "eur"}),
        (False, {"currency": "EURO"}),
        (False, {"currency": "EU"}),
        (True, {"lines": ORDER["lines"] * 50}),
        (False, {"lines": ORDER["lines"] * 51}),
        (False, {"lines": []}),
        (True, line(quantity=1, unit_price=1)),
        (True, line(quantity=10_000, unit_price=10**12)),
        (False, line(quantity=0)),
        (False, line(quantity=10_001)),
        (False, line(unit_price=0)),
        (False, line(unit_price=10**12 + 1)),
        (True, line(sku="A-z_9" + "x" * 59)),
        (False, line(sku="x" * 65)),
        (False, line(sku="tea 500g")),
        (False, line(note="a misspelt field is no silent loss")),
        (False, {"note": "nor is it here"}),
    ],
)
def test_an_order_says_what_its_contract_allows(good: bool, changes: dict[str, Any]) -> None:
    if good:
        msgspec.convert(ORDER | changes, PlaceOrder)
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(ORDER | changes, PlaceOrder)


@pytest.mark.parametrize("command", [PlaceOrder, ApplyPayment])
def test_a_command_of_the_example_may_be_as_large_as_a_queue_takes(command: type[Command]) -> None:
    assert command.largest_body is None


def test_an_event_stays_open_to_new_fields_of_its_lines() -> None:
    said = {name: ORDER[name] for name in ORDER} | {"total": 8400} | line(note="new")
    assert msgspec.convert(said, OrderAccepted).lines[0].quantity == 2
