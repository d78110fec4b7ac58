"""A stage with a key of its own encrypts everything with it, and everyone who needs the key may use it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from stacks import names
from stacks.settings import SettingsError
from tests.sample.topology import SAMPLE
from tests.stacks.templates import FORMER, KEY, Templates, listed, statements, synthesize


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
def test_everything_at_rest_is_encrypted_with_the_key(tokens: Templates, kind: str, path: tuple[str, ...]) -> None:
    found = tokens.properties(kind)
    assert found
    for properties in found:
        value: Any = properties
        for name in path:
            value = value[name]
        assert is_key(value), properties


def test_the_key_is_rotated_and_outlives_its_stack(tokens: Templates) -> None:
    (key,) = tokens.resources("AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def grants(tokens: Templates) -> dict[str, Any]:
    (key,) = tokens.properties("AWS::KMS::Key")
    return {each["Sid"]: each for each in key["KeyPolicy"]["Statement"] if "Sid" in each}


USE = {"kms:GenerateDataKey", "kms:Decrypt"}
ACCOUNT = {"Ref": "AWS::AccountId"}
OURS = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
PREFIX = names.resource("tokens", "*")
LOG_GROUPS = [
    f"arn:{{AWS::Partition}}:logs:{{AWS::Region}}:{{AWS::AccountId}}:log-group:/aws/{of}/{PREFIX}"
    for of in ("lambda", "apigateway")
]
POLICY: dict[str, tuple[Any, set[str], Any]] = {
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html#eb-encryption-key-policy-bus
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html
    "EventBridgeFindsTheKey": ({"Service": "events.amazonaws.com"}, {"kms:DescribeKey"}, None),
    "EventBridgeUsesTheKey": ({"Service": "events.amazonaws.com"}, USE | {"kms:ReEncrypt*"}, OURS),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    "AlarmsUseTheKey": ({"Service": "cloudwatch.amazonaws.com"}, USE, OURS),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    "LogsUseTheKey": (
        {"Service": "logs.{AWS::Region}.amazonaws.com"},
        USE | {"kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey"},
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": LOG_GROUPS}},
    ),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz
    "TablesUseTheKey": (
        {"AWS": "*"},
        USE | {"kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:CreateGrant"},
        {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "dynamodb.{AWS::Region}.amazonaws.com"}},
    ),
}
"""Principal, actions and condition of each statement, as the pages of the services want it."""


def joined(value: Any) -> Any:
    """A value with its joins written as text."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(part if isinstance(part, str) else f"{{{part['Ref']}}}" for part in parts)
        case dict():
            return {key: joined(each) for key, each in value.items()}
        case list():
            return list(map(joined, value))
    return value


@pytest.mark.parametrize("sid", POLICY)
def test_the_policy_of_the_key_says_what_the_services_want_and_nothing_else(tokens: Templates, sid: str) -> None:
    found = joined(grants(tokens)[sid])
    principal, actions, condition = POLICY[sid]
    assert found["Principal"] == joined(principal)
    assert set(listed(found["Action"])) == actions
    assert len(listed(found["Action"])) == len(actions)
    assert found.get("Condition") == condition
    assert found["Resource"] == "*"


def test_beside_them_the_policy_of_the_key_lets_its_account_decide(tokens: Templates) -> None:
    (key,) = tokens.properties("AWS::KMS::Key")
    assert grants(tokens).keys() == POLICY.keys()
    (root,) = [joined(each) for each in key["KeyPolicy"]["Statement"] if "Sid" not in each]
    assert (root["Effect"], root["Action"], root["Resource"]) == ("Allow", "kms:*", "*")
    assert root["Principal"] == {"AWS": "arn:{AWS::Partition}:iam::{AWS::AccountId}:root"}


def test_every_log_group_of_the_stage_is_one_that_logs_may_encrypt(tokens: Templates) -> None:
    for group in tokens.properties("AWS::Logs::LogGroup"):
        assert any(fnmatchcase(group["LogGroupName"], pattern.rpartition("log-group:")[2]) for pattern in LOG_GROUPS)


# https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html
UNSAFE = {"Bool": {"aws:SecureTransport": "false"}}


