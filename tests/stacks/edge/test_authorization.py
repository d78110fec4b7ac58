"""Who may call which route, and what is made for it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from stacks import names, settings
from stacks.edge import clients
from stacks.edge.authorization import check
from stacks.entry import Route
from stacks.settings import SettingsError
from tests.sample.topology import SAMPLE
from tests.stacks.edge.api import methods
from tests.stacks.templates import TOKENS, Templates, context, rerouted, settings_of, synthesize


def test_no_route_is_open_on_aws(kind: Templates) -> None:
    for route in SAMPLE.routes:
        method = methods(kind)[route.queue]
        assert method["AuthorizationType"] != "NONE" or method.get("ApiKeyRequired") or route.senders, route.name


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_without_authorization_is_refused_in_words(stage: str) -> None:
    known = context(stage, authorization="none")["stages"]
    with pytest.raises(SettingsError, match="'none' is for stage local only"):
        settings.read(stage, known)


def test_a_stage_that_asks_nobody_is_never_deployed_to_an_account_of_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "123456789012")
    with pytest.raises(SettingsError, match="lets anybody call, and account 123456789012 is none of this machine"):
        synthesize(tmp_path, names.LOCAL)
    check(settings_of(names.LOCAL, authorization="iam"), "123456789012")
    check(settings_of(names.LOCAL), names.LOCAL_ACCOUNT)


def test_tokens_without_an_issuer_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs the setting jwt"):
        synthesize(tmp_path, "dev", authorization="jwt")

    def borne(route: Route) -> Route:
        return route if route.senders else replace(route, authorization="jwt")

    with pytest.raises(SettingsError, match="a route wants 'jwt'; add the setting jwt"):
        synthesize(tmp_path, "dev", rerouted(borne))


def test_api_keys_come_with_a_plan_and_a_quota(keys: Templates) -> None:
    (plan,) = keys.properties("AWS::ApiGateway::UsagePlan")
    assert plan["Quota"] == {"Limit": 1000, "Period": "DAY"}
    assert plan["Throttle"] == {"RateLimit": 5, "BurstLimit": 9}
    (of,) = plan["ApiStages"]  # a key of a plan without its API is refused with 403
    kinds = {name: keys.stacks["ingress"]["Resources"][of[name]["Ref"]]["Type"] for name in ("ApiId", "Stage")}
    assert kinds == {"ApiId": "AWS::ApiGateway::RestApi", "Stage": "AWS::ApiGateway::Stage"}
    held = keys.properties("AWS::ApiGateway::ApiKey")
    assert {key["Name"] for key in held} == {names.resource("keys", "web"), names.resource("keys", "erp")}
    resources = keys.stacks["ingress"]["Resources"]
    (plan_id,) = [at for at, each in resources.items() if each["Type"] == "AWS::ApiGateway::UsagePlan"]
    joined = keys.properties("AWS::ApiGateway::UsagePlanKey")
    assert {resources[each["KeyId"]["Ref"]]["Properties"]["Name"] for each in joined} == {each["Name"] for each in held}
    assert all((each["KeyType"], each["UsagePlanId"]) == ("API_KEY", {"Ref": plan_id}) for each in joined)
    for route in SAMPLE.routes:
        assert methods(keys)[route.queue].get("ApiKeyRequired", False) != bool(route.senders)


def test_the_stage_knows_the_id_of_each_key(keys: Templates) -> None:
    (stage,) = keys.properties("AWS::ApiGateway::Stage")
    resources = keys.stacks["ingress"]["Resources"]
    assert {name: resources[ref["Ref"]]["Properties"]["Name"] for name, ref in stage["Variables"].items()} == {
        "key_web": names.resource("keys", "web"),
        "key_erp": names.resource("keys", "erp"),
    }
    # A key that named the stage would wait for it, and the stage for the key.
    assert not any("StageKeys" in key for key in keys.properties("AWS::ApiGateway::ApiKey"))


def test_no_two_keys_share_a_variable_and_only_those_of_a_client_a_tenant() -> None:
    found = ["a", "a-b", "a--b", "a.b", "a.-b", "a-.b", "a-dot-b"]
    assert len({clients.variable(key) for key in found}) == len(found)
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    assert all(re.fullmatch(r"\w{1,64}", clients.variable(key)) for key in (*found, f"{'a' * 32}.{'b' * 16}"))
    assert [clients.client(key) for key in found] == ["a", "a-b", "a--b", "a", "a", "a-", "a-dot-b"]


def test_tokens_are_checked_by_a_function_of_their_own_and_kept_five_minutes(tokens: Templates) -> None:
    (authorizer,) = tokens.properties("AWS::ApiGateway::Authorizer")
    assert (authorizer["Type"], authorizer["AuthorizerResultTtlInSeconds"]) == ("TOKEN", 300)
    assert re.fullmatch(authorizer["IdentityValidationExpression"], "Bearer a.b-c.d_e")
    assert not re.fullmatch(authorizer["IdentityValidationExpression"], "Bearer a.b")
    function = tokens.function("authorize_caller")
    assert function["Environment"]["Variables"]["JWT_ISSUER"] == TOKENS["issuer"]
    (layer,) = tokens.properties("AWS::Lambda::LayerVersion", "ingress")
    assert layer["LayerName"] == names.resource("tokens", "authorize_caller")
    for route in SAMPLE.routes:
        assert methods(tokens)[route.queue]["AuthorizationType"] == ("NONE" if route.senders else "CUSTOM")


def test_a_route_may_differ_from_its_stage(tmp_path: Path) -> None:
    def keyed(route: Route) -> Route:
        return replace(route, authorization="api_key") if route.queue == "open_ticket" else route

    found = methods(synthesize(tmp_path, "dev", rerouted(keyed)))
    assert found["open_ticket"]["ApiKeyRequired"]
    assert found["change_ticket"]["AuthorizationType"] == "AWS_IAM"
