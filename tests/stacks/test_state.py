"""What the tables promise."""

from __future__ import annotations

from stacks import names
from stacks.topology import TOPOLOGY
from tests.stacks.templates import Templates


def test_every_table_of_the_topology_exists_with_its_key_and_so_do_the_runtimes_own(prod: Templates) -> None:
    keys = {
        table["TableName"]: [key["AttributeName"] for key in table["KeySchema"]]
        for table in prod.properties("AWS::DynamoDB::Table")
    }
    own = {"failures": "message_id", "once": "id", "redrives": "id"}
    assert keys == {
        names.resource("prod", name): [key]
        for name, key in ({table.name: table.key for table in TOPOLOGY.tables} | own).items()
    }


def test_causes_of_failure_and_finished_effects_expire(prod: Templates) -> None:
    for name, attribute in (("failures", "expires_at"), ("once", "expiration")):
        table = prod.named("AWS::DynamoDB::Table", "TableName", names.resource("prod", name))
        assert table["TimeToLiveSpecification"] == {"AttributeName": attribute, "Enabled": True}


def test_tables_of_prod_can_be_restored_and_survive_a_deletion_by_mistake(prod: Templates) -> None:
    for table in prod.resources("AWS::DynamoDB::Table"):
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_tables_of_dev_leave_with_their_stack(dev: Templates) -> None:
    assert {table["DeletionPolicy"] for table in dev.resources("AWS::DynamoDB::Table")} == {"Delete"}
