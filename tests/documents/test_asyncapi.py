"""The AsyncAPI document says who takes which message and who publishes which event, as the runtime sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from documents.asyncapi import BUS, STAGE, document, pages
from functions.contracts import envelope
from functions.contracts.contract import Event
from functions.contracts.example import example
from functions.runtime.message import Message
from functions.runtime.publisher import entry
from functions.runtime.settings import Settings
from stacks import names
from stacks.edge.mapping_template import request
from stacks.entry import Integration, Queue, Subscription, Topology
from tests.sample.contracts import Hours, OpenTicket, TicketOpened
from tests.sample.topology import SAMPLE

# What the specification says of each part that we write: the fields that must and those that may be there.
# https://www.asyncapi.com/docs/reference/specification/v3.0.0#schema
PARTS = {
    "": ({"asyncapi", "info"}, {"defaultContentType", "channels", "operations", "components", "servers", "id"}),
    "info": ({"title", "version"}, {"description", "license"}),
    "channel": (set(), {"address", "description", "parameters", "messages", "bindings", "title", "summary"}),
    "operation": ({"action", "channel"}, {"messages", "title", "summary", "description", "bindings"}),
    "message": (set(), {"name", "summary", "description", "correlationId", "headers", "payload", "contentType"}),
    "components": (set(), {"messages", "schemas", "correlationIds"}),
    "correlation": ({"location"}, {"description"}),
}
KEY = re.compile(r"[A-Za-z0-9._-]+")


def check(part: str, found: dict[str, Any]) -> None:
    """The part has what it must, and nothing that the specification does not know."""
    must, may = PARTS[part]
    assert must <= found.keys() <= must | may, (part, found.keys())


def references(node: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolve(whole: dict[str, Any], reference: str) -> Any:
    """What the reference points to. Raises `KeyError` if there is nothing."""
    found: Any = whole
    for word in reference.removeprefix("#/").split("/"):
        found = found[word]
    return found


def assert_valid(whole: dict[str, Any]) -> None:
    """The document is an AsyncAPI 3.0 document, as far as its structure goes."""
    assert whole["asyncapi"] == "3.0.0"
    check("", whole)
    check("info", whole["info"])
    check("components", whole["components"])
    for part, group in (
        ("channel", whole["channels"]),
        ("operation", whole["operations"]),
        ("message", whole["components"]["messages"]),
        ("correlation", whole["components"]["correlationIds"]),
    ):
        for key, found in group.items():
            assert KEY.fullmatch(key)
            check(part, found)
    for channel in whole["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel["parameters"].keys()
    for operation in whole["operations"].values():
        assert operation["action"] in ("send", "receive")
        (channel_key,) = re.findall(r"^#/channels/([\w-]+)$", operation["channel"]["$ref"])
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"#/channels/{channel_key}/messages/")
    for reference in references(whole):
        assert resolve(whole, reference) is not None
    for schema in whole["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def payload(whole: dict[str, Any], message: str) -> jsonschema.Draft202012Validator:
    """What a message's body must be."""
    schema = whole["components"]["messages"][message]["payload"]
    return jsonschema.Draft202012Validator({**schema, "components": whole["components"]})


@pytest.mark.parametrize("topology", [SAMPLE, Topology()], ids=["sample", "empty"])
def test_the_document_is_what_the_specification_asks_for(topology: Topology) -> None:
    assert_valid(document(topology))


def test_every_queue_is_a_channel_with_its_name_its_type_and_its_dead_letter_queue() -> None:
    channels = document(SAMPLE)["channels"]
    assert channels.keys() == {BUS, *(queue.name for queue in SAMPLE.queues)}
    for queue in SAMPLE.queues:
        found, bound = channels[queue.name], channels[queue.name]["bindings"]["sqs"]
        assert found["address"] == names.queue(STAGE, queue.name, fifo=queue.fifo)
        assert (bound["queue"]["fifoQueue"], bound["deadLetterQueue"]["fifoQueue"]) == (queue.fifo, queue.fifo)
        assert bound["queue"]["redrivePolicy"] == {
            "deadLetterQueue": {"name": names.dead_letter_queue(STAGE, queue.name, fifo=queue.fifo)},
            "maxReceiveCount": queue.receives,
        }
        assert found["parameters"]["stage"]["enum"] == list(names.STAGES)


