"""What all integrations share, and what becomes of it in each stage."""

from __future__ import annotations

import pytest

from stacks import names
from tests.stacks.templates import Templates

TABLE = "AWS::DynamoDB::Table"


def test_the_tables_of_runtime_and_operator_exist_with_their_keys(prod: Templates) -> None:
    keys = {
        table["TableName"]: [key["AttributeName"] for key in table["KeySchema"]]
        for table in prod.properties(TABLE, "shared")
    }
    assert keys == {names.resource("prod", name): [key] for name, key in names.SHARED_TABLES.items()}


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        (names.FAILURES, "expires_at"),
        (names.ONCE, "expiration"),
        (names.KEYS, "expires_at"),
        (names.PARKED, "expires_at"),
    ],
)
def test_causes_finished_effects_claimed_keys_and_places_expire(prod: Templates, name: str, attribute: str) -> None:
    table = prod.named(TABLE, "TableName", names.resource("prod", name))
    assert table["TimeToLiveSpecification"] == {"AttributeName": attribute, "Enabled": True}


def test_the_audit_of_redrives_never_expires(prod: Templates) -> None:
    assert "TimeToLiveSpecification" not in prod.named(TABLE, "TableName", names.resource("prod", names.REDRIVES))


def test_the_audit_has_an_index_of_what_has_an_action_and_a_beginning(prod: Templates) -> None:
    (index,) = prod.named(TABLE, "TableName", names.resource("prod", names.REDRIVES))["GlobalSecondaryIndexes"]
    assert index["IndexName"] == names.BY_ACTION
    assert [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]] == [
        ("action", "HASH"),
        ("started_at", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_tables_of_a_stage_that_retains_can_be_restored(prod: Templates) -> None:
    for table in prod.properties(TABLE):
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_only_tables_that_are_named_as_deployed_are_protected(prod: Templates) -> None:
    protected = {
        table["TableName"] for table in prod.properties(TABLE) if table.get("DeletionProtectionEnabled") is not False
    }
    assert protected == {names.resource("prod", names.FAILURES)}


@pytest.mark.parametrize("kind", [TABLE, "AWS::Events::EventBus", "AWS::Events::Archive"])
def test_tables_bus_and_archive_outlive_the_stack_of_a_stage_that_retains_and_of_no_other(
    dev: Templates, prod: Templates, kind: str
) -> None:
    ends = {
        stage: {(found["DeletionPolicy"], found["UpdateReplacePolicy"]) for found in templates.resources(kind)}
        for stage, templates in (("dev", dev), ("prod", prod))
    }
    assert ends == {"dev": {("Delete", "Delete")}, "prod": {("RetainExceptOnCreate", "Retain")}}


def test_the_bus_has_no_policy_that_lets_others_in(prod: Templates) -> None:
    assert prod.named("AWS::Events::EventBus", "Name", names.resource("prod", names.BUS))
    assert not prod.properties("AWS::Events::EventBusPolicy")


def test_the_archive_keeps_the_days_of_its_stage_and_a_stage_without_days_has_none(
    prod: Templates, local: Templates
) -> None:
    (archive,) = prod.properties("AWS::Events::Archive")
    assert archive["RetentionDays"] == 90
    assert not local.properties("AWS::Events::Archive")
