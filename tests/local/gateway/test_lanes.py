"""A request reaches the queue of its lane, by a header, a field or a rule; an unknown lane is a 400 that names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.gateway.server import Gateway
from stacks import names
from stacks.edge.mapping_template import NOTHING
from stacks.entry import Lane, Topology
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.client import JSON, Answer, Client
from tests.local.gateway.receiver import Failure, Receiver
from tests.sample.laned import LANED

TRIAGES, TICKET = "/v1/triages", {"ticket_id": "tic-1"}
WORDS = f"X-Priority must be high, normal or low. {NOTHING}"
WAYS: dict[str, str | Lane] = {
    "header": "X-Priority",
    "field": "priority",
    "values": Lane("language", high=("DE", "AT"), low=("ZZ",)),
    "truth": Lane("angry", high=(True,)),
}


def laned(lane: str | Lane, **changes: Any) -> Topology:
    """The map of lanes with another choice, and its lanes changed."""
    (desk,) = LANED.integrations[:1]
    queues = tuple(replace(each, lanes=replace(each.lanes, **changes)) if each.lanes else each for each in desk.queues)
    route = replace(desk.routes[0], lane=lane)
    return Topology(package=LANED.package, integrations=(replace(desk, routes=(route,), queues=queues),))


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {way: synthesize(tmp_path_factory.mktemp(way), topology=laned(lane)) for way, lane in WAYS.items()}
    made["closed"] = synthesize(tmp_path_factory.mktemp("closed"), topology=laned("X-Priority", closed=("low",)))
    return made


@contextmanager
def calling(folder: Path, receiver: Receiver) -> Iterator[Client]:
    with Gateway(assembly=folder, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        yield client


@pytest.fixture
def client(edges: dict[str, Path], receiver: Receiver, request: pytest.FixtureRequest) -> Iterator[Client]:
    with calling(edges[getattr(request, "param", "header")], receiver) as client:
        yield client


def of(way: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", [way], indirect=True)


def post(client: Client, body: dict[str, Any] | None = None, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(TRIAGES, json.dumps({**TICKET, **(body or {})}), sent)


def lane(receiver: Receiver) -> str:
    """The lane of the only message that was taken."""
    (sent,) = receiver.taken
    receiver.reset()
    return sent.queue.removeprefix(names.queue(names.LOCAL, "triage_ticket"))


@pytest.mark.parametrize(("said", "queue"), [("high", "_high"), ("normal", ""), ("low", "_low")])
def test_a_header_names_the_lane(client: Client, receiver: Receiver, said: str, queue: str) -> None:
    assert post(client, X_Priority=said).status == 202
    assert lane(receiver) == queue
    assert client.send("POST", TRIAGES, json.dumps(TICKET), [*JSON.items(), ("x-priority", said)]).status == 202
    assert lane(receiver) == queue, "HTTP/2 clients send a name in lower case"


def test_without_the_header_a_request_is_normal(client: Client, receiver: Receiver) -> None:
    assert post(client).status == 202
    assert lane(receiver) == ""


@pytest.mark.parametrize("said", ["urgent", "High", "", "high,low", "high'", "$queue", "../x", "HIGH", "low high"])
def test_an_unknown_lane_is_refused_in_words_that_name_the_lanes(client: Client, receiver: Receiver, said: str) -> None:
    answer = post(client, X_Priority=said)
    assert (answer.status, answer.message) == (400, WORDS)
    assert receiver.taken == []
    assert answer.json["correlation_id"]


def test_a_lane_keeps_key_correlation_and_body(client: Client, receiver: Receiver) -> None:
    assert post(client, X_Priority="low", Idempotency_Key="key-1", X_Correlation_Id="corr-1").status == 202
    (sent,) = receiver.taken
    assert sent.body == json.dumps(TICKET).encode()
    assert (sent.attributes["idempotency_key"], sent.attributes["correlation_id"]) == ("key-1", "corr-1")
    assert "low" not in sent.attributes.values(), "the queue says it"


def test_what_else_is_wrong_is_said_and_reaches_no_lane(client: Client, receiver: Receiver) -> None:
    assert post(client, {"ticket_id": "a b"}, X_Priority="high").status == 400
    assert post(client, X_Priority="high", Idempotency_Key="a b").status == 400
    assert receiver.taken == []
    receiver.failure = Failure(503, "ServiceUnavailable")
    assert post(client, X_Priority="high").status == 503


@of("closed")
def test_a_closed_lane_is_still_known_and_goes_to_normal(client: Client, receiver: Receiver) -> None:
    assert post(client, X_Priority="low").status == 202
    assert lane(receiver) == ""
    assert post(client, X_Priority="high").status == 202
    assert lane(receiver) == "_high"


@of("field")
def test_a_field_names_the_lane_and_the_contract_refuses_any_other(client: Client, receiver: Receiver) -> None:
    for said, queue in (("high", "_high"), ("normal", ""), ("low", "_low")):
        assert post(client, {"priority": said}).status == 202
        assert lane(receiver) == queue
    assert post(client).status == 202
    assert lane(receiver) == ""
    refused = post(client, {"priority": "urgent"})
    assert refused.status == 400
    assert "contract" in refused.message
    assert receiver.taken == []


@of("values")
def test_values_of_a_field_mean_lanes(client: Client, receiver: Receiver) -> None:
    found = {}
    for said in ("DE", "AT", "ZZ", "FR", None):
        assert post(client, {} if said is None else {"language": said}).status == 202
        found[said] = lane(receiver)
    assert found == {"DE": "_high", "AT": "_high", "ZZ": "_low", "FR": "", None: ""}


@of("truth")
def test_true_means_a_lane(client: Client, receiver: Receiver) -> None:
    for said, queue in (({"angry": True}, "_high"), ({"angry": False}, ""), ({}, "")):
        assert post(client, said).status == 202
        assert lane(receiver) == queue


BODIES = st.fixed_dictionaries(
    {"ticket_id": st.just("tic-1")},
    optional={
        "priority": st.sampled_from(["high", "normal", "low"]),
        "language": st.sampled_from(["DE", "AT", "EN", "FR", "ZZ"]),
        "angry": st.booleans(),
    },
)


@pytest.mark.parametrize("way", WAYS)
def test_the_map_says_the_queue_that_the_edge_chooses(edges: dict[str, Path], receiver: Receiver, way: str) -> None:
    choice = laned(WAYS[way]).routes[0].choice
    assert choice is not None

    with calling(edges[way], receiver) as client:

        @given(BODIES, st.sampled_from(["high", "normal", "low", None]))
        @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
        def agree(body: dict[str, Any], header: str | None) -> None:
            receiver.reset()
            headers = {} if header is None else {"X-PRIORITY": header}
            assert client.post(TRIAGES, json.dumps(body), headers).status == 202
            (sent,) = receiver.taken
            assert sent.queue == names.queue(names.LOCAL, choice.queue(headers, body))

        agree()
