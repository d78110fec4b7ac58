"""Where messages of somebody else's queue go: to the function or target whose own settings send failures there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.errors import OpsError
from ops.queue import Kind, Queue
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


def prepared(stage: Stage, message: Message, to: Queue | None = None) -> Delivery | str:
    routing = Routing(stage, None, FAILURES, to)  # type: ignore[arg-type]
    with Stubber(stage.client("sqs")) as queues:
        queues.add_response("get_queue_attributes", {"Attributes": {"QueueArn": FAILURES_ARN}})
        return routing.prepare(message)


def failed(function: str) -> Message:
    """What Lambda sends of an invocation of that function, or somebody who knows what that looks like."""
    envelope = {
        "version": "1.0",
        "timestamp": "2026-11-21T22:00:00.000Z",
        "requestContext": {"functionArn": function, "condition": "RetriesExhausted"},
        "requestPayload": {"n": 1},
    }
    return Message("1", "receipt", json.dumps(envelope))


def undelivered(rule: str, target: str) -> Message:
    """What EventBridge sends of an event, or somebody who knows what that looks like."""
    attributes = {"RULE_ARN": Value("String", rule), "TARGET_ARN": Value("String", target)}
    return Message("1", "receipt", "{}", {}, attributes)


@pytest.mark.parametrize("kind", ["other", "undelivered"])
def test_what_sqs_itself_moved_goes_home_whole_whatever_it_looks_like(cloud: Stage, kind: Kind) -> None:
    home = "arn:aws:sqs:eu-west-1:000000000000:home"
    looks = failed(f"{ARN}:$LATEST")
    looks.attributes = {"DeadLetterQueueSourceArn": home}
    looks.message_attributes = undelivered(RULE, "arn:aws:sqs:eu-west-1:000000000000:x").message_attributes
    for to in (None, Queue("to", "other", "to", "https://sqs.eu-west-1.amazonaws.com/000000000000/to")):
        routing = Routing(cloud, None, replace(FAILURES, kind=kind), to)  # type: ignore[arg-type]
        with Stubber(cloud.client("sqs")) as queues:
            queues.add_response("get_queue_url", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/000000000000/home"})
            found = routing.prepare(looks)
        assert isinstance(found, Delivery)
        assert (found.to.name, found.body, found.attributes) == (
            to.url if to is not None else "https://sqs.eu-west-1.amazonaws.com/000000000000/home",
            looks.body,
            looks.message_attributes,
        )


@pytest.mark.parametrize(
    "more", [{}, {"RULE_ARN": Value("String", "a rule of ours")}, {"ERROR_CODE": Value("String", "7")}]
)
def test_attributes_that_only_have_the_names_of_eventbridges_stay(cloud: Stage, more: dict[str, Value]) -> None:
    own = Message("1", "receipt", "{}", {}, {"TARGET_ARN": Value("String", "db-7"), **more})
    to = Queue("to", "other", "to", "https://sqs.eu-west-1.amazonaws.com/000000000000/to")
    found = prepared(cloud, own, to)
    assert isinstance(found, Delivery)
    assert found.attributes == own.message_attributes


def settings(destination: str, function: str = f"{ARN}:$LATEST") -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": destination}}, "FunctionArn": function}


@pytest.mark.parametrize(("destination", "goes"), [(FAILURES_ARN, True), (FAILURES_ARN + "-2", False), (None, False)])
def test_an_invocation_goes_to_the_function_only_if_that_sends_its_failures_here(
    cloud: Stage, destination: str | None, goes: bool
) -> None:
    asked = {"FunctionName": "f", "Qualifier": "$LATEST"}
    with Stubber(cloud.client("lambda")) as functions:
        if destination is None:
            functions.add_client_error("get_function_event_invoke_config", "ResourceNotFoundException")
        else:
            functions.add_response("get_function_event_invoke_config", settings(destination), asked)
        found = prepared(cloud, failed(f"{ARN}:$LATEST"))
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
        ({"DeadLetterConfig": {"Arn": FAILURES_ARN}, "Input": "{}"}, "changes events on the way (Input)"),
        (
            {"DeadLetterConfig": {"Arn": FAILURES_ARN}, "InputTransformer": {"InputTemplate": "<a>"}},
            "changes events on the way (InputTransformer)",
        ),
    ],
)
def test_an_event_goes_to_the_target_only_if_the_rule_sends_its_failures_here(
    cloud: Stage, target: dict[str, Any], words: str | None
) -> None:
    with Stubber(cloud.client("events")) as events:
        targets = [{"Id": "other", "Arn": ARN + "-2", "DeadLetterConfig": {"Arn": FAILURES_ARN}}]
        first, asked = {"Targets": targets, "NextToken": "more"}, {"Rule": "x", "EventBusName": "bus"}
        events.add_response("list_targets_by_rule", first, asked)
        answer = {"Targets": [{"Id": "f", "Arn": ARN, **target}]}
        events.add_response("list_targets_by_rule", answer, asked | {"NextToken": "more"})
        found = prepared(cloud, undelivered(RULE, ARN))
    if words is None:
        assert isinstance(found, Delivery)
        assert (found.to.name, found.attributes, found.group) == (ARN, {}, None)
    else:
        assert isinstance(found, str)
        assert words in found


def test_an_event_goes_to_a_fifo_target_in_the_group_that_its_rule_says(cloud: Stage) -> None:
    home, url = f"{FAILURES_ARN}.fifo", f"{FAILURES.url}.fifo"
    with Stubber(cloud.client("events")) as events, Stubber(cloud.client("sqs")) as queues:
        sqs = {"MessageGroupId": "tickets"}
        targets = [{"Id": "f", "Arn": home, "DeadLetterConfig": {"Arn": FAILURES_ARN}, "SqsParameters": sqs}]
        events.add_response("list_targets_by_rule", {"Targets": targets}, {"Rule": "x"})  # of the default bus
        queues.add_response("get_queue_attributes", {"Attributes": {"QueueArn": FAILURES_ARN}})
        queues.add_response("get_queue_url", {"QueueUrl": url})
        routing = Routing(cloud, None, FAILURES)  # type: ignore[arg-type]
        message = undelivered("arn:aws:events:eu-west-1:000000000000:rule/x", home)
        for _ in range(2):  # AWS is asked once
            found = routing.prepare(message)
            assert isinstance(found, Delivery)
            assert (found.to.name, found.group) == (url, "tickets")


@pytest.mark.parametrize(
    ("urls", "goes"),
    [
        ([f"{FAILURES.url}-source"], f"{FAILURES.url}-source"),
        ([], "nothing says where it came from: say --to"),
        ([f"{FAILURES.url}-1", f"{FAILURES.url}-2"], "nothing says where it came from: say --to"),
        ("AccessDenied", "SQS does not say where it came from (AccessDenied): say --to"),
        ("AWS.SimpleQueueService.UnsupportedOperation", "UnsupportedOperation): say --to"),
        ("RequestThrottled", None),
    ],
)
def test_what_says_nothing_of_itself_goes_to_the_only_source_or_stays(
    cloud: Stage, urls: list[str] | str, goes: str | None
) -> None:
    routing, message = Routing(cloud, None, FAILURES), Message("1", "receipt", "{}")  # type: ignore[arg-type]
    with Stubber(cloud.client("sqs")) as queues:
        if isinstance(urls, str):
            queues.add_client_error("list_dead_letter_source_queues", urls)
        else:
            answer: dict[str, Any] = {"queueUrls": urls[:1]}
            queues.add_response("list_dead_letter_source_queues", answer | {"NextToken": "more"})
            queues.add_response("list_dead_letter_source_queues", {"queueUrls": urls[1:]})
        if goes is None:
            with pytest.raises(OpsError, match="RequestThrottled"):
                routing.prepare(message)
            return
        for _ in range(2):  # SQS is asked once
            found = routing.prepare(message)
            assert goes in (found.to.name if isinstance(found, Delivery) else found)


@pytest.mark.parametrize(
    "function",
    [
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn:aws:lambda:eu-west-1:666666666666:function:f",
        "arn:aws-cn:lambda:eu-west-1:000000000000:function:f",
        "arn:aws:sqs:eu-west-1:000000000000::function:f",
        "arn:aws:sqs:eu-west-1:000000000000:f",
        "arn:aws:lambda:eu-west-1:000000000000:function:f:prod:more",
        "arn:aws:lambda:eu-west-1:000000000000:function:",
        "arn:aws:lambda:eu-west-1:000000000000:function:f\n",
        "x:function:f",
        "f" * 100_000,
        "",
    ],
)
def test_a_message_that_names_no_function_of_the_queues_own_account_makes_nobody_ask(
    cloud: Stage, function: str
) -> None:
    with Stubber(cloud.client("lambda")) as functions:
        functions.add_response("get_function_event_invoke_config", settings(FAILURES_ARN, function))
        found = prepared(cloud, failed(function))
        with pytest.raises(AssertionError):
            functions.assert_no_pending_responses()
    assert isinstance(found, str)
    assert found.startswith("no setting of")
    assert len(found) < 400, "a reason that fits on a screen and into a record"


@pytest.mark.parametrize(
    ("asked", "answered", "to"),
    [
        (ARN, f"{ARN}:$LATEST", ARN),
        (f"{ARN}:prod", f"{ARN}:prod", f"{ARN}:prod"),
        (f"{ARN}:prod", f"{ARN}:$LATEST", None),
        (ARN, f"{ARN}-2:$LATEST", None),
        (ARN, ARN.replace("000000000000", "666666666666"), None),
    ],
)
def test_the_function_is_the_one_that_lambda_answers(cloud: Stage, asked: str, answered: str, to: str | None) -> None:
    with Stubber(cloud.client("lambda")) as functions:
        functions.add_response("get_function_event_invoke_config", settings(FAILURES_ARN, answered))
        found = prepared(cloud, failed(asked))
    assert (found.to.name if isinstance(found, Delivery) else None) == to


@pytest.mark.parametrize(
    "rule",
    [
        "arn:aws:events:eu-west-1:666666666666:rule/bus/x",
        "arn:aws:events:us-east-1:000000000000:rule/bus/x",
        "arn:aws:events:eu-west-1:000000000000:rule/bus/",
        "arn:aws:events:eu-west-1:000000000000:rule/",
        "arn:aws:lambda:eu-west-1:000000000000:rule/bus/x",
        "x:rule/bus/x",
        "",
    ],
)
def test_a_message_that_names_no_rule_of_the_queues_own_account_makes_nobody_ask(cloud: Stage, rule: str) -> None:
    with Stubber(cloud.client("events")) as events:
        targets = [{"Id": "f", "Arn": ARN, "DeadLetterConfig": {"Arn": FAILURES_ARN}}]
        events.add_response("list_targets_by_rule", {"Targets": targets})
        found = prepared(cloud, undelivered(rule, ARN))
        with pytest.raises(AssertionError):
            events.assert_no_pending_responses()
    assert isinstance(found, str)
    assert found.startswith("no rule says")


@pytest.mark.parametrize("code", ["ValidationException", "ThrottlingException", "AccessDeniedException"])
def test_what_aws_does_not_answer_keeps_one_message_and_says_why(cloud: Stage, code: str) -> None:
    with Stubber(cloud.client("events")) as events, Stubber(cloud.client("lambda")) as functions:
        events.add_client_error("list_targets_by_rule", code)
        functions.add_client_error("get_function_event_invoke_config", code)
        assert prepared(cloud, undelivered(RULE, ARN)) == f"its rule could not be asked ({code}): say --to"
        assert prepared(cloud, failed(ARN)) == f"its function could not be asked ({code}): say --to"


def test_who_says_to_asks_no_rule(cloud: Stage) -> None:
    to = Queue("mine", "other", "mine", "https://sqs.eu-west-1.amazonaws.com/000000000000/mine")
    with Stubber(cloud.client("events")):
        found = prepared(cloud, undelivered(RULE, ARN), to)
    assert isinstance(found, Delivery)
    assert found.to.name == to.url
