"""What the operator's role promises."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from stacks import names
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates


def statements(prod: Templates) -> dict[str, dict[str, Any]]:
    """The statements of the role's policy, by their ids."""
    (policy,) = (
        policy
        for policy in prod.properties("AWS::IAM::Policy")
        if any(statement.get("Sid") == "DeadLetters" for statement in policy["PolicyDocument"]["Statement"])
    )
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def queues(statement: dict[str, Any]) -> set[str]:
    """The names of the queues that a statement is about."""
    return {json.dumps(resource).rstrip('"]}').rpartition(":")[2] for resource in statement["Resource"]}


def test_the_role_has_the_name_of_stage_and_region(prod: Templates) -> None:
    (role,) = prod.properties("AWS::IAM::Role", "operator")
    name = {"Fn::Join": ["", [f"{names.resource('prod', 'operator')}-", {"Ref": "AWS::Region"}]]}
    assert role["RoleName"] == name, "roles are one namespace for all regions of an account"
    principal = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert ":root" in json.dumps(principal)


def test_the_role_lasts_for_a_long_redrive(prod: Templates) -> None:
    (role,) = prod.properties("AWS::IAM::Role", "operator")
    assert role["MaxSessionDuration"] == 4 * 60 * 60


def test_messages_may_be_taken_out_of_dead_letter_queues_only(prod: Templates) -> None:
    dead = {names.dead_letter_queue("prod", queue.name, fifo=queue.fifo) for queue in SAMPLE.queues}
    undelivered = {names.target_dead_letter_queue("prod", entry.queue) for entry in SAMPLE.subscriptions}
    others = {names.target_dead_letter_queue("prod", word) for word in (names.CHAT, "plan_command")}
    assert queues(statements(prod)["DeadLetters"]) == dead | undelivered | others


def test_to_work_queues_messages_may_only_be_sent(prod: Templates) -> None:
    statement = statements(prod)["Queues"]
    assert queues(statement) == {names.queue("prod", queue.name, fifo=queue.fifo) for queue in SAMPLE.queues}
    assert set(statement["Action"]) == {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}


def test_a_record_of_a_redrive_can_be_written_and_never_deleted(prod: Templates) -> None:
    assert set(statements(prod)["Audit"]["Action"]) == {"dynamodb:PutItem", "dynamodb:GetItem"}


def test_what_everybody_did_can_be_read_by_the_index_and_nothing_else_of_that_table(prod: Templates) -> None:
    statement = statements(prod)["History"]
    assert statement["Action"] == "dynamodb:Query"
    told = json.dumps(statement["Resource"])
    assert told.count(":table/") == 1
    assert f":table/{names.resource('prod', names.REDRIVES)}/index/{names.BY_ACTION}" in told


def test_why_a_message_died_can_be_read_from_the_table_and_from_the_log_of_every_consumer(prod: Templates) -> None:
    told = statements(prod)
    assert told["Causes"]["Action"] == "dynamodb:BatchGetItem"
    assert f"table/{names.resource('prod', names.FAILURES)}" in json.dumps(told["Causes"]["Resource"])
    assert told["Logs"]["Action"] == "logs:StartQuery"
    logs = json.dumps(told["Logs"]["Resource"])
    assert all(f"log-group:{names.log_group('prod', each.function)}:*" in logs for each in SAMPLE.consumers)
    assert {"logs:GetQueryResults", "logs:StopQuery"} <= set(told["Answers"]["Action"])


def test_a_stage_without_an_archive_tells_its_operator_so(local: Templates) -> None:
    told = statements(local)
    assert told["Archive"]["Action"] == "events:DescribeArchive", "nobody is told that there is none who may not ask"
    assert told["EveryReplay"]["Action"] == "events:ListReplays"
    assert not {"Replays", "ArchivedBus", "Subscribers"} & {*told}, "and there is nothing to replay"


def test_replays_of_a_stage_whose_name_begins_alike_are_not_its_own(prod: Templates) -> None:
    (resource,) = [json.dumps(statements(prod)["Replays"]["Resource"])]
    pattern = resource.rpartition("replay/")[2].split('"')[0]
    assert fnmatchcase(names.replay("prod", "20261121-101500-3f2a"), pattern)
    assert not fnmatchcase(names.replay("prod-replay", "20261121-101500-3f2a"), pattern)
