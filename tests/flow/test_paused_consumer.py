"""A paused consumer, end to end: its messages wait, it is asked how its services are, and then goes on."""

from __future__ import annotations

from typing import Any

import msgspec

from functions.contracts.pause import PAUSE_CONSUMER, Trouble
from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from stacks import names
from tests.flow.tickets import change, last_step, operate, settled

WORD = "change_ticket"


def mapping(functions: Any) -> Any:
    """The consumer's event source mapping."""
    name = names.resource(names.LOCAL, WORD)
    (found,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return found


def test_whom_we_paused_goes_on_and_nothing_was_lost(stack: Session, effects: Effects) -> None:
    functions, sqs = (client(service, stack.state.endpoint) for service in ("lambda", "sqs"))
    url = sqs.get_queue_url(QueueName=names.queue(names.LOCAL, PAUSE_CONSUMER, fifo=True))["QueueUrl"]

    def say(trouble: Trouble, key: str) -> None:
        body = msgspec.json.encode(trouble).decode()
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=WORD, MessageDeduplicationId=key)

    def heard() -> bool:
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        return not any(map(int, found.values()))

    sqs.purge_queue(QueueUrl=url)  # of what holds others still
    functions.update_event_source_mapping(UUID=mapping(functions)["UUID"], Enabled=False)
    try:
        assert change(stack, "paused-1", 1)[0] == 202
        assert f"{WORD} disabled" in operate(stack, "queues").stdout
        say(Trouble(function=WORD, reason="a test"), "theirs")
        assert eventually(heard)
        assert mapping(functions)["State"] == "Disabled", "what a person disabled stays so"
        assert last_step(effects, "paused-1") == 0
        say(Trouble(function=WORD, reason="a test", paused=True), "ours")
        assert eventually(lambda: mapping(functions)["State"] == "Enabled")
        assert eventually(lambda: last_step(effects, "paused-1") == 1)
    finally:
        sqs.purge_queue(QueueUrl=url)  # what holds a consumer stays for some minutes, in case Lambda answers late
        functions.update_event_source_mapping(UUID=mapping(functions)["UUID"], Enabled=True)
        assert settled(effects)
