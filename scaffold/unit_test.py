"""The function's test: what it promises as it was written."""

from __future__ import annotations

from typing import Any

from scaffold.contract import NOTE
from scaffold.plan import NewIntegration, NewSubscriber


def of_integration(new: NewIntegration) -> str:
    """The test of a function that stores each request once."""
    return _ordered(new) if new.group else _stored(new)


def _head(new: NewIntegration) -> str:
    return f'''"""{new.function}: a request is stored once, and its fact is told as often as asked."""

from __future__ import annotations

from typing import Any

from functions.contracts.{new.contract} import {new.command}
from functions.{new.function}.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, failed, record


'''


def _again(new: NewIntegration) -> str:
    return f'''def test_a_request_that_comes_again_is_stored_once_and_tells_the_same_fact(aws: Rehearsal) -> None:
    for _ in range(2):
        assert failed(handler(batch(asked()))) == []
    assert len(aws.items("{new.table}")) == 1
    first, second = aws.published()
    assert (first["id"], first["data"]) == (second["id"], second["data"])


'''


def _ordered(new: NewIntegration) -> str:
    assert new.group
    one = new.group.removesuffix("_id").replace("_", "-")
    return f'''{_head(new)}def asked(
    note: str = "{NOTE}", *, {new.group}: str = "{one}-1", message_id: str = "m-1", **changes: Any
) -> dict[str, Any]:
    request = {new.command}({new.group}={new.group}, note=note)
    return record(request, message_id=message_id, idempotency_key="key-1", **changes)


def test_a_request_is_stored_and_its_fact_published(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked()))) == []
    (item,) = aws.items("{new.table}")
    assert (item["{new.group}"], item["note"]) == ("{one}-1", "{NOTE}")
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["data"]["{new.group}"]) == ("{new.publishes[0]}", "{one}-1")


{_again(new)}def test_the_same_key_in_another_group_is_another_request(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked(), asked({new.group}="{one}-2", message_id="m-2")))) == []
    assert len(aws.items("{new.table}")) == 2


def test_the_same_key_with_another_body_is_rejected(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked(), asked("Another.", message_id="m-2")))) == ["m-2"]
    (cause,) = aws.items("failures")
    assert cause["error_type"] == "Reject"
    assert [item["note"] for item in aws.items("{new.table}")] == ["{NOTE}"]


def test_the_same_key_of_another_tenant_is_another_request(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked(tenant="a"), asked(tenant="b", message_id="m-2")))) == []
    assert len({{envelope["id"] for envelope in aws.published()}}) == len(aws.items("{new.table}")) == 2


def test_a_path_that_the_contract_does_not_allow_is_rejected(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked({new.group}="not one")))) == ["m-1"]
    assert aws.items("{new.table}") == []
'''


def _stored(new: NewIntegration) -> str:
    one = new.name
    takes = f'note: str = "{NOTE}", *, request_id: str = "{one}-1", **changes: Any'
    return f'''{_head(new)}def asked({takes}) -> dict[str, Any]:
    return record({new.command}(request_id=request_id, note=note), **changes)


def test_a_request_is_stored_and_its_fact_published(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked()))) == []
    (item,) = aws.items("{new.table}")
    assert (item["request_id"], item["note"]) == ("{one}-1", "{NOTE}")
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["data"]["request_id"]) == ("{new.publishes[0]}", "{one}-1")


{_again(new)}def test_the_same_id_with_another_body_is_rejected(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked(), asked("Another.", message_id="m-2")))) == ["m-2"]
    (cause,) = aws.items("failures")
    assert cause["error_type"] == "Reject"
    assert [item["note"] for item in aws.items("{new.table}")] == ["{NOTE}"]


def test_the_same_key_for_another_request_is_rejected(aws: Rehearsal) -> None:
    other = asked(request_id="{one}-2", message_id="m-2", idempotency_key="key-1")
    assert failed(handler(batch(asked(idempotency_key="key-1"), other))) == ["m-2"]
    assert [item["request_id"] for item in aws.items("{new.table}")] == ["{one}-1"]
'''


def of_subscriber(new: NewSubscriber, example: dict[str, Any]) -> str:
    """The test of a function that notes each event once."""
    event = new.event.__name__
    flat = not any(isinstance(value, dict | list) for value in example.values())
    made = (
        f"{event}({', '.join(f'{name}={value!r}' for name, value in example.items())})"
        if flat
        else f"decode(encode({example!r}), type={event})"
    )
    imported = "" if flat else "from msgspec.json import decode, encode\n"
    field = new.field.name if new.field else "what"
    kept = f'("event-1", EVENT.{field})' if new.field else f'("event-1", "{event}")'
    published = (
        f'''    first, second = aws.published()
    assert (first["type"], first["id"]) == ("{new.publishes[0]}", second["id"])
'''
        if new.publishes
        else "    assert aws.published() == []\n"
    )
    told = ", and its fact told as often as asked" if new.publishes else ""
    return f'''"""{new.function}: an event is noted once{told}."""

from __future__ import annotations

{imported}
from {new.event.__module__} import {event}
from functions.{new.function}.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, delivered, failed

EVENT = {made}


def test_an_event_that_is_delivered_again_is_noted_once(aws: Rehearsal) -> None:
    for _ in range(2):
        assert failed(handler(batch(delivered(EVENT)))) == []
    (noted,) = aws.items("{new.table}")
    assert (noted["event_id"], noted["{field}"]) == {kept}
{published}

def test_another_event_is_noted_beside_it(aws: Rehearsal) -> None:
    events = batch(delivered(EVENT, event_id="event-1"), delivered(EVENT, event_id="event-2"))
    assert failed(handler(events)) == []
    assert len(aws.items("{new.table}")) == 2
'''
