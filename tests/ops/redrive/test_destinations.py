"""Each destination is asked in its own region, once, and what keeps a message from it is said in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from ops.queue import Queue
from ops.redrive.delivery import Delivery
from ops.redrive.routing import FunctionDestination, QueueDestination, Routing
from ops.sqs.client import Sqs
from ops.sqs.message import MOST_BYTES, Entry, Message, Value
from ops.stage import Stage
from stacks import names
from tests.aws.queues import FakeSqs
from tests.ops.redrive.test_routing import ARN, FAILURES, failed, settings, undelivered

THERE = "us-east-1"
FAR = Queue("far", "other", "far", f"https://sqs.{THERE}.amazonaws.com/000000000000/far", THERE)
FAR_ARN = f"arn:aws:sqs:{THERE}:000000000000:far"
FUNCTION = f"arn:aws:lambda:{THERE}:000000000000:function:f"
RULE = f"arn:aws:events:{THERE}:000000000000:rule/x"


def at(name: str, region: str = "eu-west-1") -> str:
    return f"https://sqs.{region}.amazonaws.com/000000000000/{name}"


@contextmanager
def only(stage: Stage, service: str, region: str = THERE) -> Iterator[Stubber]:
    """The service answers in that region and nowhere else, and is asked just what the test says."""
    with Stubber(stage.client(service)), Stubber(stage.client(service, region)) as there:
        yield there
        there.assert_no_pending_responses()


def told(stage: Stage, message: Message, dead: Queue = FAR, to: Queue | None = None) -> list[str]:
    """Where the message goes, or why it does not: the same when it is asked for again, for which nobody is asked."""
    routing = Routing(stage, Sqs(FakeSqs()), dead, to)
    found = [routing.prepare(message) for _ in range(2)]
    return [each if isinstance(each, str) else each.to.name for each in found]


def owns(queues: Stubber) -> None:
    asked = {"QueueUrl": FAR.url, "AttributeNames": ["QueueArn"]}
    queues.add_response("get_queue_attributes", {"Attributes": {"QueueArn": FAR_ARN}}, asked)


def test_a_function_is_asked_where_the_queue_is_and_called_where_it_is(cloud: Stage) -> None:
    with only(cloud, "sqs") as queues, only(cloud, "lambda") as functions:
        owns(queues)
        functions.add_response(
            "get_function_event_invoke_config", settings(FAR_ARN, f"{FUNCTION}:$LATEST"), {"FunctionName": "f"}
        )
        assert told(cloud, failed(FUNCTION)) == [FUNCTION] * 2


def test_a_function_is_called_in_its_region_and_what_it_answers_is_believed(cloud: Stage) -> None:
    to = FunctionDestination(cloud, FUNCTION)
    assert asyncio.run(to.room()) == MOST_BYTES
    with only(cloud, "lambda") as functions:
        for status in (202, 200):
            functions.add_response("invoke", {"StatusCode": status})
        assert asyncio.run(to.send([Entry("1", "{}")])) == {"1": None}
        assert asyncio.run(to.send([Entry("2", "{}")])) == {"2": "Lambda answered 200"}


def test_a_function_that_cannot_be_reached_has_refused(cloud: Stage) -> None:
    def away(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://lambda")

    cloud.client("lambda", THERE).meta.events.register("before-send", away)
    refusal = asyncio.run(FunctionDestination(cloud, FUNCTION).send([Entry("1", "{}")]))["1"] or ""
    assert refusal.startswith("Lambda refused it: ")
    assert "https://lambda" in refusal


def test_a_rule_is_asked_where_the_queue_is(cloud: Stage) -> None:
    with only(cloud, "sqs") as queues, only(cloud, "events") as events:
        owns(queues)
        targets = [{"Id": "f", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": FAR_ARN}}]
        events.add_response("list_targets_by_rule", {"Targets": targets}, {"Rule": "x"})
        assert told(cloud, undelivered(RULE, FUNCTION)) == [FUNCTION] * 2


def test_sources_are_asked_for_where_the_queue_is(cloud: Stage) -> None:
    with only(cloud, "sqs") as queues:
        queues.add_response("list_dead_letter_source_queues", {"queueUrls": [at("a", THERE)]}, {"QueueUrl": FAR.url})
        assert told(cloud, Message("1", "r", "{}")) == [at("a", THERE)] * 2


def moved_from(arn: str) -> Message:
    return Message("1", "r", "{}", {"DeadLetterQueueSourceArn": arn}, {})


@pytest.mark.parametrize(
    ("arn", "answers", "reason"),
    [
        (
            "arn:aws:sqs:eu-west-1:000000000000:home",
            lambda sqs: sqs.add_response("get_queue_url", {"QueueUrl": at("home")}),
            None,
        ),
        (
            "arn:aws:sqs:eu-west-1:000000000000:home",
            lambda sqs: sqs.add_client_error("get_queue_url", "AWS.SimpleQueueService.NonExistentQueue"),
            "the queue it belongs to is gone (home): say --to",
        ),
        (
            "arn:aws:sqs:eu-west-1:000000000000:home",
            lambda sqs: sqs.add_client_error("get_queue_url", "Odd", "not now"),
            "the queue it belongs to (home) could not be asked for: GetQueueUrl was refused: not now (Odd).",
        ),
        (
            "arn:aws:sns:eu-west-1:000000000000:home",
            lambda sqs: None,
            "it failed to reach arn:aws:sns:eu-west-1:000000000000:home, to which only EventBridge delivers: say --to",
        ),
    ],
    ids=["there", "gone", "not to be asked", "no queue"],
)
def test_the_queue_that_a_message_belongs_to_takes_it_or_is_said_not_to(
    cloud: Stage, arn: str, answers: Callable[[Stubber], None], reason: str | None
) -> None:
    with Stubber(cloud.client("sqs")) as queues:
        answers(queues)
        assert told(cloud, moved_from(arn), FAILURES) == [reason or at("home")] * 2
        queues.assert_no_pending_responses()


def test_a_queue_of_another_region_is_not_where_a_message_goes_by_itself(cloud: Stage) -> None:
    arn = f"arn:aws:sqs:{THERE}:000000000000:home"
    with only(cloud, "sqs") as queues:
        queues.add_response("get_queue_url", {"QueueUrl": at("home", THERE)})
        assert (
            told(cloud, moved_from(arn), FAILURES)
            == [f"the queue it belongs to is in another region ({arn}): say --to"] * 2
        )


UNDELIVERED = Queue("assign_ticket-undelivered", "undelivered", "u", at("u"))
MINE = Queue("mine", "other", "mine", at("mine"))
WORK = names.queue("cloud", "assign_ticket")
BY_EVENTBRIDGE = {
    "RULE_ARN": Value("String", "arn:aws:events:eu-west-1:000000000000:rule/x"),
    "TARGET_ARN": Value("String", f"arn:aws:sqs:eu-west-1:000000000000:{WORK}"),
    "ERROR_CODE": Value("String", "NO_PERMISSIONS"),
    "own": Value("String", "kept"),
}


@pytest.mark.parametrize("target", [WORK, "another", None])
def test_an_event_of_the_map_goes_to_its_queue_and_to_no_other_without_what_eventbridge_wrote(
    cloud: Stage, target: str | None
) -> None:
    written = BY_EVENTBRIDGE | {"TARGET_ARN": Value("String", f"arn:aws:sqs:eu-west-1:000000000000:{target}")}
    if target is None:
        del written["TARGET_ARN"]
    with Stubber(cloud.client("sqs")) as queues:
        queues.add_response("get_queue_url", {"QueueUrl": at(WORK)}, {"QueueName": WORK})
        found = Routing(cloud, Sqs(FakeSqs()), UNDELIVERED).prepare(Message("1", "r", "{}", {}, written))
    if target == "another":
        assert found == (
            "it says that it failed to reach arn:aws:sqs:eu-west-1:000000000000:another, "
            f"and this queue is for what {WORK} missed: say --to"
        )
        return
    assert isinstance(found, Delivery)
    assert (found.to.name, found.body, found.attributes) == (at(WORK), "{}", {"own": Value("String", "kept")})


def test_what_is_for_a_chat_goes_nowhere_but_where_somebody_says(cloud: Stage) -> None:
    chat = Queue(f"{names.CHAT}-undelivered", "undelivered", "c", at("c"))
    message = Message("1", "r", "{}", {"MessageGroupId": "g"}, BY_EVENTBRIDGE)
    assert told(cloud, message, chat)[0].startswith("it is for a chat, to which only EventBridge posts: drop it")
    for dead in (chat, FAILURES):
        found = Routing(cloud, Sqs(FakeSqs()), dead, MINE).prepare(message)
        assert isinstance(found, Delivery)
        assert (found.to.name, found.group, list(found.attributes)) == (MINE.url, "g", ["own"])


def test_an_invocation_goes_unwrapped_to_where_somebody_says(cloud: Stage) -> None:
    message = failed(ARN)
    message.attributes = {"MessageGroupId": "g"}
    message.message_attributes = {"own": Value("String", "kept")}
    found = Routing(cloud, Sqs(FakeSqs()), FAILURES, MINE, "group").prepare(message)
    assert found == Delivery(QueueDestination(found.to.sqs, MINE.url), '{"n": 1}', message.message_attributes, "group")  # type: ignore[union-attr]
    without = Routing(cloud, Sqs(FakeSqs()), FAILURES, MINE).prepare(message)
    assert isinstance(without, Delivery)
    assert without.group == "g"


@pytest.mark.parametrize(
    ("answer", "room"),
    [
        (b'{"Attributes": {"MaximumMessageSize": "2048"}}', 2_048),
        (b'{"Attributes": {"MaximumMessageSize": "much"}}', MOST_BYTES),
        (b'{"Attributes": {}}', MOST_BYTES),
        (None, MOST_BYTES),
    ],
)
async def test_a_queue_has_as_much_room_as_it_says_or_else_as_sqs_has(answer: bytes | None, room: int) -> None:
    asked: list[bytes] = []

    async def serve(action: str, payload: bytes) -> tuple[int, bytes]:
        asked.append(payload)
        return (200, answer) if answer is not None else (403, b'{"__type": "AccessDenied"}')

    assert await QueueDestination(Sqs(serve), "http://sqs/1/work").room() == room
    assert asked == [b'{"QueueUrl":"http://sqs/1/work","AttributeNames":["MaximumMessageSize"]}']
