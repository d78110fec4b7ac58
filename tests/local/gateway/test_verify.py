"""What `verify` says of an API: our gateway is as assumed, and whatever goes wrong is a difference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local.gateway.server import Gateway
from ops.send.caller import Answer, Caller
from ops.sqs.message import Message, Value
from ops.stage import Stage
from ops.verify import edge
from ops.verify.cases import Case, Cases
from ops.verify.edge import chosen
from stacks import names
from stacks import settings as stages
from stacks.edge.mapping_template import another_tenant
from stacks.entry import Authorized, Route
from stacks.lanes import NAMES
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.receiver import Receiver, Sent
from tests.sample.laned import LANED
from tests.sample.topology import SAMPLE

ROUTES = {route.queue: route for route in chosen(SAMPLE)}
RUN = "verify-1"
Recorded = tuple[Case, Answer, list[Message]]
Sabotage = Callable[[Answer, list[Message]], tuple[Answer, list[Message]]]


def message(sent: Sent, id_: str) -> Message:
    """What SQS would hand out of it."""
    system = {
        "MessageGroupId": sent.parameters.get("MessageGroupId"),
        "MessageDeduplicationId": sent.parameters.get("MessageDeduplicationId"),
        "AWSTraceHeader": sent.parameters.get("MessageSystemAttribute.1.Value.StringValue"),
    }
    return Message(
        id_,
        "receipt",
        sent.parameters["MessageBody"],
        {name: value for name, value in system.items() if value is not None},
        {name: Value("String", value) for name, value in sent.attributes.items()},
    )


@pytest.fixture(scope="module")
def recorded(gateway: Gateway, _receiver: Receiver) -> dict[str, list[Recorded]]:
    """Every case of every route, asked once."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    stage = Stage(names.LOCAL, "us-east-1", gateway.url, SAMPLE, session)
    caller = Caller(stage, stages.read(names.LOCAL, names.CONTEXT["stages"]), gateway.url)

    def asked(route: Route, case: Case) -> Recorded:
        _receiver.reset()
        answer = caller.call(route, case.request)
        said = answer.said or {}
        return case, answer, [message(sent, said.get("message_id", "?")) for sent in _receiver.taken]

    return {
        queue: [asked(route, case) for case in Cases(route, SAMPLE.queue(queue), RUN, "none")]
        for queue, route in ROUTES.items()
    }


def differing(recorded: list[Recorded], sabotage: Sabotage) -> list[str]:
    """The checks that do not pass once what came back is sabotaged."""
    found = []
    for case, answer, arrived in recorded:
        good, seen = case.judge(*sabotage(answer, arrived))
        if not good:
            found.append(f"{case.check}: {seen}")
    return found


@pytest.mark.parametrize("queue", sorted(ROUTES))
def test_our_gateway_is_what_we_assume(recorded: dict[str, list[Recorded]], queue: str) -> None:
    assert differing(recorded[queue], lambda answer, arrived: (answer, arrived)) == []


def body(change: Callable[[str], str]) -> Sabotage:
    def sabotage(answer: Answer, arrived: list[Message]) -> tuple[Answer, list[Message]]:
        return answer, [_with(each, body=change(each.body)) for each in arrived]

    return sabotage


def attribute(name: str, value: str | None) -> Sabotage:
    def sabotage(answer: Answer, arrived: list[Message]) -> tuple[Answer, list[Message]]:
        changed = []
        for each in arrived:
            rest = {key: kept for key, kept in each.message_attributes.items() if key != name}
            added = {} if value is None else {name: Value("String", value)}
            changed.append(_with(each, message_attributes=rest | added))
        return answer, changed

    return sabotage


def system(name: str, value: str) -> Sabotage:
    return lambda answer, arrived: (
        answer,
        [_with(each, attributes={**each.attributes, name: value}) for each in arrived],
    )


def said(**changes: Any) -> Sabotage:
    return lambda answer, arrived: (replace(answer, **changes), arrived)


def _with(message: Message, **changes: Any) -> Message:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return Message(**{**fields, **changes})


