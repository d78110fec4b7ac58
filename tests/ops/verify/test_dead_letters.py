"""What `verify` says of dead letters: a stage that keeps its promises passes, each broken one is a difference."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import ops.verify.dead_letters
from ops.queue import known
from ops.sqs.message import Entry
from ops.stage import Stage
from ops.verify.dead_letters import DeadLetters
from ops.verify.finding import Finding
from stacks import names
from tests.aws.queues import FakeQueue
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE

Dies = Callable[[FakeQueue, Entry], None]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.verify.dead_letters, "PATIENCE", 0.0)


def works(aws: Endpoint) -> list[FakeQueue]:
    physical = [name for _, kind, name in known(names.LOCAL, SAMPLE) if kind == "work"]
    return [queue for queue in aws.sqs.queues.values() if queue.name in physical]


def dying(aws: Endpoint, *, cause: bool = True, own_id: bool = True, twice: bool = True) -> None:
    """Consumers that reject at once: with a cause recorded, under the id that SQS gives, also when redriven."""
    failures = aws.tables[names.resource(names.LOCAL, names.FAILURES)]

    def dead_letter_of(queue: FakeQueue) -> Callable[..., str]:
        def put(entry: Entry, **_: Any) -> str:
            id_ = str(uuid.uuid4())
            if not twice and "redriven" in entry.message_attributes:
                return id_
            assert queue.dead is not None
            buried = Entry(
                id_,
                entry.message_body,
                entry.message_attributes,
                {},
                entry.message_group_id,
                (id_ if own_id else "another") if queue.fifo else None,
            )
            queue.dead.put(buried, id_=id_, source=queue.arn)
            if cause:
                failures[id_] = {
                    name: {"S": value}
                    for name, value in {
                        "message_id": id_,
                        "function": "f",
                        "error_type": "Reject",
                        "error_message": "It does not decode.",
                        "failed_at": "2026-11-25T00:00:00Z",
                    }.items()
                } | {"attempts": {"N": "1"}}
            return id_

        return put

    for queue in works(aws):
        queue.put = dead_letter_of(queue)  # type: ignore[method-assign]


def delivering(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that brings every event to its subscribers."""
    real = aws._answer

    async def answer(service: str, action: str, payload: bytes) -> tuple[int, bytes]:
        before = len(aws.published)
        result = await real(service, action, payload)
        for event in aws.published[before:]:
            for subscription in SAMPLE.subscriptions:
                if subscription.event.__name__ == event["DetailType"]:
                    name = names.queue(names.LOCAL, subscription.queue)
                    queue = next(each for each in works(aws) if each.name == name)
                    queue.put(Entry("0", event["Detail"]))
        return result

    monkeypatch.setattr(aws, "_answer", answer)


def verdicts(stage: Stage) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {"as assumed": [], "differs": [], "not checked": []}
    for finding in DeadLetters(stage, stage, "verify-1").findings():
        found[finding.verdict].append(finding)
    return found


def test_a_stage_that_keeps_its_promises_is_as_assumed_and_left_empty(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying(aws)
    delivering(aws, monkeypatch)
    found = verdicts(stage)
    assert found["differs"] == []
    assert len(found["as assumed"]) == len(SAMPLE.queues) * 2 + 1 + 2
    assert [queue.name for queue in aws.sqs.queues.values() if len(queue)] == []


def test_consumers_that_take_nothing_differ_in_every_queue(stage: Stage, aws: Endpoint) -> None:
    found = verdicts(stage)
    judged = {each.place for each in found["differs"] if each.check.startswith("what cannot be read")}
    assert judged == {queue.name for queue in SAMPLE.queues}


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        ({"cause": False}, "what cannot be read is in the DLQ with its cause"),
        ({"own_id": False}, "in a FIFO DLQ the deduplication id is the message id"),
        ({"twice": False}, "a redrive brings dead letters back"),
    ],
)
def test_each_broken_promise_is_a_difference(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, sabotage: dict[str, bool], check: str
) -> None:
    dying(aws, **sabotage)
    delivering(aws, monkeypatch)
    assert [each for each in verdicts(stage)["differs"] if each.check.startswith(check)]


def test_a_queue_whose_groups_halt_gets_no_message_that_would_stay(stage: Stage, aws: Endpoint) -> None:
    tickets = SAMPLE.integration("tickets")
    halting = tuple(
        replace(queue, on_poison="halt", receives=1000) if queue.fifo else queue for queue in tickets.queues
    )
    others = SAMPLE.integrations[1:]
    halted = replace(stage, topology=replace(SAMPLE, integrations=(replace(tickets, queues=halting), *others)))
    found = verdicts(halted)
    assert [each.place for each in found["not checked"]] == ["change_ticket"]
    (fifo,) = (queue for queue in works(aws) if queue.fifo)
    assert fifo.arrived == []


def test_where_others_listen_on_the_bus_nothing_is_published(stage: Stage, aws: Endpoint) -> None:
    dying(aws)
    aws.rules |= {"billing-of-another-team", names.resource(names.LOCAL, "close_ticket-on-TicketAssigned")}
    found = verdicts(stage)
    assert aws.published == []
    assert len(found["not checked"]) == len(SAMPLE.subscriptions)
    assert all("billing-of-another-team" in each.seen for each in found["not checked"])
    assert found["differs"] == []


def test_a_bus_that_delivers_nothing_is_a_difference(stage: Stage, aws: Endpoint) -> None:
    dying(aws)
    found = verdicts(stage)
    subscribed = {subscription.queue for subscription in SAMPLE.subscriptions}
    assert {each.place for each in found["differs"] if "through the bus" in each.check} == subscribed
