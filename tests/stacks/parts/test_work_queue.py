"""What every queue promises, in every stage."""

from __future__ import annotations

from typing import Any

import pytest

from stacks import names
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, statements

QUEUES = {names.queue("prod", queue.name, fifo=queue.fifo): queue for queue in SAMPLE.queues}


def work_queues(templates: Templates) -> list[Any]:
    return [queue for queue in templates.properties("AWS::SQS::Queue") if "RedrivePolicy" in queue]


def test_every_queue_of_the_topology_exists_under_its_name(prod: Templates) -> None:
    assert {queue["QueueName"] for queue in work_queues(prod)} == set(QUEUES)


def test_every_work_queue_has_a_dead_letter_queue_of_its_type_that_keeps_longer_and_serves_it_alone(
    prod: Templates,
) -> None:
    for name, entry in QUEUES.items():
        queue = prod.queue(name)
        dead = prod.queue(names.dead_letter_queue("prod", entry.name, fifo=entry.fifo))
        assert queue.get("FifoQueue", False) == dead.get("FifoQueue", False) == entry.fifo
        assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600 > queue["MessageRetentionPeriod"] == entry.retention
        assert queue["RedrivePolicy"]["maxReceiveCount"] == entry.receives
        assert dead["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
        (source,) = dead["RedriveAllowPolicy"]["sourceQueueArns"]
        assert source["Fn::Join"][1][-1].endswith(f":{name}")


def test_a_message_stays_hidden_for_six_timeouts_and_the_window(prod: Templates) -> None:
    for name, entry in QUEUES.items():
        consumer = SAMPLE.consumer(entry.name)
        queue = prod.queue(name)
        assert queue["VisibilityTimeout"] == 6 * consumer.timeout + consumer.window


def test_every_queue_is_encrypted_and_refuses_plain_http(prod: Templates) -> None:
    queues = list(prod.resources("AWS::SQS::Queue"))
    policies = prod.properties("AWS::SQS::QueuePolicy")
    assert len(policies) == len(queues)
    for queue in queues:
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
    for policy in policies:
        assert any(
            statement["Effect"] == "Deny"
            and statement["Action"] == "sqs:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements(policy)
        )


def test_a_fifo_queue_finds_duplicates_per_group_and_never_by_content(prod: Templates) -> None:
    fifo = [queue for queue in prod.properties("AWS::SQS::Queue") if queue.get("FifoQueue")]
    assert fifo
    for queue in fifo:
        assert queue["ContentBasedDeduplication"] is False
        assert queue["DeduplicationScope"] == "messageGroup"
        assert queue["FifoThroughputLimit"] == "perMessageGroupId"


@pytest.mark.parametrize(("stage", "policy"), [("dev", "Delete"), ("prod", "RetainExceptOnCreate")])
def test_queues_of_a_stage_that_retains_outlive_their_stack(
    stage: str, policy: str, request: pytest.FixtureRequest
) -> None:
    templates: Templates = request.getfixturevalue(stage)
    assert {queue["DeletionPolicy"] for queue in templates.resources("AWS::SQS::Queue")} == {policy}
