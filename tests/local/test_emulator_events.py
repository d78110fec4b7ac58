"""Who may put an event on a bus, and which queue an event reaches: the emulator decides it as AWS does."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import client
from local.effects import eventually
from local.emulator import Emulator
from tests.local.roles import acting, allow, arn, policy


@pytest.mark.parametrize(
    ("source", "kind", "refused"),
    [("ours", "Told", False), ("theirs", "Told", True), ("ours", "Forged", True)],
)
def test_an_event_is_put_only_with_a_source_and_type_that_are_allowed(
    emulator: Emulator, source: str, kind: str, refused: bool
) -> None:
    own = {"events:source": ["ours", "probe"], "events:detail-type": ["Told", "probe"]}
    allowed = allow("events:PutEvents", arn("events", "event-bus/default"), **{"ForAllValues:StringEquals": own})
    good = {"Source": "ours", "DetailType": "Told", "Detail": "{}"}
    put = partial(
        acting(emulator, allowed)("events").put_events, Entries=[good, {**good, "Source": source, "DetailType": kind}]
    )
    if refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            put()
    else:
        assert put()["FailedEntryCount"] == 0


def test_an_event_reaches_a_queue_whose_policy_lets_its_rule_send_else_its_dlq(emulator: Emulator) -> None:
    sqs, events = (client(service, emulator.endpoint) for service in ("sqs", "events"))
    rule = events.put_rule(Name="delivers", EventPattern='{"source": ["delivering"]}')["RuleArn"]

    def made(name: str, source: str | None) -> str:
        sender = {"Principal": {"Service": "events.amazonaws.com"}}
        only = {"aws:SourceArn": source}
        lets = {**allow("sqs:SendMessage", arn("sqs", name), ArnEquals=only), **sender}
        attributes = {"Policy": policy(lets)} if source else {}
        return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    good, dead = made("delivered", rule), made("undelivered", rule)
    closed, foreign = made("closed", None), made("foreign", f"{rule}-2")
    targets = [
        {"Id": name, "Arn": arn("sqs", name), "DeadLetterConfig": {"Arn": arn("sqs", "undelivered")}}
        for name in ("delivered", "closed", "foreign")
    ]
    events.put_targets(Rule="delivers", Targets=targets)
    events.put_events(Entries=[{"Source": "delivering", "DetailType": "Told", "Detail": '{"n": 1}'}])

    def received(url: str) -> list[dict[str, Any]]:
        return list(
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
        )

    assert eventually(lambda: received(good))
    undelivered: list[dict[str, Any]] = []

    def both() -> bool:
        undelivered.extend(received(dead))
        return len(undelivered) == 2

    assert eventually(both)
    told = [{name: value["StringValue"] for name, value in each["MessageAttributes"].items()} for each in undelivered]
    assert {each["TARGET_ARN"] for each in told} == {arn("sqs", "closed"), arn("sqs", "foreign")}
    assert {(each["RULE_ARN"], each["ERROR_CODE"]) for each in told} == {(rule, "NO_PERMISSIONS")}
    assert json.loads(undelivered[0]["Body"])["detail"] == {"n": 1}
    assert received(closed) == received(foreign) == []
