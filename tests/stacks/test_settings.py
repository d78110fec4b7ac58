"""Settings are decoded strictly: what is wrong is named in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from stacks import names
from stacks.settings import SettingsError, read

GOOD: dict[str, Any] = {"email_sender": "desk@example.com"}
HERE, ID = "arn:aws:kms:eu-central-1:111122223333", "0b0f1b7c-52c8-4ed3-9d3b-1c0c5f5a1f11"
VPC = {"subnets": ["subnet-0123abcd"], "security_groups": ["sg-0123abcd"]}


@pytest.mark.parametrize("stage", names.STAGES)
def test_every_stage_of_cdk_json_decodes(stage: str) -> None:
    assert read(stage, names.CONTEXT["stages"]).stage == stage


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"retian": True}, "retian"),
        ({"log_days": 8}, "log_days"),
        ({"log_days": "30"}, "log_days"),
        ({"archive_days": 0}, "archive_days"),
        ({"retain": "yes"}, "retain"),
        ({"email_sender": "nobody"}, "email_sender"),
        ({"python": "3.9"}, "python"),
        ({"throttle_rate": -1}, "throttle_rate"),
        ({"authorization": "none"}, "authorization 'none' is for stage local only"),
        ({"python": "host"}, "python and architecture"),
        ({"authorization": "open"}, "authorization"),
        ({"authorization": "jwt"}, "needs the setting jwt"),
        ({"jwt": {"issuer": "https://a.example", "audience": ""}}, "audience"),
        ({"jwt": {"issuer": "https://a.example", "audience": "x", "tenant_claim": ""}}, "tenant_claim"),
        *(
            ({"jwt": {"issuer": issuer, "audience": "x"}}, "issuer: ")
            for issuer in (
                "http://plain.example",
                "https://",
                "https://ada@a.example",
                "https://a.example/?b",
                "a.example",
            )
        ),
        *(
            ({"jwt": {"issuer": "https://a.example", "audience": "x", "jwks_uri": address}}, "jwks_uri: ")
            for address in ("http://a.example/keys", "file:///keys", "https://b@a.example", "/keys", "")
        ),
        ({"api_keys": {"quota": 0}}, "quota"),
        *(({"api_keys": {"clients": [key]}}, "clients") for key in ("web.", ".web", "web.2.3", "web.A", "Web", "a'b")),
        ({"api_keys": {"clients": [f"c{number}" for number in range(101)]}}, "clients"),
        ({"vpc_endpoints": ["vpc-1"]}, "vpc_endpoints"),
        ({"vpc": {"subnets": [], "security_groups": ["sg-0123456789abcdef0"]}}, "subnets"),
        ({"vpc": {"subnets": ["subnet-0123abcd"]}}, "security_groups"),
        ({"alarms": {"webhook_secret": "chat"}}, "webhook_secret needs an email beside it"),
        ({"web_acl_arn": "waf"}, "web_acl_arn"),
        ({"web_acl_arn": "arn:aws:wafv2:x"}, "web_acl_arn"),
        ({"web_acl_arn": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/shop/0b0f1b7c"}, "web_acl_arn"),
        ({"customer_key": "arn:aws:kms:junk"}, "customer_key: 'arn:aws:kms:junk' is no key's ARN"),
        ({"customer_key": f"{HERE}:alias/mine"}, "a policy takes neither an alias nor an id alone"),
        ({"customer_key": f"{HERE}:key/{ID}\n"}, "is no key's ARN"),
        ({"former_keys": [f"{HERE}:key/{ID}", f"{HERE}:alias/mine"]}, "former_keys: "),
        ({"former_keys": [f"{HERE}:key/{ID}"], "customer_key": f"{HERE}:key/{ID}"}, "is no former one; remove it"),
        ({"api_keys": {"clients": ["a", "b", "a"]}}, "clients: 'a' is listed twice"),
        ({"vpc": VPC | {"subnets": ["subnet-0123abcd"] * 2}}, "subnets: 'subnet-0123abcd' is listed twice"),
        ({"vpc": VPC | {"security_groups": ["sg-0123abcd"] * 2}}, "security_groups: 'sg-0123abcd' is listed twice"),
        ({"vpc": VPC | {"subnets": [f"subnet-{number:08}" for number in range(17)]}}, "subnets"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read("dev", {"dev": GOOD | wrong})
    sentence = str(refused.value)
    assert sentence.startswith("cdk.json, stage 'dev': ")
    assert named in sentence
    assert "\n" not in sentence


def test_a_missing_setting_without_a_default_is_named() -> None:
    with pytest.raises(SettingsError, match="email_sender"):
        read("dev", {"dev": {}})


@pytest.mark.parametrize(
    "good",
    [
        {"customer_key": f"{HERE}:key/{ID}"},
        {"customer_key": f"arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-{ID.replace('-', '')}"},
        {"former_keys": [f"{HERE}:key/{ID}"]},
        {"web_acl_arn": "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/shop_1/0b0f1b7c-52c8-4ed3"},
        {"vpc": VPC},
    ],
)
def test_what_makes_sense_is_taken(good: dict[str, Any]) -> None:
    assert read("dev", {"dev": GOOD | good})


def test_an_unknown_stage_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"no stage 'staging'.*dev, prod"):
        read("staging", {"prod": GOOD, "dev": GOOD})


@pytest.mark.parametrize("stage", ["Dev", "my_stage", "my--stage", "-eu", "1a", ""])
def test_a_stage_whose_name_would_break_a_resource_name_is_refused(stage: str) -> None:
    with pytest.raises(SettingsError, match="a name is lower-case letters and digits"):
        read(stage, {stage: GOOD})


@pytest.mark.parametrize("stage", ["prod-eu", "eu1", "a-b-c"])
def test_a_stage_may_be_of_several_words(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PROJECT", "acme")
    assert read(stage, {stage: GOOD}).stage == stage


@pytest.mark.parametrize("project", ["Acme", "acme_eu", "1a", ""])
def test_a_project_whose_name_would_break_a_resource_name_is_refused(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "PROJECT", project)
    with pytest.raises(SettingsError, match=f"project {project!r}: a name is lower-case"):
        read("dev", {"dev": GOOD})


def test_a_project_may_not_publish_under_the_name_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PROJECT", "aws")
    with pytest.raises(SettingsError, match="project 'aws': EventBridge keeps event sources"):
        read("dev", {"dev": GOOD})


def test_project_and_stage_that_leave_no_room_for_the_longest_names_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "PROJECT", "a" * (names.LONGEST_PREFIX - 4))
    assert read("dev", {"dev": GOOD})
    with pytest.raises(SettingsError, match="together they may have 22 characters at the most; shorten one"):
        read("prod", {"prod": GOOD})
