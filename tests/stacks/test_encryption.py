"""A stage with a key of its own encrypts everything with it, and everyone who needs the key may use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import names
from tests.sample.topology import SAMPLE
from tests.stacks.opinion import JUDGED, findings
from tests.stacks.templates import Templates, listed, statements, synthesize


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("keyed"), "prod", customer_key=True)


def is_key(value: Any) -> bool:
    return "Fn::ImportValue" in (value or {}) and "encryption" in value["Fn::ImportValue"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::Events::EventBus", ("KmsKeyIdentifier",)),
        ("AWS::Events::Archive", ("KmsKeyIdentifier",)),
        ("AWS::DynamoDB::Table", ("SSESpecification", "KMSMasterKeyId")),
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
    ],
)
def test_everything_at_rest_is_encrypted_with_the_key(keyed: Templates, kind: str, path: tuple[str, ...]) -> None:
    found = keyed.properties(kind)
    assert found
    for properties in found:
        value: Any = properties
        for name in path:
            value = value[name]
        assert is_key(value), properties


def test_the_key_is_rotated_and_outlives_its_stack(keyed: Templates) -> None:
    (key,) = keyed.resources("AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def grants(keyed: Templates) -> dict[str, Any]:
    (key,) = keyed.properties("AWS::KMS::Key")
    return {each["Sid"]: each for each in key["KeyPolicy"]["Statement"] if "Sid" in each}


def test_eventbridge_and_alarms_may_use_the_key_for_this_account_only(keyed: Templates) -> None:
    for sid, service in (("EventBridgeUsesTheKey", "events"), ("AlarmsUseTheKey", "cloudwatch")):
        statement = grants(keyed)[sid]
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert {"kms:GenerateDataKey", "kms:Decrypt"} <= set(statement["Action"])
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_logs_may_use_the_key_for_the_log_groups_of_the_stage_only(keyed: Templates) -> None:
    allowed = json.dumps(grants(keyed)["LogsUseTheKey"]["Condition"])
    for group in keyed.properties("AWS::Logs::LogGroup"):
        prefix = group["LogGroupName"].partition(names.resource("prod", ""))
        assert f":log-group:{prefix[0]}{prefix[1]}*" in allowed


def test_tables_lend_the_key_through_dynamodb_only(keyed: Templates) -> None:
    statement = grants(keyed)["TablesUseTheKey"]
    assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
    assert "dynamodb." in json.dumps(statement["Condition"]["StringEquals"]["kms:ViaService"])


def key_actions(keyed: Templates) -> dict[str, set[str]]:
    """What each policy that names the key allows with it, by the policy's logical id."""
    found: dict[str, set[str]] = {}
    for template in keyed.stacks.values():
        for logical_id, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            policies = [properties] if resource["Type"] == "AWS::IAM::Policy" else properties.get("Policies", [])
            if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::Role"):
                for statement in (each for policy in policies for each in statements(policy)):
                    if isinstance(statement["Resource"], dict) and is_key(statement["Resource"]):
                        found.setdefault(logical_id, set()).update(listed(statement["Action"]))
    return found


def test_consumers_routes_and_the_operator_may_open_and_seal_messages_and_nobody_else(keyed: Templates) -> None:
    actions = list(key_actions(keyed).values())
    # A consumer opens its own messages, and seals those in which it says that a service is away.
    holders = len(SAMPLE.consumers) + len(SAMPLE.routes) + len(("pause_consumer", "the operator"))
    assert list(map(sorted, actions)) == [["kms:Decrypt", "kms:GenerateDataKey"]] * holders


def test_another_list_of_actions_agrees_with_the_policies_of_the_key(keyed: Templates) -> None:
    assert findings(keyed) - JUDGED.keys() == set()


def test_a_key_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    templates = synthesize(tmp_path, "prod", customer_key=arn)
    assert "encryption" not in templates.stacks
    assert {queue["KmsMasterKeyId"] for queue in templates.properties("AWS::SQS::Queue")} == {arn}


def test_without_the_setting_services_encrypt_with_keys_they_keep(prod: Templates) -> None:
    assert "encryption" not in prod.stacks
    assert "kms:" not in json.dumps(list(prod.stacks.values()))
