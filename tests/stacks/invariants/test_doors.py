"""Grants to strangers are found wherever CloudFormation lets one write them; what a colleague would write is not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stacks.invariants.assembly import Assembly
from stacks.invariants.policies import likely
from stacks.invariants.rules import RULES
from stacks.invariants.templates import Templates, read
from tests.stacks.invariants.broken import SAID

Properties = dict[str, Any]
THEIRS, OURS = "999999999999", "123456789012"
SELF = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]}
SEND: Properties = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
PROVIDER = f"arn:aws:iam::{OURS}:oidc-provider/token.actions.githubusercontent.com"
SUB = "token.actions.githubusercontent.com:sub"
NO_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def document(*statements: Properties) -> Properties:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(principal: Any, **more: Any) -> Properties:
    said = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return {"AWS::IAM::Role": {"AssumeRolePolicyDocument": document(said)}}


def role(**said: Any) -> Properties:
    statement = {"Effect": "Allow", **said}
    return {"AWS::IAM::Role": {"Policies": [{"PolicyName": "p", "PolicyDocument": document(statement)}]}}


def sending(**said: Any) -> Properties:
    return {"AWS::SQS::QueuePolicy": {"Queues": ["q"], "PolicyDocument": document({**SEND, **said})}}


def refusing(**changes: Any) -> Properties:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", "Condition": NO_TLS, **changes}
    return {
        "AWS::SQS::Queue": {"QueueName": "q"},
        "AWS::SQS::QueuePolicy": {"Queues": ["https://sqs/q"], "PolicyDocument": document(deny)},
    }


def key(**said: Any) -> Properties:
    return {"AWS::KMS::Key": {"KeyPolicy": document({"Effect": "Allow", "Resource": "*", **said})}}


def publishing(**said: Any) -> Properties:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*", **said}
    return {"AWS::Events::EventBusPolicy": {"EventBusName": "b", "StatementId": "s", "Statement": statement}}


def invoking(**said: Any) -> Properties:
    return {"AWS::Lambda::Permission": {"FunctionName": "f", "Action": "lambda:InvokeFunction", **said}}


def user(**said: Any) -> Properties:
    return {"PolicyDocument": document({"Effect": "Allow", "Action": "sqs:DeleteQueue", "Resource": "*"}), **said}


def like(**keys: Any) -> Properties:
    return {"StringLike": {name.replace("_", ":", 1): value for name, value in keys.items()}}


WHERE_POLICIES_STAND = {
    **dict.fromkeys(
        ("AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy", "AWS::S3::BucketPolicy"), "PolicyDocument"
    ),
    **dict.fromkeys(("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy"), "PolicyDocument"),
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::Logs::LogGroup": "ResourcePolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::DynamoDB::Table": "ResourcePolicy.PolicyDocument",
    "AWS::Events::EventBus": "Policy",
    "AWS::ApiGateway::RestApi": "Policy",
}


def _held(place: str, policy: Properties) -> Properties:
    """The properties of a resource that holds the policy in that place."""
    outer, _, inner = place.partition(".")
    return {outer: {inner: policy} if inner else policy}


EVENTS, SNS = {"Service": "events.amazonaws.com"}, {"Service": "sns.amazonaws.com"}
OPENED: list[tuple[str, Properties]] = [
    *(("exact-resources", {f"AWS::IAM::{kind}Policy": user()}) for kind in ("", "Managed", "Role", "User", "Group")),
    *(
        ("exact-resources", {f"AWS::IAM::{kind}": {"Policies": [{"PolicyName": "p", **user()}]}})
        for kind in ("Role", "User", "Group")
    ),
    *(
        ("exact-resources", role(Action="s3:GetObject", Resource=resource))
        for resource in (
            *("**", "?*", "arn:*", "arn:aws:s3:::*", "arn:aws:s3:::*/*", "arn:aws:iam::*:*", "arn:aws:*:eu-west-1:1:x"),
            *("arn:aws:sqs:*:*:*", {"Fn::Sub": "arn:${AWS::Partition}:s3:::*"}),
        )
    ),
    ("exact-actions", role(Action="s3:?etObject", Resource="arn:aws:s3:::b/k")),
    ("exact-actions", role(Action="s3:Get*", Resource="arn:aws:s3:::b/k")),
    *(
        ("exact-actions", {kind: _held(place, document({**SEND, "Action": "s3:Get*"}))})
        for kind, place in WHERE_POLICIES_STAND.items()
    ),
    ("no-exceptions", role(NotAction="s3:GetObject", Resource="arn:aws:s3:::b/k")),
    ("no-exceptions", role(Action="s3:GetObject", NotResource="arn:aws:s3:::b/k")),
    ("no-exceptions", sending(Principal=None, NotPrincipal={"AWS": SELF})),
    ("own-policies", {"AWS::IAM::Role": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}}),
    ("own-policies", {"AWS::IAM::User": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}}),
    ("no-lasting-keys", {"AWS::IAM::AccessKey": {"UserName": "u"}}),
    ("queue-policy", sending()),
    ("queue-policy", sending(Principal={"AWS": ["*"]})),
    ("queue-policy", sending(Condition={"StringEquals": {"aws:SourceAccount": [], "aws:SourceArn": []}})),
    ("queue-policy", sending(Condition={"ArnLike": {"aws:SourceArn": "arn:*"}, **like(aws_SourceAccount="?*")})),
    ("queue-policy", sending(Principal=SNS, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}})),
    ("queue-policy", sending(Principal=SNS, Condition=like(aws_SourceArn="arn:aws:sns:*:?:t", aws_SourceAccount="1*"))),
    (
        "queue-policy",
        sending(Principal={"Service": "s3.amazonaws.com"}, Condition=like(aws_SourceArn="arn:aws:s3:::b")),
    ),
    *(
        ("queue-policy", sending(Condition={operator: {"aws:PrincipalOrgPaths": paths}}))
        for operator, paths in (
            ("ForAnyValue:StringLike", "o-*"),
            ("ForAnyValue:StringLike", ["o-abcdefghij/*", "*"]),
            ("ForAllValues:StringLike", "o-abcdefghij/*"),
        )
    ),
    ("queue-policy", {"AWS::SQS::QueueInlinePolicy": {"Queue": "q", "PolicyDocument": document(SEND)}}),
    *(
        ("queue-tls", refusing(**changes))
        for changes in (
            {"Effect": "Allow"},
            {"Action": "sqs:ReceiveMessage"},
            {"Principal": {"AWS": SELF}},
            {"Condition": {**NO_TLS, "StringEquals": {"aws:PrincipalTag/x": "y"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "true"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            {"Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}},
        )
    ),
    ("topic-policy", {"AWS::SNS::TopicInlinePolicy": {"TopicArn": "t", "PolicyDocument": document(SEND)}}),
    *(
        ("resource-policy", found)
        for found in (
            {"AWS::SecretsManager::ResourcePolicy": {"SecretId": "s", "ResourcePolicy": document(SEND)}},
            {"AWS::DynamoDB::Table": {"ResourcePolicy": {"PolicyDocument": document(SEND)}}},
            {"AWS::DynamoDB::GlobalTable": {"Replicas": [{"ResourcePolicy": {"PolicyDocument": document(SEND)}}]}},
            {"AWS::S3::BucketPolicy": {"Bucket": "b", "PolicyDocument": document(SEND)}},
            {"AWS::Logs::ResourcePolicy": {"PolicyName": "p", "PolicyDocument": json.dumps(document(SEND))}},
            {"AWS::Logs::LogGroup": {"ResourcePolicyDocument": document(SEND)}},
            {"AWS::Lambda::LayerVersionPermission": {"LayerVersionArn": "l", "Principal": "*"}},
        )
    ),
    ("bus-policy", {"AWS::Events::EventBus": {"Name": "b", "Policy": document(SEND)}}),
    ("bus-policy", publishing(Condition={"StringEquals": {"events:source": "tickets"}})),
    ("bus-policy", publishing(Condition=like(aws_PrincipalOrgID="o-*"))),
    ("key-policy", {"AWS::KMS::ReplicaKey": {"KeyPolicy": document({**SEND, "Action": "kms:Decrypt"})}}),
    ("key-policy", key(Principal="*", Action="kms:Decrypt", Condition=like(kms_CallerAccount="?*"))),
    (
        "key-policy",
        key(Principal="*", Action="kms:Decrypt", Condition={"StringEquals": {"kms:EncryptionContext:a": "b"}}),
    ),
    (
        "key-policy",
        key(
            Principal="*",
            Action="kms:Decrypt",
            Condition={"StringEquals": {"kms:EncryptionContext:aws:sqs:arn": f"arn:aws:sqs:eu-west-1:{OURS}:q"}},
        ),
    ),
    (
        "key-policy",
        key(Principal=EVENTS, Action="kms:Decrypt", Condition={"StringEquals": {"kms:EncryptionContext:a": "b"}}),
    ),
    *(("invoked-from-here", invoking(Principal="*", SourceArn=arn)) for arn in ("arn:*", "arn:aws:execute-api:*:*:*")),
    ("invoked-from-here", invoking(Principal="s3.amazonaws.com", SourceAccount="?*")),
    ("invoked-from-here", invoking(Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b")),
    ("invoked-from-here", invoking(Principal="s3.amazonaws.com", PrincipalOrgID="o-1")),
    ("trusted", trust("*")),
    ("trusted", trust({"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "x"}})),
    ("trusted", trust({"AWS": f"arn:aws:iam::{THEIRS}:root"})),
    ("trusted", trust({"AWS": [SELF, THEIRS]})),
    ("trusted", trust({"Federated": PROVIDER}, Action="sts:AssumeRoleWithWebIdentity")),
    ("trusted", trust({"Federated": PROVIDER}, Condition={"StringLike": {SUB: "repo:*"}})),
    ("function-url", {"AWS::Lambda::Url": {"AuthType": "NONE", "TargetFunctionArn": "f"}}),
    ("other-doors", {"AWS::ApiGatewayV2::Route": {"ApiId": "a", "RouteKey": "POST /x"}}),
    ("other-doors", {"AWS::ApiGatewayV2::Route": {"ApiId": "a", "RouteKey": "$default"}}),
    ("other-doors", {"AWS::ApiGatewayV2::Api": {"Name": "a", "ProtocolType": "HTTP", "Target": "f"}}),
    ("other-doors", {"AWS::ApiGateway::RestApi": {"Name": "a", "Body": {"openapi": "3.0.1"}}}),
    ("other-doors", {"AWS::Serverless::Function": {}}),
    ("readable-policies", {"AWS::ECR::Repository": {"RepositoryPolicyText": document(SEND)}}),
    ("readable-policies", {"AWS::SSO::PermissionSet": {"InlinePolicy": json.dumps(document(SEND))}}),
    ("readable-policies", {"Custom::Grant": {"Create": {"Fn::Join": ["", [json.dumps(document(SEND))]]}}}),
    ("readable-policies", {"Custom::Grant": {"Create": json.dumps({"policy": json.dumps(document(SEND))})}}),
    ("readable-policies", sending(Principal={"Ref": "Whoever"})),
    ("readable-policies", sending(Principal={"Fn::If": ["Open", "*", SELF]})),
    ("readable-policies", role(Action={"Ref": "Whatever"}, Resource="arn:aws:s3:::b/k")),
    ("readable-policies", role(Action="s3:GetObject", Resource={"Fn::If": ["All", "*", "arn:aws:s3:::b/k"]})),
    ("readable-templates", {"AWS::CloudFormation::Stack": {"TemplateURL": "https://s3.amazonaws.com/b/t.json"}}),
]
QUEUE_OF_OTHERS = {"ArnEquals": {"aws:SourceArn": {"Ref": "T"}}}
INNOCENT: dict[str, Properties] = {
    "a topic of ours feeds a queue": sending(Principal=SNS, Condition=QUEUE_OF_OTHERS),
    "a topic of another account feeds a queue": sending(
        Principal=SNS, Condition={"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:eu-west-1:{THEIRS}:theirs"}}
    ),
    "a rule of another stack feeds a queue": sending(
        Principal=EVENTS, Condition={"ArnEquals": {"aws:SourceArn": {"Fn::ImportValue": "other:ExportsRule"}}}
    ),
    "a bucket of ours feeds a queue": sending(
        Principal={"Service": "s3.amazonaws.com"},
        Condition={"ArnLike": {"aws:SourceArn": {"Fn::GetAtt": ["B", "Arn"]}}},
    ),
    "an organization sends": sending(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
    "a part of an organization sends": sending(
        Condition={"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abcdefghij/r-ab12/*"}}
    ),
    "another account receives": sending(Principal={"AWS": THEIRS}),
    "another account publishes": publishing(Principal={"AWS": f"arn:aws:iam::{THEIRS}:root"}),
    "an organization publishes": publishing(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
    "an organization invokes": invoking(Principal="*", PrincipalOrgID="o-abcdefghij"),
    "a bucket invokes": invoking(Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount=OURS),
    "an organization has a layer": {"AWS::Lambda::LayerVersionPermission": {"Principal": "*", "OrganizationId": "o-1"}},
    "denying everything": role(Effect="Deny", Action="*", Resource="*", Condition=NO_TLS),
    "denying all but some": role(Effect="Deny", NotAction="s3:GetObject", Resource="*"),
    "what it cost": role(Action=["ce:GetCostAndUsage", "ce:GetCostForecast"], Resource="*"),
    "a prefix of names": role(Action="sqs:SendMessage", Resource=f"arn:aws:sqs:eu-west-1:{OURS}:work-*"),
    "the account takes a role": trust({"AWS": SELF}),
    "the account by its number takes a role": trust({"AWS": f"arn:aws:iam::{OURS}:root"}),
    "another account's role takes a role": trust({"AWS": f"arn:aws:iam::{THEIRS}:role/deploy"}),
    "another account takes a role by a word": trust(
        {"AWS": THEIRS}, Condition={"StringEquals": {"sts:ExternalId": "x"}}
    ),
    "one repository takes a role": trust({"Federated": PROVIDER}, Condition={"StringLike": {SUB: "repo:our/app:*"}}),
    "nobody takes a role": trust("*", Effect="Deny"),
    "a service takes a role": trust({"Service": "lambda.amazonaws.com"}),
    "a function's URL that asks": {"AWS::Lambda::Url": {"AuthType": "AWS_IAM"}},
    "an HTTP API that asks": {"AWS::ApiGatewayV2::Route": {"RouteKey": "POST /x", "AuthorizationType": "JWT"}},
    "a policy of the template": {
        "AWS::IAM::ManagedPolicy": {"PolicyDocument": document()},
        "AWS::IAM::Role": {"ManagedPolicyArns": [{"Ref": "ManagedPolicy"}]},
    },
    "what lets a function write logs": {
        "AWS::IAM::Role": {
            "AssumeRolePolicyDocument": document(),
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
        }
    },
    "a key of a log group": key(
        Principal={"Service": "logs.eu-west-1.amazonaws.com"},
        Action="kms:Decrypt",
        Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-west-1:{OURS}:log-group:/x*"}},
    ),
    "a key that only the account has": key(Principal={"AWS": SELF}, Action="kms:*"),
    "a secret that another account reads": {
        "AWS::SecretsManager::ResourcePolicy": {
            "SecretId": "s",
            "ResourcePolicy": document(
                {**SEND, "Principal": {"AWS": THEIRS}, "Action": "secretsmanager:GetSecretValue"}
            ),
        }
    },
}


def assembled(resources: Properties) -> Assembly:
    """A template with those resources, each under the last word of its type, for one account."""
    made = {kind.rpartition("::")[2]: {"Type": kind, "Properties": said} for kind, said in resources.items()}
    return Assembly({"one": {"Resources": made}}, accounts=[OURS])


@pytest.mark.parametrize(("rule_id", "resources"), OPENED)
def test_who_opens_a_door_to_strangers_is_told_which(rule_id: str, resources: Properties) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]
    ((resource, said),) = rule.check(assembled(resources))
    assert resource.kind == next(iter(resources))
    assert re.fullmatch(SAID[rule_id], said)


@pytest.mark.parametrize("resources", INNOCENT.values(), ids=INNOCENT)
def test_what_a_colleague_would_write_passes(resources: Properties) -> None:
    found = [(rule.id, said) for rule in RULES for _, said in rule.check(assembled(resources))]
    assert found == []


def test_a_policy_in_words_that_nobody_can_read_counts_as_the_widest() -> None:
    (statement,) = likely('{"Effect": "Allow", ')
    assert statement["Principal"] == "*"


PARENT = {
    "Resources": {
        "N": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "https://s3/b/abc.json", "Parameters": {"Who": "*", "Queue": {"Ref": "Q"}}},
        },
        "Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}},
    }
}
NESTED = {
    "Parameters": {"Who": {"Type": "String"}, "Queue": {"Type": "String"}, "What": {"Default": "sqs:SendMessage"}},
    "Resources": {
        "P": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": document({**SEND, "Principal": {"Ref": "Who"}, "Action": {"Ref": "What"}}),
            },
        }
    },
}


def test_what_a_nested_stack_is_given_stands_where_it_is_used() -> None:
    assembly = Assembly(Templates({"parent": PARENT, "nested": NESTED}, {("parent", "N"): "nested"}))
    (rule,) = [rule for rule in RULES if rule.id == "queue-policy"]
    assert [(at.logical_id, said) for at, said in rule.check(assembly)] == [("Q", "* may sqs:SendMessage")]


def test_a_nested_template_is_found_beside_its_parents_by_the_list_of_assets(tmp_path: Any) -> None:
    (tmp_path / "a.template.json").write_text(json.dumps(PARENT))
    (tmp_path / "n.nested.template.json").write_text(json.dumps(NESTED))
    assets = {
        "files": {"abc": {"source": {"path": "n.nested.template.json"}}, "x": {"source": {"executable": ["make"]}}}
    }
    (tmp_path / "a.assets.json").write_text(json.dumps(assets))
    path = str(tmp_path / "a.template.json")
    assert read([path]).nested == {(path, "N"): str(tmp_path / "n.nested.template.json")}
    assert not Assembly.read([path]).unread
    (tmp_path / "n.nested.template.json").unlink()
    assert [each.logical_id for each in Assembly.read([path]).unread] == ["N"]