def test_every_queue_and_topic_refuses_what_comes_without_tls(kind: Templates) -> None:
    for policies, key in (("SQS::QueuePolicy", "Queues"), ("SNS::TopicPolicy", "Topics")):
        guarded: set[str] = set()
        for policy in kind.properties(f"AWS::{policies}"):
            for statement in statements(policy):
                if statement["Effect"] == "Deny":
                    assert statement["Principal"] in ("*", {"AWS": "*"})
                    assert statement["Condition"] == UNSAFE
                    guarded |= {json.dumps(each) for each in policy[key]}
        assert len(guarded) == len(kind.properties(f"AWS::{policies.removesuffix('Policy')}")), policies


def test_whom_queues_and_topics_let_in(kind: Templates) -> None:
    """Rules send to queues, and alarms publish to the topic; tests of subscriptions and alarms say which."""
    for policies, who, action in (
        ("AWS::SQS::QueuePolicy", "events", "sqs:SendMessage"),
        ("AWS::SNS::TopicPolicy", "cloudwatch", "sns:Publish"),
    ):
        allowed = [
            each for policy in kind.properties(policies) for each in statements(policy) if each["Effect"] == "Allow"
        ]
        assert bool(allowed) == bool(kind.properties(policies))
        for statement in allowed:
            assert statement["Principal"] == {"Service": f"{who}.amazonaws.com"}, statement
            assert statement["Action"] == action
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
            assert statement["Condition"]["ArnLike"].keys() == {"aws:SourceArn"}


def key_actions(tokens: Templates) -> dict[str, set[str]]:
    """What each policy that names the key allows with it, by the policy's logical id."""
    found: dict[str, set[str]] = {}
    for template in tokens.stacks.values():
        for logical_id, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            policies = [properties] if resource["Type"] == "AWS::IAM::Policy" else properties.get("Policies", [])
            if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::Role"):
                for statement in (each for policy in policies for each in statements(policy)):
                    if isinstance(statement["Resource"], dict) and is_key(statement["Resource"]):
                        found.setdefault(logical_id, set()).update(listed(statement["Action"]))
    return found


def test_consumers_routes_and_the_operator_may_open_and_seal_messages_and_nobody_else(tokens: Templates) -> None:
    actions = list(key_actions(tokens).values())
    # A consumer opens its own messages, and seals those in which it says that a service is away.
    holders = len(SAMPLE.consumers) + len(SAMPLE.routes) + len(("pause_consumer", "the operator", "one-time schedules"))
    # What plans commands also looks at the key, with which Scheduler seals what it keeps.
    (planner,) = (each for each in actions if "kms:DescribeKey" in each)
    actions.remove(planner)
    assert sorted(planner) == ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    assert list(map(sorted, actions)) == [["kms:Decrypt", "kms:GenerateDataKey"]] * (holders - 1)


def test_a_key_of_ones_own_is_used_as_it_is(inside: Templates) -> None:
    assert "encryption" not in inside.stacks
    assert {queue["KmsMasterKeyId"] for queue in inside.properties("AWS::SQS::Queue")} == {KEY}


def test_a_key_of_another_region_is_refused_where_the_region_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "us-east-1")
    with pytest.raises(
        SettingsError, match="customer_key: the key is in eu-west-1, and queues take a key of their own"
    ):
        synthesize(tmp_path, "prod", customer_key=KEY)


def test_whoever_receives_may_open_what_a_former_key_sealed_and_routes_seal_with_it_meanwhile(
    inside: Templates,
) -> None:
    found: dict[str, int] = {}
    for template in inside.stacks.values():
        for resource in template["Resources"].values():
            said = [resource["Properties"], *resource["Properties"].get("Policies", [])]
            for statement in (each for one in said if "PolicyDocument" in one for each in statements(one)):
                if FORMER in listed(statement.get("Resource")):
                    actions = ", ".join(listed(statement["Action"]))
                    found[actions] = found.get(actions, 0) + 1
    receivers = len(SAMPLE.consumers) + len(("pause_consumer", "the operator", "one-time schedules"))
    assert found == {"kms:Decrypt": receivers, "kms:Decrypt, kms:GenerateDataKey": len(SAMPLE.routes)}


def test_without_the_setting_services_encrypt_with_keys_they_keep(prod: Templates) -> None:
    assert "encryption" not in prod.stacks
    assert "kms:" not in json.dumps(list(prod.stacks.values()))
