"""A stage that says `iam` takes what AWS's own signer signed for somebody who may call, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import client
from local.emulator import Emulator
from local.gateway import api
from local.gateway.server import Gateway
from local.state import ACCOUNT, REGION
from stacks import names
from stacks.edge.answers import ANSWERS
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.examples import CHANGE, TICKET
from tests.local.roles import Statement, allow, arn, make, policy, session, trusting

HTTP = urllib3.PoolManager(retries=False, timeout=10)
TICKETS = "arn:aws:execute-api:us-east-1:000000000000:local/local/POST/v1/tickets"
INVALID = next(answer.message for answer in ANSWERS if answer.kind == "INVALID_SIGNATURE")
ROUTES = (("open_ticket", False), ("change_ticket", True))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Gateway]:
    """The ingress, with its queues and with its roles by their logical ids, as no CloudFormation named them."""
    assembly, endpoint = synthesize(tmp_path_factory.mktemp("iam") / "cdk.out", authorization="iam"), emulator.endpoint
    sqs = client("sqs", endpoint)
    for word, fifo in ROUTES:
        sqs.create_queue(
            QueueName=names.queue(names.LOCAL, word, fifo=fifo), Attributes={"FifoQueue": "true"} if fifo else {}
        )
    for method in api.read(api.find_template(assembly), account=ACCOUNT, region=REGION).methods:
        if (role := method.integration.get("Credentials")) is None:
            continue
        queue = method.integration["Uri"].rpartition("/")[2]
        make(
            emulator,
            allow("sqs:SendMessage", arn("sqs", queue)),
            trust=trusting("apigateway.amazonaws.com"),
            name=role.rpartition("/")[2],
        )
    root = Credentials(endpoint.access_key_id, endpoint.secret_access_key)
    with Gateway(
        assembly=assembly, endpoint_url=endpoint.url, credentials=root, ca_bundle=endpoint.ca_bundle
    ) as gateway:
        yield gateway


def caller(emulator: Emulator, *statements: Statement) -> Credentials:
    """A caller who may do what the statements say."""
    keys = session(emulator, make(emulator, *statements))
    return Credentials(*keys.values())


def post(
    gateway: Gateway,
    credentials: Credentials | None,
    *,
    path: str = "/v1/tickets",
    body: str = TICKET,
    service: str = "execute-api",
    region: str = REGION,
    at: timedelta = timedelta(),
    sent: str | None = None,
    monkeypatch: pytest.MonkeyPatch | None = None,
    key: str = "",
    authorization: str | None = None,
) -> tuple[int, dict[str, Any]]:
    """POST the body as botocore signs it; `at` is the signer's clock off ours, `sent` what is sent instead."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    if authorization is not None:
        headers["Authorization"] = authorization
    request = AWSRequest("POST", f"{gateway.url}{path}", headers, body)
    if monkeypatch is not None:
        monkeypatch.setattr(auth, "get_current_datetime", lambda: datetime.now(UTC) + at, raising=True)
    if credentials is not None:
        auth.SigV4Auth(credentials, service, region).add_auth(request)
    answer = HTTP.request("POST", request.url, body=sent or body, headers=dict(request.headers.items()))
    return answer.status, json.loads(answer.data)


