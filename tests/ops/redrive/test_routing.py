"""Where messages of somebody else's queue go: to the function or target whose own settings send failures there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.queue import Queue
from ops.redrive.delivery import Delivery
from ops.redrive.routing import FunctionDestination, Routing
from ops.sqs.message import Entry, Message, Value
from ops.stage import Stage

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f"
FAILURES = Queue("failures", "other", "failures", "https://sqs.eu-west-1.amazonaws.com/000000000000/failures")
FAILURES_ARN = "arn:aws:sqs:eu-west-1:000000000000:failures"
RULE = "arn:aws:events:eu-west-1:000000000000:rule/bus/x"


def test_an_event_is_invoked_again_as_it_was_and_a_refusal_is_said(cloud: Stage) -> None:
    to = FunctionDestination(cloud, ARN)
    with Stubber(cloud.client("lambda")) as functions:
        asked = {"FunctionName": ARN, "InvocationType": "Event"}
        functions.add_response("invoke", {"StatusCode": 202}, asked | {"Payload": b'{"n": 1}'})
        assert asyncio.run(to.send([Entry("1", '{"n": 1}')])) == {"1": None}

        functions.add_client_error("invoke", "TooManyRequestsException", "Rate Exceeded.", http_status_code=429)
        (reason,) = asyncio.run(to.send([Entry("2", '{"n": 2}')])).values()
        assert reason is not None
        assert "Rate Exceeded" in reason
        functions.assert_no_pending_responses()


def prepared(stage: Stage, message: Message) -> Delivery | str:
    routing = Routing(stage, None, FAILURES)  # type: ignore[arg-type]
    with Stubber(stage.client("sqs")) as queues:
        queues.add_response("get_queue_attributes", {"Attributes": {"QueueArn": FAILURES_ARN}})
        return routing.prepare(message)


@pytest.mark.parametrize(("destination", "goes"), [(FAILURES_ARN, True), (FAILURES_ARN + "-2", False), (None, False)])
def test_an_invocation_goes_to_the_function_only_if_that_sends_its_failures_here(
    cloud: Stage, destination: str | None, goes: bool
) -> None:
    envelope = {
        "version": "1.0",
        "timestamp": "2026-11-21T22:00:00.000Z",
        "requestContext": {"functionArn": f"{ARN}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": {"n": 1},
    }
    asked = {"FunctionName": "f", "Qualifier": "$LATEST"}
    with Stubber(cloud.client("lambda")) as functions:
        if destination is None:
            functions.add_client_error("get_function_event_invoke_config", "ResourceNotFoundException")
        else:
            config = {"DestinationConfig": {"OnFailure": {"Destination": destination}}}
            functions.add_response("get_function_event_invoke_config", config, asked)
        found = prepared(cloud, Message("1", "receipt", json.dumps(envelope)))
    if goes:
        assert isinstance(found, Delivery)
        assert (found.to.name, json.loads(found.body)) == (ARN, {"n": 1})
    else:
        assert isinstance(found, str)
        assert "say --to" in found


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"DeadLetterConfig": {"Arn": FAILURES_ARN}}, None),
        ({}, "no rule says"),
        ({"DeadLetterConfig": {"Arn": FAILURES_ARN + "-2"}}, "no rule says"),
        ({"DeadLetterConfig": {"Arn": FAILURES_ARN}, "InputPath": "$.detail"}, "InputPath"),
    ],
)
def test_an_event_goes_to_the_target_only_if_the_rule_sends_its_failures_here(
    cloud: Stage, target: dict[str, Any], words: str | None
) -> None:
    attributes = {"RULE_ARN": Value("String", RULE), "TARGET_ARN": Value("String", ARN)}
    with Stubber(cloud.client("events")) as events:
        targets = [{"Id": "other", "Arn": ARN + "-2", "DeadLetterConfig": {"Arn": FAILURES_ARN}}]
        answer = {"Targets": [*targets, {"Id": "f", "Arn": ARN, **target}]}
        events.add_response("list_targets_by_rule", answer, {"Rule": "x", "EventBusName": "bus"})
        found = prepared(cloud, Message("1", "receipt", "{}", {}, attributes))
    if words is None:
        assert isinstance(found, Delivery)
        assert (found.to.name, found.attributes) == (ARN, {})
    else:
        assert isinstance(found, str)
        assert words in found
