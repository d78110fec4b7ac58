"""Who may call, and how often, where the stage says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.gateway.server import Gateway
from stacks import names
from stacks.edge.answers import ANSWERS
from stacks.entry import Route
from tests.local.gateway.assemblies import synthesize, unlimited
from tests.local.gateway.callers import ARN, AUTHORIZER, SIGNED, TOKEN
from tests.local.gateway.client import Client
from tests.local.gateway.examples import CHANGE, GITHUB, KEY, TICKET
from tests.local.gateway.receiver import Receiver

CALLERS_KEY = names.resource(names.LOCAL, "web")


class Clock:
    """One that stands, so that no limit depends on how fast this machine is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def mixed(route: Route) -> Route:
    """Tickets by API key, with the caller as tenant; the rest as the stage says."""
    if route.queue == "open_ticket":
        return replace(route, authorization="api_key", tenant="caller", trusts=())
    return unlimited(route)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(
        tmp_path_factory.mktemp("tokens") / "cdk.out",
        mixed,
        authorization="jwt",
        jwt={"issuer": "https://issuer.example", "audience": "callers"},
        api_keys={"clients": ["web"], "rate": 1, "burst": 3},
    )


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("signed") / "cdk.out", authorization="iam")


@pytest.fixture
def client(tokens: Path, receiver: Receiver) -> Iterator[Client]:
    with (
        Gateway(assembly=tokens, endpoint_url=receiver.url, clock=Clock()) as gateway,
        Client(gateway.url) as client,
    ):
        yield client


def policy(effect: str = "Allow", resource: str = f"{ARN}/*") -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": "ada", "policyDocument": {"Statement": [statement]}, "context": {"tenant": "acme"}}


def change(client: Client, token: str | None = TOKEN) -> Any:
    headers = {"Authorization": token} if token is not None else {}
    return client.post("/v1/tickets/o-1/changes", CHANGE, {**KEY, **headers})


def test_a_good_token_lets_in_and_names_the_tenant(client: Client, receiver: Receiver) -> None:
    receiver.functions[AUTHORIZER] = lambda _: policy()
    assert change(client).status == 202
    assert receiver.taken[0].attributes["tenant"] == "acme"
    (event,) = receiver.invoked
    assert event == {
        "type": "TOKEN",
        "authorizationToken": TOKEN,
        "methodArn": f"{ARN}/POST/v1/tickets/o-1/changes",
    }


def test_a_policy_is_about_the_path_that_was_asked_for(client: Client, receiver: Receiver) -> None:
    receiver.functions[AUTHORIZER] = lambda _: policy(resource=f"{ARN}/POST/v1/tickets/o-1/*")
    assert change(client).status == 202
    assert client.post("/v1/tickets/o-2/changes", CHANGE, {**KEY, "Authorization": TOKEN}).status == 403
    assert client.post("//v1/tickets//o-1/changes/", CHANGE, {**KEY, "Authorization": TOKEN}).status == 202
    assert len(receiver.taken) == 2


def test_a_token_counts_in_lower_case_as_http_2_sends_its_header(client: Client, receiver: Receiver) -> None:
    receiver.functions[AUTHORIZER] = lambda _: policy()
    assert client.post("/v1/tickets/o-1/changes", CHANGE, {**KEY, "authorization": TOKEN}).status == 202


def test_a_policy_is_kept_for_its_token(client: Client, receiver: Receiver) -> None:
    receiver.functions[AUTHORIZER] = lambda _: policy()
    for token in (TOKEN, TOKEN, "Bearer ddd.eee.fff", TOKEN):
        assert change(client, token).status == 202
    assert len(receiver.invoked) == 2


@pytest.mark.parametrize("token", [None, "", "Bearer abc", "Basic YTpi", "Bearer a.b.c d"])
def test_what_is_no_token_is_a_401_without_asking(client: Client, receiver: Receiver, token: str | None) -> None:
    answer = change(client, token)
    assert (answer.status, receiver.invoked, receiver.calls) == (401, [], 0)
    assert set(answer.json) == {"message", "correlation_id"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (policy("Deny"), 403),
        (policy(resource=f"{ARN}/GET/*"), 403),
        (Exception("Unauthorized"), 401),
        (Exception("the issuer is down"), 500),
    ],
    ids=["denied", "elsewhere", "refused", "broken"],
)
def test_what_the_authorizer_does_not_allow_is_not_queued(
    client: Client, receiver: Receiver, answer: Any, status: int
) -> None:
    def ask(_event: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    receiver.functions[AUTHORIZER] = ask
    found = change(client)
    assert (found.status, receiver.calls) == (status, 0)
    assert found.json["correlation_id"] == found.headers["x-correlation-id"]


def test_an_api_key_lets_in_and_is_the_tenant(client: Client, receiver: Receiver) -> None:
    assert client.post("/v1/tickets", TICKET, {"x-api-key": CALLERS_KEY}).status == 202
    (sent,) = receiver.taken
    assert sent.parameters["MessageGroupId"] == sent.attributes["tenant"] == "web"


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "guessed"}, {"Authorization": TOKEN}])
def test_without_a_key_it_is_a_403(client: Client, receiver: Receiver, headers: dict[str, str]) -> None:
    answer = client.post("/v1/tickets", TICKET, headers)
    assert (answer.status, receiver.calls) == (403, 0)
    assert "x-api-key" in answer.message


