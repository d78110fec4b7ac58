"""A tap on the bus of a local stack: every event, as a subscriber gets it."""

from __future__ import annotations

import json
from typing import Any

from local.aws import client
from local.state import ACCOUNT, REGION, Endpoint
from stacks import names

NAME = names.resource(names.LOCAL, "tap")


class Tap:
    """A rule for every event and a queue of its own, made through the API and so no part of the stack."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._sqs = client("sqs", endpoint)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"
        self._url = self._sqs.create_queue(QueueName=NAME, Attributes={"Policy": _open_to_events(arn)})["QueueUrl"]
        self._seen: list[dict[str, Any]] = []
        events, bus = client("events", endpoint), names.resource(names.LOCAL, names.BUS)
        events.put_rule(Name=NAME, EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
        events.put_targets(Rule=NAME, EventBusName=bus, Targets=[{"Id": "tap", "Arn": arn}])

    def envelopes(self) -> list[dict[str, Any]]:
        """The envelope of every event that has one since the tap was made, in the order of arrival."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            details = [json.loads(message["Body"])["detail"] for message in messages]
            self._seen += [detail for detail in details if "data" in detail]
            done = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=done)
        return self._seen

    def types(self, key: str) -> list[str]:
        """The types of the events that say `key` in some field, a repeated event once, in the order of arrival."""
        told = {envelope["id"]: envelope["type"] for envelope in self.envelopes() if key in envelope["data"].values()}
        return list(told.values())


def _open_to_events(queue: str) -> str:
    """The policy that lets EventBridge send to the queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