def test_every_function_takes_what_feeds_its_queue_and_publishes_what_the_topology_says() -> None:
    operations = document(SAMPLE)["operations"]
    for consumer in SAMPLE.consumers:
        fed = {route.accepts.__name__ for route in SAMPLE.routes if route.queue == consumer.function}
        fed |= {each.event.__name__ for each in SAMPLE.subscriptions if each.queue == consumer.function}
        taken = operations[consumer.function]
        assert taken["action"] == "receive"
        assert {each["$ref"].rpartition("/")[2] for each in taken["messages"]} == fed
        sent = operations.get(f"{consumer.function}-publishes", {"messages": []})
        assert [each["$ref"].rpartition("/")[2] for each in sent["messages"]] == [
            event.__name__ for event in consumer.publishes
        ]


def test_a_command_fits_its_payload_and_what_the_edge_sends_beside_it_its_headers() -> None:
    whole = document(SAMPLE)
    ticket = example(OpenTicket)
    payload(whole, "OpenTicket").validate(ticket)
    assert not payload(whole, "OpenTicket").is_valid(ticket | {"more": 1})
    known = resolve(whole, whole["components"]["messages"]["OpenTicket"]["headers"]["$ref"])
    for route in SAMPLE.routes:
        form = request(route, SAMPLE.queue(route.queue), route.authorized("iam"))
        sent = set(re.findall(r"MessageAttribute\.[^=]+\.Name=(\w+)", form))
        assert set(known["required"]) <= sent <= known["properties"].keys()


def test_an_event_as_eventbridge_delivers_it_fits_its_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROJECT", names.PROJECT)
    event = TicketOpened(ticket_id="t-1", email="a@example.com", language="EN", wanted=(Hours(agent="a", hours=2),))
    message = Message(id="m", key="k", cause="c", causation_id="m", correlation_id="c", tenant="blue")
    made = entry(event, message, 0, Settings.read()).entry
    delivered = {
        "version": "0",
        "id": "1",
        "account": "1",
        "region": "eu-central-1",
        "resources": [],
        "source": made["Source"],
        "detail-type": made["DetailType"],
        "time": "2026-01-01T00:00:00Z",
        "detail": json.loads(made["Detail"]),
    }
    validator = payload(document(SAMPLE), "TicketOpened")
    validator.validate(delivered)
    assert not validator.is_valid(delivered | {"source": "somebody"})
    assert not validator.is_valid(delivered | {"detail": {**delivered["detail"], "data": {}}})
    assert envelope.CORRELATION_ID in delivered["detail"]


def test_another_projects_event_of_the_same_name_is_another_message() -> None:
    class TicketOpened(Event, frozen=True, kw_only=True):
        """Theirs."""

        source: ClassVar[str] = "billing.invoices"
        amount: int

    agents = SAMPLE.integration("agents")
    follower = Integration(
        "follower",
        queues=(Queue(name="close_ticket"),),
        consumers=(replace(SAMPLE.consumer("close_ticket"), access=(), publishes=()),),
        subscriptions=(Subscription(event=TicketOpened, queue="close_ticket"),),
    )
    tickets = replace(
        SAMPLE.integration("tickets"),
        queues=(Queue(name="open_ticket"),),
        routes=SAMPLE.integration("tickets").routes[:1],
        consumers=(SAMPLE.consumer("open_ticket"),),
        subscriptions=(),
    )
    whole = document(replace(SAMPLE, integrations=(tickets, agents, follower)))
    assert_valid(whole)
    assert {"TicketOpened", "billing.invoices.TicketOpened"} <= whole["components"]["messages"].keys()
    assert "amount" in json.dumps(resolve(whole, _data(whole, "billing.invoices.TicketOpened")))
    assert "language" in json.dumps(resolve(whole, _data(whole, "TicketOpened")))


def _data(whole: dict[str, Any], message: str) -> str:
    """Where the schema of an event's own data is."""
    delivered = resolve(whole, whole["components"]["messages"][message]["payload"]["$ref"])
    return str(delivered["properties"]["detail"]["properties"]["data"]["$ref"])


def test_a_project_without_queues_has_no_document(tmp_path: Path) -> None:
    assert list(pages(Topology(), tmp_path).values()) == [None]
