"""How a record becomes a contract, and what it is called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from functions.contracts.contract import Event
from functions.runtime.consumer import consumer
from functions.runtime.message import Message
from tests.functions.events import batch, delivered, failed, record
from tests.functions.fakes import Fakes
from tests.sample.contracts import ChangeTicket, OpenTicket, TicketAssigned, TicketChanged
from tests.sample.messages import change, opened, ticket

ASSIGNED = TicketAssigned(ticket_id="tic-1")


class Seen:
    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Message]] = []
        self.handler = consumer(self.handle, accepts=(TicketAssigned, TicketChanged))

    def handle(self, event: TicketAssigned | TicketChanged, message: Message) -> Iterable[Event]:
        self.pairs.append((event, message))
        return ()


def test_an_event_is_decoded_by_its_type_and_keeps_its_story(fakes: Fakes) -> None:
    seen = Seen()
    changed = TicketChanged(ticket_id="tic-1", step=1)
    assert failed(seen.handler(batch(delivered(ASSIGNED, event_id="e1"), delivered(changed, event_id="e2")))) == []
    (first, message), (second, _) = seen.pairs
    assert (first, second) == (ASSIGNED, changed)
    assert (message.key, message.cause, message.causation_id) == ("e1", "e1", "e1")
    assert message.correlation_id == "corr-1"


def test_a_handler_sees_which_replay_brought_an_event_and_its_keys_are_as_they_were(fakes: Fakes) -> None:
    seen = Seen()
    twice = [delivered(ASSIGNED, event_id="e1", replayed=name) for name in (None, "replay-1")]
    assert failed(seen.handler(batch(*twice))) == []
    (_, live), (_, replayed) = seen.pairs
    assert (live.replayed, replayed.replayed) == (None, "replay-1")
    assert (live.key, live.cause) == (replayed.key, replayed.cause), "an effect that was had is not had again"


def test_an_event_nobody_asked_for_is_rejected_by_name(fakes: Fakes) -> None:
    assert failed(Seen().handler(batch(delivered(opened(), message_id="m")))) == ["m"]
    assert "TicketOpened is none of TicketAssigned, TicketChanged" in fakes.dynamodb.causes["m"]["error_message"]


@pytest.mark.parametrize("version", [2, 99])
def test_an_unknown_contract_version_is_rejected_until_a_function_knows_it(fakes: Fakes, version: int) -> None:
    assert failed(Seen().handler(batch(delivered(ASSIGNED, version=version, message_id="m")))) == ["m"]
    assert "deploy a function that knows it, then redrive" in fakes.dynamodb.causes["m"]["error_message"]


class Changes:
    def __init__(self) -> None:
        self.pairs: list[tuple[ChangeTicket, Message]] = []
        self.handler = consumer(self.handle, accepts=ChangeTicket)

    def handle(self, command: ChangeTicket, message: Message) -> None:
        self.pairs.append((command, message))


@pytest.mark.parametrize(
    ("tenant", "group", "cause"),
    [(None, "tic-1", "ChangeTicket/tic-1/k"), ("blue", "/blue/tic-1", "/blue/ChangeTicket/tic-1/k")],
)
def test_what_stands_in_the_path_comes_as_the_group_and_an_effect_is_of_one_tenant(
    fakes: Fakes, tenant: str | None, group: str, cause: str
) -> None:
    changes = Changes()
    said: dict[str, Any] = {"idempotency_key": "k", "correlation_id": "c"} | ({"tenant": tenant} if tenant else {})
    arrived = record(change(1, "n"), message_id="m", attempt=2, **said)
    assert arrived["attributes"]["MessageGroupId"] == group
    arrived["attributes"]["AWSTraceHeader"] = "Root=1-2-3"
    assert failed(changes.handler(batch(arrived))) == []
    ((command, message),) = changes.pairs
    assert command == change(1, "n")
    assert message == Message(
        id="m",
        key="k",
        cause=cause,
        causation_id="m",
        correlation_id="c",
        attempt=2,
        group=group,
        idempotency_key="k",
        tenant=tenant,
        trace="Root=1-2-3",
    )
    assert message.scoped("tic-1", "note") == ("/blue/tic-1/note" if tenant else "tic-1/note")


@pytest.mark.parametrize(
    ("group", "said"), [(None, "came without its ticket_id"), ("a!b", "`ticket_id`, which its path")]
)
def test_a_command_whose_path_is_missing_or_odd_is_rejected(fakes: Fakes, group: str | None, said: str) -> None:
    arrived = record(change(1), message_id="m", idempotency_key="k")
    arrived["attributes"].pop("MessageGroupId")
    arrived["attributes"] |= {"MessageGroupId": group} if group else {}
    assert failed(Changes().handler(batch(arrived))) == ["m"]
    assert fakes.dynamodb.causes["m"]["error_type"] == "Reject"
    assert said in fakes.dynamodb.causes["m"]["error_message"]


def test_a_command_that_nothing_names_is_rejected(fakes: Fakes) -> None:
    assert failed(Changes().handler(batch(record(change(1), message_id="m")))) == ["m"]
    assert "ChangeTicket came without an idempotency key" in fakes.dynamodb.causes["m"]["error_message"]


def test_an_event_is_told_by_its_own_story_and_not_by_what_its_queue_says(fakes: Fakes) -> None:
    seen = Seen()
    told = delivered(ASSIGNED, event_id="e1", tenant="blue", message_id="m", attempt=3)
    told["messageAttributes"] = record(ticket(), tenant="red", correlation_id="other")["messageAttributes"]
    assert failed(seen.handler(batch(told))) == []
    ((_, message),) = seen.pairs
    assert message == Message(
        id="m",
        key="e1",
        cause="e1",
        causation_id="e1",
        correlation_id="corr-1",
        attempt=3,
        tenant="blue",
        business_key="tic-1",
    )


def test_a_new_field_of_an_event_is_ignored(fakes: Fakes) -> None:
    newer = delivered(ASSIGNED)
    body = json.loads(newer["body"])
    body["detail"]["data"]["office"] = "north"
    body["detail"]["shard"] = 7
    seen = Seen()
    assert failed(seen.handler(batch(newer | {"body": json.dumps(body)}))) == []
    assert seen.pairs[0][0] == ASSIGNED


def test_a_new_field_of_a_command_is_refused(fakes: Fakes) -> None:
    from tests.sample.open_ticket.handler import handler

    body = json.loads(record(ticket())["body"]) | {"voucher": "X"}
    assert failed(handler(batch(record(json.dumps(body), message_id="m")))) == ["m"]
    assert "unknown field `voucher`" in fakes.dynamodb.causes["m"]["error_message"]


@pytest.mark.parametrize(
    "body", ["", "[1", '{"ticket_id": "\ud800"}', '{"ticket_id": ' + "[" * 200_000], ids=["none", "cut", "half", "deep"]
)
def test_a_body_that_is_no_command_is_rejected_however_odd(fakes: Fakes, body: str) -> None:
    handler = consumer(lambda *_: None, accepts=OpenTicket)
    found = record(body, message_id="m", idempotency_key="k")
    assert failed(handler(batch(found))) == ["m"]
    cause = fakes.dynamodb.causes["m"]
    assert cause["error_type"] == "Reject"
    assert cause["error_message"].startswith("OpenTicket does not decode: ")


def test_the_digest_of_a_command_is_of_what_it_says_and_not_of_how(fakes: Fakes) -> None:
    from msgspec.json import decode, encode

    from tests.sample.contracts import OpenTicket

    spaced = json.dumps(dict(reversed(json.loads(encode(ticket())).items())), indent=2)
    assert decode(spaced, type=OpenTicket).digest() == ticket().digest()
    assert ticket(language="FR").digest() != ticket().digest()


def test_the_digest_stays_when_an_optional_field_is_added() -> None:
    from functions.contracts.contract import Command

    class Before(Command, frozen=True, kw_only=True):
        name: str

    class After(Command, frozen=True, kw_only=True):
        name: str
        note: str | None = None

    assert Before(name="a").digest() == After(name="a").digest()
    assert After(name="a", note="b").digest() != After(name="a").digest()