def test_a_signed_request_of_a_caller_who_may_is_taken(emulator: Emulator, gateway: Gateway) -> None:
    good = caller(emulator, allow("execute-api:Invoke", TICKETS))
    status, said = post(gateway, good)
    assert status == 202, said
    url = client("sqs", emulator.endpoint).get_queue_url(QueueName=names.queue(names.LOCAL, "open_ticket"))["QueueUrl"]
    (message,) = client("sqs", emulator.endpoint).receive_message(QueueUrl=url, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["Body"] == TICKET
    assert message["MessageAttributes"]["tenant"]["StringValue"].startswith("AROA"), "the role is the tenant"
    assert post(gateway, good, path="/v1/tickets?b=2&a=%20x%2F")[0] == 202


def test_the_arn_has_the_path_that_was_asked_for(emulator: Emulator, gateway: Gateway) -> None:
    only = TICKETS + "/t-1/changes"
    good = caller(emulator, allow("execute-api:Invoke", only))
    status, said = post(gateway, good, path="/v1/tickets/t-1/changes", body=CHANGE, key="k-1")
    assert status == 202, said
    assert post(gateway, good, path="/v1/tickets/t-2/changes", body=CHANGE, key="k-1")[0] == 403


@pytest.mark.parametrize("change", [{"sent": TICKET.replace("EN", "DE")}, {"service": "sqs"}, {"region": "eu-west-1"}])
def test_what_was_signed_otherwise_is_refused(emulator: Emulator, gateway: Gateway, change: dict[str, str]) -> None:
    good = caller(emulator, allow("execute-api:Invoke", "*"))
    status, said = post(gateway, good, **change)  # type: ignore[arg-type]
    assert (status, said["message"]) == (403, INVALID)


def test_an_unknown_or_guessed_key_is_refused(emulator: Emulator, gateway: Gateway) -> None:
    good = caller(emulator, allow("execute-api:Invoke", "*"))
    root = emulator.endpoint.access_key_id
    for key in (
        Credentials("AKIAIOSFODNN7EXAMPLE", "secret"),
        Credentials(good.access_key, "guessed", good.token),
        Credentials(good.access_key, good.secret_key),
        Credentials(root, "guessed"),
        Credentials("test", "test"),
    ):
        status, said = post(gateway, key)
        assert (status, said["message"]) == (403, INVALID)


@pytest.mark.parametrize(
    ("minutes", "status"), [(-4, 202), (-6, 403), (4, 202), (6, 403)], ids=["late", "too late", "early", "too early"]
)
def test_a_signature_is_good_for_five_minutes(
    emulator: Emulator, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    good = caller(emulator, allow("execute-api:Invoke", TICKETS))
    assert post(gateway, good, at=timedelta(minutes=minutes), monkeypatch=monkeypatch)[0] == status


def test_who_is_not_allowed_is_refused(emulator: Emulator, gateway: Gateway) -> None:
    denied = next(answer.message for answer in ANSWERS if answer.kind == "ACCESS_DENIED")
    never = {**allow("execute-api:Invoke", TICKETS), "Effect": "Deny"}
    for statements in (
        (),
        (allow("execute-api:Invoke", TICKETS.replace("tickets", "others")),),
        (allow("execute-api:ManageConnections", "*"),),
        (allow("execute-api:Invoke", "*"), never),
    ):
        status, said = post(gateway, caller(emulator, *statements))
        assert (status, said["message"]) == (403, denied)


def raw(url: str, headers: dict[str, str], body: str = TICKET) -> int:
    """The status of a POST of exactly that."""
    return HTTP.request("POST", url, body=body, headers=headers).status


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        (hashlib.sha256(TICKET.encode()).hexdigest(), 202),
        (hashlib.sha256(b"another").hexdigest(), 403),
        ("UNSIGNED-PAYLOAD", 403),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 403),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 403),
        ("", 403),
    ],
)
def test_a_signature_binds_the_body_whatever_a_header_says(
    emulator: Emulator, gateway: Gateway, declared: str, status: int
) -> None:
    class Declaring(auth.SigV4Auth):  # type: ignore[misc]
        def payload(self, request: AWSRequest) -> str:
            return declared

    good = caller(emulator, allow("execute-api:Invoke", TICKETS))
    headers = {"Content-Type": "application/json", "X-Amz-Content-SHA256": declared}
    request = AWSRequest("POST", f"{gateway.url}/v1/tickets", headers, TICKET)
    Declaring(good, "execute-api", REGION).add_auth(request)
    assert raw(request.url, dict(request.headers.items())) == status


def presigned(
    gateway: Gateway,
    who: Credentials,
    *,
    seconds: int = 60,
    query: str = "",
    service: str = "execute-api",
    region: str = REGION,
) -> str:
    """The URL of a ticket's POST, signed with the hash of the body."""

    class WithBody(auth.SigV4QueryAuth):  # type: ignore[misc]  # by itself it makes parameters of a body
        def payload(self, _request: AWSRequest) -> str:
            return hashlib.sha256(TICKET.encode()).hexdigest()

    request = AWSRequest("POST", f"{gateway.url}/v1/tickets{query}")
    WithBody(who, service, region, seconds).add_auth(request)
    return str(request.url)


def test_a_presigned_request_is_good_for_its_body_for_at_most_a_week(emulator: Emulator, gateway: Gateway) -> None:
    good, kind = caller(emulator, allow("execute-api:Invoke", TICKETS)), {"Content-Type": "application/json"}
    url = presigned(gateway, good)
    assert raw(url, kind) == 202
    assert raw(url, kind, TICKET.replace("EN", "DE")) == 403
    assert raw(url, kind | {"X-Amz-Content-SHA256": hashlib.sha256(TICKET.encode()).hexdigest()}) == 202
    assert raw(url, kind | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}) == 403
    assert raw(presigned(gateway, good, seconds=604_800), kind) == 202
    for seconds in (604_801, 0, -1):
        assert raw(presigned(gateway, good, seconds=seconds), kind) == 403, seconds
    assert raw(re.sub("X-Amz-Expires=60", "X-Amz-Expires=61", url), kind) == 403


