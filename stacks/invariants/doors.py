"""Rules for whom resources let in: by their policies, and past the methods of an API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.invariants.access import KEYS
from stacks.invariants.assembly import Assembly, listed, text
from stacks.invariants.conditions import (
    OURS,
    is_anyone,
    is_exact,
    is_foreign,
    is_unsourced,
    required,
)
from stacks.invariants.policies import BUS, IDENTITY, RESOURCE, Held, everywhere, of_identities, of_resources, of_trusts
from stacks.invariants.rule import Finding, rule

IN_CONTEXT = "kms:encryptioncontext:aws:"
"""What a service that encrypts says of what it encrypts. A caller says what he likes."""
OTHERS = (
    "AWS::SQS::QueuePolicy",
    "AWS::SQS::QueueInlinePolicy",
    BUS,
    "AWS::Events::EventBus",
    "AWS::ApiGateway::RestApi",
    *KEYS,
)
"""Holders that have rules of their own."""
TOPICS = ("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy")
PERMISSION = "AWS::Lambda::Permission"
BOUND = {"aws:principalorgid", "aws:principalaccount", "aws:principalarn", "aws:principalorgpaths"}
READ = {"Ref", "Fn::GetAtt", "Fn::Join", "Fn::ImportValue", "Fn::Select", "Fn::Split"}
GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"


def _said(held: Held) -> str:
    return f"{text(held.statement.get('Principal'))} may {text(held.statement.get('Action'))}"


@rule(
    fix="Condition the statement on aws:SourceAccount, aws:SourceArn or kms:CallerAccount, or name the principal.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/least-privilege.html",
)
def key_policy(assembly: Assembly) -> Iterator[Finding]:
    """No key lets a service or everyone do more than ask what it is without saying for which account or resource."""
    for held in of_resources(assembly, *KEYS):
        statement = held.statement
        acts = [each for each in map(text, listed(statement.get("Action"))) if each != "kms:DescribeKey"]
        if statement.get("Effect") == "Allow" and acts and is_foreign(statement.get("Principal")):
            keys = required(statement)
            encrypted = not is_anyone(statement["Principal"]) and any(each.startswith(IN_CONTEXT) for each in keys)
            if not keys & OURS and not encrypted:
                yield held.holder, f"{text(statement['Principal'])} may {', '.join(acts)}"


@rule(
    fix="Condition the statement on aws:SourceArn and aws:SourceAccount, or name the principal.",
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html",
)
def topic_policy(assembly: Assembly) -> Iterator[Finding]:
    """No topic lets a service or everyone in without saying for which source and account."""
    for held in of_resources(assembly, *TOPICS):
        if is_unsourced(held.statement):
            yield held.holder, _said(held)


@rule(
    fix="Name the principal, or condition the statement on its organization, or on the source and its account.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
)
def resource_policy(assembly: Assembly) -> Iterator[Finding]:
    """No secret, table, bucket, log group or layer lets a service or everyone in without saying for whom."""
    for held in of_resources(assembly, *({*RESOURCE} - {*OTHERS, *TOPICS})):
        if is_unsourced(held.statement):
            yield held.holder, _said(held)
    for layer in assembly.of("AWS::Lambda::LayerVersionPermission"):
        if text(layer.properties.get("Principal")) == "*" and not layer.properties.get("OrganizationId"):
            yield layer, "everyone may use it"


@rule(
    fix="Set SourceArn to the resource that invokes it, or name the principal.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html",
)
def invoked_from_here(assembly: Assembly) -> Iterator[Finding]:
    """No function lets a service or everyone invoke it without saying for which resource, account or organization."""
    for permission in assembly.of(PERMISSION):
        said = permission.properties
        principal = text(said.get("Principal"))
        if principal != "*" and not principal.endswith(".amazonaws.com"):
            continue
        source, account = text(said.get("SourceArn", "")), text(said.get("SourceAccount", "*"))
        bound = is_exact(source) or not re.search(r"[*?]", account) or (principal == "*" and "PrincipalOrgID" in said)
        if not bound:
            yield permission, f"{principal} may invoke it for anybody"


@rule(
    fix="Name a role of the other account, require sts:ExternalId of an account, or `sub` of an identity provider.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html",
)
def trusted(assembly: Assembly) -> Iterator[Finding]:
    """No role is taken by everyone, by all of another account, or by whomever an identity provider knows."""
    for held in of_trusts(assembly):
        statement = held.statement
        if statement.get("Effect") == "Deny" or {text(each) for each in listed(statement.get("Action"))} == {
            "sts:TagSession"
        }:
            continue
        principal, keys = statement.get("Principal"), required(statement)
        if is_anyone(principal):
            if not BOUND & keys:
                yield held.holder, "everyone may take it"
            continue
        named = principal if isinstance(principal, Mapping) else {}
        for each in map(text, listed(named.get("AWS"))):
            theirs = re.fullmatch(r"(?:arn:[^:]*(?:::Partition\})?:iam::)?(\d{12})(?::root)?", each)
            if theirs and theirs[1] not in assembly.accounts and not {"sts:externalid", *BOUND} & keys:
                yield held.holder, f"all of account {theirs[1]} may take it"
        for each in map(text, listed(named.get("Federated"))):
            subject = "saml:sub" if ":saml-provider/" in each else "cognito-identity.amazonaws.com:aud"
            known = any(key.endswith(":sub") for key in keys) or subject in keys or "saml:aud" in keys
            if not known:
                yield held.holder, f"whomever {each} knows may take it"


@rule(
    fix="Set AuthType to AWS_IAM.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
)
def function_url(assembly: Assembly) -> Iterator[Finding]:
    """No function has a URL that asks nobody who calls."""
    for url in assembly.of("AWS::Lambda::Url"):
        if url.properties.get("AuthType") != "AWS_IAM":
            yield url, f"AuthType is {text(url.properties.get('AuthType'))}"


@rule(
    fix="Make it a Route of the topology, or give each of its routes an authorizer.",
    source=f"{GUIDE}/http-api-access-control.html",
)
def other_doors(assembly: Assembly) -> Iterator[Finding]:
    """No API has routes that ask nobody, or that stand where no rule reads them."""
    for route in assembly.of("AWS::ApiGatewayV2::Route"):
        # Of a WebSocket API only the route that connects can ask.
        asks = route.properties.get("AuthorizationType", "NONE") != "NONE"
        later = text(route.properties.get("RouteKey")).startswith("$") or " " not in text(
            route.properties.get("RouteKey")
        )
        if not asks and (not later or route.properties.get("RouteKey") in ("$connect", "$default")):
            yield route, f"{text(route.properties.get('RouteKey'))} asks nobody"
    for api in assembly:
        if api.kind in ("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"):
            for name in ("Body", "BodyS3Location", "Target"):
                if name in api.properties:
                    yield api, f"its routes stand in {name}"
        elif api.kind.startswith("AWS::Serverless::"):
            yield api, "CloudFormation makes its resources later"


@rule(
    fix="Write the policy in the template as a resource of a kind that permissions.md has, and without Fn::If.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html",
)
def readable_policies(assembly: Assembly) -> Iterator[Finding]:
    """Every policy stands where these rules and permissions.md read it, in words that a template alone decides."""
    kinds = {*RESOURCE, BUS, *IDENTITY}
    for held in everywhere(assembly):
        if held.holder.kind not in kinds:
            yield held.holder, f"{held.holder.kind} holds one"
    for held in (*of_resources(assembly), *of_trusts(assembly), *of_identities(assembly)):
        for name, value in held.statement.items():
            for unread in _unread(assembly, held, value, whole=name not in ("Resource", "Condition", "Sid")):
                yield held.holder, f"{name} has {unread}"


@rule(
    fix="Make it a NestedStack of the CDK's, or the resources of the stack itself.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html",
)
def readable_templates(assembly: Assembly) -> Iterator[Finding]:
    """The template of every nested stack is there to be read by these rules."""
    for stack in assembly.unread:
        yield stack, "its template is not"


def _unread(assembly: Assembly, held: Held, value: Any, *, whole: bool) -> Iterator[str]:
    """What in the value the templates do not decide; with `whole`, what they leave to a parameter, too."""
    if isinstance(value, list):
        for each in value:
            yield from _unread(assembly, held, each, whole=whole)
    elif isinstance(value, Mapping):
        yield from (name for name in value if name.startswith("Fn::") and name not in READ)
        name = text(value.get("Ref", "AWS::"))
        if whole and not name.startswith("AWS::") and assembly.target(held.holder, value, "") is None:
            yield f"parameter {name}"
        for each in value.values():
            yield from _unread(assembly, held, each, whole=whole)


RULES = (
    key_policy,
    topic_policy,
    resource_policy,
    invoked_from_here,
    trusted,
    function_url,
    other_doors,
    readable_policies,
    readable_templates,
)