def test_a_key_that_asks_too_often_is_a_429_that_says_when_to_come_again(client: Client, receiver: Receiver) -> None:
    answers = [client.post("/v1/tickets", TICKET, {"x-api-key": CALLERS_KEY}) for _ in range(4)]
    assert [answer.status for answer in answers] == [202, 202, 202, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(receiver.taken) == 3


def test_a_route_has_limits_of_its_own(tmp_path: Path, receiver: Receiver) -> None:
    folder = synthesize(tmp_path / "cdk.out", lambda route: route)
    clock = Clock()
    with (
        Gateway(assembly=folder, endpoint_url=receiver.url, clock=clock) as gateway,
        Client(gateway.url) as client,
    ):
        statuses = [client.post("/v1/webhooks/github", '{"a":1}', GITHUB).status for _ in range(41)]
        assert statuses == [202] * 40 + [429]
        assert client.post("/v1/tickets", TICKET).status == 202
        clock.now = 1 / 20
        statuses = [client.post("/v1/webhooks/github", '{"a":1}', GITHUB).status for _ in range(2)]
        assert statuses == [202, 429], "one more, as the rate says"


def test_a_request_without_a_signature_is_a_403(signed: Path, receiver: Receiver) -> None:
    with Gateway(assembly=signed, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        for path in ("/v1/tickets", "/v1/nothing"):
            answer = client.post(path, TICKET)
            assert (answer.status, receiver.calls) == (403, 0)
            assert "no such route, or the request is not signed" in answer.message


@pytest.mark.parametrize(
    ("caller", "tenant"),
    [
        ("AROAEXAMPLEEXAMPLEID:i-0123456789abcdef0", "AROAEXAMPLEEXAMPLEID"),
        ("AROAEXAMPLEEXAMPLEID:a:b", "AROAEXAMPLEEXAMPLEID"),
        ("AIDAEXAMPLE", "AIDAEXAMPLE"),
        ("111122223333:ada", "111122223333:ada"),
    ],
)
def test_every_session_of_a_role_is_one_tenant(signed: Path, receiver: Receiver, caller: str, tenant: str) -> None:
    receiver.caller = {"caller": caller, "user": caller, "accessKey": "AKIDEXAMPLE"}
    with Gateway(assembly=signed, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        assert client.post("/v1/tickets", TICKET, {"Authorization": SIGNED}).status == 202
    assert receiver.taken[0].attributes["tenant"] == tenant


@pytest.mark.parametrize(
    ("code", "scope", "kind"),
    [
        ("SignatureDoesNotMatch", "us-east-1/execute-api", "INVALID_SIGNATURE"),
        ("RequestTimeTooSkewed", "us-east-1/execute-api", "INVALID_SIGNATURE"),
        ("UnrecognizedClientException", "us-east-1/execute-api", "INVALID_SIGNATURE"),
        ("ExpiredTokenException", "us-east-1/execute-api", "EXPIRED_TOKEN"),
        ("AccessDenied", "us-east-1/execute-api", "ACCESS_DENIED"),
        ("", "eu-west-1/execute-api", "INVALID_SIGNATURE"),
        ("", "us-east-1/sqs", "INVALID_SIGNATURE"),
    ],
)
def test_what_iam_refuses_is_a_403_and_not_queued(
    signed: Path, receiver: Receiver, code: str, scope: str, kind: str
) -> None:
    receiver.caller = {"code": code, "message": "No."}
    authorization = SIGNED.replace("us-east-1/execute-api", scope)
    with Gateway(assembly=signed, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        answer = client.post("/v1/tickets?a=%20b&a=c", TICKET, {"Authorization": authorization})
    assert (answer.status, receiver.calls) == (403, 0)
    assert answer.message == next(each.message for each in ANSWERS if each.kind == kind)
    assert answer.json["correlation_id"]
    for asked in receiver.asked:
        assert asked["target"] == "/local/v1/tickets?a=%20b&a=c"
        assert asked["arn"] == f"{ARN}/POST/v1/tickets"
    assert bool(receiver.asked) == bool(code)


def test_iam_is_asked_for_the_route_that_a_slash_too_many_leads_to(signed: Path, receiver: Receiver) -> None:
    receiver.caller = {"caller": "AIDAEXAMPLE", "user": "AIDAEXAMPLE", "accessKey": "AKIDEXAMPLE"}
    with Gateway(assembly=signed, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        assert client.post("//v1//tickets/", TICKET, {"Authorization": SIGNED}).status == 202
    assert receiver.asked[0]["arn"] == f"{ARN}/POST/v1/tickets"
    assert receiver.asked[0]["target"] == "/local//v1//tickets/", "what was signed"


def test_a_webhook_needs_no_other_grant(signed: Path, tokens: Path, receiver: Receiver) -> None:
    for folder in (signed, tokens):
        with Gateway(assembly=folder, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
            assert client.post("/v1/webhooks/github", '{"a":1}', GITHUB).status == 202