def test_a_presigned_request_is_over_when_it_says_so(
    emulator: Emulator, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = caller(emulator, allow("execute-api:Invoke", TICKETS))
    then = datetime.now(UTC) - timedelta(minutes=2)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: then)
    kind = {"Content-Type": "application/json"}
    assert raw(presigned(gateway, good, seconds=180), kind) == 202
    assert raw(presigned(gateway, good, seconds=60), kind) == 403


@pytest.mark.parametrize(("service", "region"), [("sqs", REGION), ("execute-api", "eu-west-1")])
def test_the_scope_is_that_of_the_credential_that_was_verified(
    emulator: Emulator, gateway: Gateway, service: str, region: str
) -> None:
    good, kind = caller(emulator, allow("execute-api:Invoke", TICKETS)), {"Content-Type": "application/json"}
    fake = "Credential=AKIA/20260101/us-east-1/execute-api/aws4_request"
    for query in (
        f"?{fake}",
        f"?X-{fake}",
        f"?X-Amz-{fake}",
        f"?x-amz-{fake.lower()}",
        f"?A-{fake.replace('/', '%2F')}",
    ):
        assert raw(presigned(gateway, good, service=service, region=region, query=query), kind) == 403, query
    assert raw(presigned(gateway, good, query=f"?{fake}"), kind) == 202
    request = AWSRequest("POST", f"{gateway.url}/v1/tickets", kind, TICKET)
    auth.SigV4Auth(good, service, region).add_auth(request)
    signed = request.headers["Authorization"]
    for changed in (
        signed.replace("Credential=", f"X{fake}, Credential="),
        signed.replace("Credential=", f"{fake}, Credential="),
        f"{signed}, {fake}",
    ):
        assert raw(request.url, dict(request.headers.items()) | {"Authorization": changed}) == 403, changed


def test_what_is_not_signed_is_refused(gateway: Gateway) -> None:
    assert post(gateway, None)[0] == 403
    for authorization in (
        "",
        "Bearer abc",
        "AWS4-HMAC-SHA256 nonsense",
        "AWS4-HMAC-SHA256 Credential=a/b, Signature=c",
    ):
        assert post(gateway, None, authorization=authorization)[0] == 403, authorization


def test_an_integration_whose_role_lacks_a_permission_answers_500(emulator: Emulator, gateway: Gateway) -> None:
    """Each role has its session from the tests above, so that it is judged by what the role may now."""
    iam, good = client("iam", emulator.endpoint), caller(emulator, allow("execute-api:Invoke", "*"))
    assert post(gateway, good)[0] == 202
    template = api.find_template(Path(gateway._template.parent))
    (role,) = {
        method.integration["Credentials"].rpartition("/")[2]
        for method in api.read(template, account=ACCOUNT, region=REGION).methods
        if method.path == "/v1/tickets" and method.http_method == "POST"
    }
    before = iam.get_role_policy(RoleName=role, PolicyName="all")["PolicyDocument"]
    iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=policy(allow("sqs:ReceiveMessage", "*")))
    try:
        assert post(gateway, good)[0] == 500
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(before))
    assert post(gateway, good)[0] == 202


def test_an_integration_whose_role_api_gateway_may_not_assume_answers_500(
    emulator: Emulator, gateway: Gateway, tmp_path: Path
) -> None:
    iam, good = client("iam", emulator.endpoint), caller(emulator, allow("execute-api:Invoke", "*"))
    root = Credentials(emulator.endpoint.access_key_id, emulator.endpoint.secret_access_key)
    roles = {
        role.rpartition("/")[2]
        for method in api.read(gateway._template, account=ACCOUNT, region=REGION).methods
        if (role := method.integration.get("Credentials"))
    }
    for role in roles:
        trust = policy(trusting("lambda.amazonaws.com"))
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust)
    try:
        with Gateway(
            assembly=gateway._template.parent,
            endpoint_url=emulator.url,
            credentials=root,
            ca_bundle=emulator.endpoint.ca_bundle,
        ) as fresh:
            assert post(fresh, good)[0] == 500
    finally:
        for role in roles:
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(trusting("apigateway.amazonaws.com")))
