"""Apache Velocity renders every template as our gateway does, and what it renders is what was sent or nothing."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import parse_qsl

import pytest

from stacks.edge.mapping_template import LARGEST_BODY
from tests.edge.conftest import EACH, Compared
from tests.edge.java import read, read_mapping

pytestmark = [pytest.mark.edge, pytest.mark.long]
SEND = {"Action": "SendMessage", "Version": "2012-11-05"}


def test_velocity_renders_as_our_gateway_does(compared: Compared) -> None:
    assert len(compared.recorded) >= 3 * EACH
    for rendering, answer in compared.renderings:
        kind, *fields = answer
        assert kind == "text", (read(fields[0]), rendering)
        assert read(fields[0]) == rendering.text
        assert read(fields[1]) == rendering.status
        assert read_mapping(fields[2]) == rendering.headers
        assert read_mapping(fields[3]) == rendering.path


def test_velocity_chooses_the_lanes_that_our_gateway_does(compared: Compared) -> None:
    chosen = {read_mapping(answer[4])["queue"] for _, answer in compared.renderings if answer[4]}
    assert {queue.rpartition("_")[2] for queue in chosen} == {"high", "ticket", "low"}


def test_every_template_of_every_route_was_rendered(compared: Compared) -> None:
    rendered = {rendering.template for rendering, _ in compared.renderings}
    for api in compared.apis:
        for method in (each for each in api.methods if ":sqs:" in each.integration["Uri"]):
            templates = set(method.integration["RequestTemplates"].values())
            for response in method.integration["IntegrationResponses"]:
                templates |= set(response["ResponseTemplates"].values())
            assert templates <= rendered, method.path


def test_what_velocity_makes_of_a_request_is_its_own_bytes_or_no_message(compared: Compared) -> None:
    forms = {id(rendering): read(answer[1]) for rendering, answer in compared.renderings}
    for each in compared.recorded:
        if not each.renderings:
            continue
        pairs = parse_qsl(forms[id(each.renderings[0])], keep_blank_values=True, strict_parsing=True)
        sent = dict(pairs)
        assert len(sent) == len(pairs), "no parameter twice"
        if "MessageBody" in sent:
            assert sent["MessageBody"].encode() == each.request.body
            assert len(each.request.body or b"") <= LARGEST_BODY
            assert {name: sent[name] for name in SEND} == SEND
            assert all(sent.values()), "none is empty"
        else:
            assert sent in (SEND, SEND | {"Action": "RefuseBody"})
            body = (each.request.body or b"").decode(errors="replace")
            assert (sent != SEND) <= any(character in body for character in "\ufffd\ufffe\uffff")


def test_a_202_holds_exactly_the_bytes_that_were_sent_and_everything_else_is_json(compared: Compared) -> None:
    statuses: Counter[int] = Counter()
    for each in compared.recorded:
        statuses[each.answer.status] += 1
        assert each.taken == ([each.request.body] if each.answer.status == 202 else [])
        shape = {"message_id", "correlation_id"} if each.answer.status == 202 else {"message", "correlation_id"}
        assert set(json.loads(each.answer.body)) == shape
    assert set(statuses) >= {202, 400, 404, 413, 415, 500, 503}
    assert statuses[202] >= EACH