@pytest.mark.parametrize(
    ("queue", "sabotage", "check"),
    [
        ("open_ticket", body(lambda text: text.strip()), "exactly the bytes"),
        ("open_ticket", body(lambda text: json.dumps(json.loads(text))), "exactly the bytes"),
        ("receive_webhook", body(lambda text: text.replace("+", " ")), "exactly the bytes"),
        ("receive_webhook", body(lambda text: re.sub(r'"[^"]+": 1, ', "", text, count=1)), "exactly the bytes"),
        ("open_ticket", body(lambda text: text[:1_000_000]), "largest body"),
        ("open_ticket", lambda answer, arrived: (answer, []), "exactly the bytes"),
        ("open_ticket", lambda answer, arrived: (answer, arrived * 2), "exactly the bytes"),
        ("open_ticket", lambda answer, arrived: (answer, arrived or [Message("1", "", "")]), "does not fit"),
        ("open_ticket", said(text='{"message": "a "quote""}'), "does not fit"),
        ("open_ticket", said(text='{"message_id": "another", "correlation_id": "c"}'), "exactly the bytes"),
        ("open_ticket", said(status=500), "larger one"),
        ("open_ticket", said(headers={}), "no JSON is refused"),
        ("open_ticket", attribute("idempotency_key", None), "lower case"),
        ("open_ticket", attribute("route", "POST /else"), "lower case"),
        ("open_ticket", attribute("received_at", "17"), "lower case"),
        ("open_ticket", attribute("idempotency_key", "verify-1-first"), "twice the last counts"),
        ("open_ticket", attribute("tenant", None), "tenant"),
        ("open_ticket", system("AWSTraceHeader", "Root=1-5759e988-000000000000000000000000"), "decided about goes on"),
        ("open_ticket", system("AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793"), "to decide"),
        ("change_ticket", system("MessageGroupId", "/1/verify-2"), "the group is the value"),
        ("change_ticket", system("MessageGroupId", "%76erify-1"), "encoded value"),
        ("change_ticket", system("MessageDeduplicationId", "verify-1-same"), "deduplication id"),
        ("receive_webhook", attribute("signature", " "), "lower case"),
    ],
)
def test_what_goes_wrong_is_a_difference(
    recorded: dict[str, list[Recorded]], queue: str, sabotage: Sabotage, check: str
) -> None:
    found = differing(recorded[queue], sabotage)
    assert [each for each in found if check in each], found


def test_each_lane_is_called_and_an_unknown_one_refused(tmp_path: Path, receiver: Receiver) -> None:
    folder = synthesize(tmp_path / "cdk.out", topology=LANED)
    (route,) = LANED.routes
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    seen = {}
    with Gateway(assembly=folder, endpoint_url=receiver.url) as gateway:
        stage = Stage(names.LOCAL, "us-east-1", gateway.url, LANED, session)
        caller = Caller(stage, stages.read(names.LOCAL, names.CONTEXT["stages"]), gateway.url)
        for case in Cases(route, LANED.queue(route.queue), RUN, "none"):
            receiver.reset()
            answer = caller.call(route, case.request)
            id_ = (answer.said or {}).get("message_id", "?")
            assert case.judge(answer, [message(sent, id_) for sent in receiver.taken])[0], case.check
            if answer.status == 202:
                seen[case.check] = [sent.queue for sent in receiver.taken]
                assert seen[case.check] == [names.queue(names.LOCAL, edge._queue(route, case))]
    lanes = {check: queues for check, queues in seen.items() if check.startswith("X-Priority")}
    assert lanes == {
        f"X-Priority: {lane}": [names.queue(names.LOCAL, queue)]
        for lane, queue in zip(NAMES, route.queues, strict=True)
    }


@pytest.mark.parametrize(("authorized", "trusted"), [("none", True), ("iam", True), ("jwt", False), ("api_key", False)])
def test_a_tenant_is_named_by_whom_the_route_trusts_and_refused_of_others(
    authorized: Authorized, trusted: bool
) -> None:
    (route,) = [each for each in SAMPLE.routes if each.queue == "open_ticket"]
    (case,) = [each for each in Cases(route, SAMPLE.queue(route.queue), RUN, authorized) if "tenant" in each.check]
    assert ("X-Tenant-Id", RUN) in case.request.headers
    said = json.dumps({"message": another_tenant(route), "correlation_id": "c"})
    refusal = Answer(400, {"x-correlation-id": "c"}, said)
    assert case.judge(refusal, [])[0] is not trusted
    assert not case.judge(replace(refusal, status=202), [Message("1", "", "")])[0], "queued all the same"
