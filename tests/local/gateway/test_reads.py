"""What can be read: one item of the caller's own tenant, the fields that its contract names, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from documents.openapi import document
from functions.contracts.key import scoped
from functions.runtime.table import typed
from local.gateway import velocity
from local.gateway.api import read
from local.gateway.errors import UnsupportedError
from local.gateway.server import Gateway
from stacks import names
from stacks.edge import read_template
from stacks.edge.mapping_template import NOT_A_TENANT, NOTHING
from tests.edge import items
from tests.examples import examples
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.callers import AUTHORIZER, CREDENTIALS, KINDS, SESSION, SIGNER, policy, trusting
from tests.local.gateway.client import Answer, Client
from tests.local.gateway.examples import CHANGE, KEY, TICKET
from tests.local.gateway.receiver import Failure, Receiver, listening
from tests.local.gateway.test_openapi import ALWAYS
from tests.sample.statuses import STATUSES

STAGE = names.LOCAL
STORED = {
    "language": "EN",
    "email": "ada@example.com",
    "digest": "d",
    "wanted": [{"agent": "ada", "hours": 2, "rate": 99}],
}
SHOWN = {"ticket_id": "tic-1", "language": "EN", "wanted": [{"agent": "ada", "hours": 2}]}
PATH = "/v1/tickets/tic-1"
ACME = {"X-Tenant-Id": "acme"}


@pytest.fixture(scope="module")
def served() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def receiver(served: Receiver) -> Receiver:
    served.reset()
    return served


@pytest.fixture(scope="module")
def gateway(served: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    assembly = synthesize(tmp_path_factory.mktemp("reads") / "cdk.out", topology=STATUSES)
    with Gateway(assembly=assembly, endpoint_url=served.url) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with Client(gateway.url) as client:
        yield client


def get(client: Client, path: str = PATH, headers: Mapping[str, str] = ACME) -> Answer:
    return client.send("GET", path, b"", list(headers.items()))


def keep(receiver: Receiver, tenant: str | None = "acme", ticket_id: str = "tic-1", **changes: Any) -> None:
    receiver.items[f"{names.resource(STAGE, 'tickets')}/{scoped(tenant, ticket_id)}"] = typed(STORED | changes)


def keep_request(receiver: Receiver, correlation_id: str, tenant: str | None = "acme", **said: Any) -> None:
    receiver.items[f"{names.resource(STAGE, 'requests')}/{scoped(tenant, correlation_id)}"] = typed(said)


def test_the_fields_of_the_contract_are_answered_and_nothing_else_leaves_dynamodb(
    client: Client, receiver: Receiver
) -> None:
    keep(receiver)
    answer = get(client)
    assert (answer.status, answer.json) == (200, SHOWN)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-tenant"] == "acme"
    (asked,) = receiver.got
    assert asked["Key"] == {"ticket_id": {"S": "/acme/tic-1"}}
    assert sorted(asked["ExpressionAttributeNames"].values()) == ["language", "wanted"]
    assert asked["ConsistentRead"] is True
    assert "example.com" not in answer.text


def test_another_tenants_is_not_there_and_neither_is_nobodys(client: Client, receiver: Receiver) -> None:
    keep(receiver)
    for headers in ({"X-Tenant-Id": "other"}, {}, {"X-Tenant-Id": "acme/"}, {"x-tenant-id": "ACME"}):
        answer = get(client, headers=headers)
        assert (answer.status, answer.message) == (404, read_template.NOT_THERE), headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json["correlation_id"] == answer.headers["x-correlation-id"]
    assert get(client, headers={"x-TENANT-id": "acme"}).status == 200


def test_a_key_that_another_tenants_name_would_make_is_not_that_tenants(client: Client, receiver: Receiver) -> None:
    keep(receiver, tenant="a/b", ticket_id="c")
    assert get(client, "/v1/tickets/c", {"X-Tenant-Id": "a/b"}).status == 200
    assert get(client, "/v1/tickets/c", {"X-Tenant-Id": "a"}).status == 404
    assert get(client, "/v1/tickets/c", {"X-Tenant-Id": "a%2Fb"}).status == 404


@pytest.mark.parametrize("tenant", ['"', "\\", "'", '","S":"x', "$key", "#end", "\\'", "a%2Fb", '"}}'])
def test_a_tenant_is_one_text_of_the_key_whatever_it_holds(client: Client, receiver: Receiver, tenant: str) -> None:
    keep(receiver, tenant=tenant)
    assert get(client, headers={"X-Tenant-Id": tenant}).json == SHOWN
    assert receiver.got[0]["Key"] == {"ticket_id": {"S": scoped(tenant, "tic-1")}}


def test_what_the_path_cannot_name_is_refused_in_words_and_asks_for_nothing(client: Client, receiver: Receiver) -> None:
    answer = get(client, "/v1/tickets/a.b")
    assert (answer.status, answer.message) == (
        400,
        "ticket_id, in the path, must match [A-Za-z0-9_-]{1,64} as a whole.",
    )
    answer = get(client, headers={"X-Tenant-Id": "a b"})
    assert answer.status == 400
    assert answer.message.startswith("X-Tenant-Id must be 1 to 128 letters")
    assert receiver.got == []


def test_who_has_it_already_is_told_so_until_it_changes(client: Client, receiver: Receiver) -> None:
    keep(receiver)
    tag = get(client).headers["etag"]
    for said in (tag, f'W/{tag}, "x"', f'"x", {tag}', "*"):
        answer = get(client, headers={**ACME, "If-None-Match": said})
        assert (answer.status, answer.text, answer.headers["etag"]) == (304, "", tag)
    for said in ('"x"', tag.strip('"'), tag.replace(".", "-")):
        assert get(client, headers={**ACME, "if-none-match": said}).status == 200
    keep(receiver, language="DE")
    changed = get(client, headers={**ACME, "If-None-Match": tag})
    assert (changed.status, changed.json["language"]) == (200, "DE")
    assert changed.headers["etag"] != tag
    assert get(client, headers={"X-Tenant-Id": "other", "If-None-Match": "*"}).status == 404


@pytest.mark.parametrize(
    ("failure", "status", "again"),
    [
        (Failure(400, "ProvisionedThroughputExceededException"), 503, True),
        (Failure(400, "ThrottlingException"), 503, True),
        (Failure(400, "RequestLimitExceeded"), 503, True),
        (Failure(400, "ResourceNotFoundException"), 500, False),
        (Failure(400, "AccessDeniedException"), 500, False),
        (Failure(500, "InternalServerError"), 503, True),
        (Failure(302, "Moved"), 500, False),
    ],
)
def test_a_failure_of_dynamodb_is_answered_in_our_words(
    client: Client, receiver: Receiver, failure: Failure, status: int, again: bool
) -> None:
    receiver.failure = failure
    answer = get(client)
    assert (answer.status, "retry-after" in answer.headers) == (status, again)
    assert answer.message == (read_template.BUSY if again else read_template.OURS)
    assert answer.headers["cache-control"] == "no-store"


def test_of_a_request_nobody_has_attempted_the_answer_says_what_is_known(client: Client, receiver: Receiver) -> None:
    for tenant in ("acme", "other"):
        answer = get(client, "/v1/requests/c-1", {"X-Tenant-Id": tenant, "X-Correlation-Id": "ask-1"})
        assert answer.status == 200, "a caller who polls is refused nothing"
        assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)
        assert answer.json == {
            "message": read_template.UNKNOWN,
            "status": "accepted_or_unknown",
            "correlation_id": "ask-1",
        }
        assert answer.headers["retry-after"] == "2"
    assert get(client, "/v1/requests/a%2Fb").status == 400


def test_the_status_of_a_request_is_its_items_and_only_its_tenants(client: Client, receiver: Receiver) -> None:
    said: dict[str, Any] = {
        "status": "dead",
        "attempts": 3,
        "cause": {"error": "Reject", "message": 'No "such" agent\'s.'},
    }
    keep_request(receiver, "c-1", **said, secret="x", expires_at=1)
    assert get(client, "/v1/requests/c-1").json == said
    theirs, nobodys = (get(client, f"/v1/requests/{id_}", {"X-Tenant-Id": "other"}).json for id_ in ("c-1", "c-9"))
    assert {**theirs, "correlation_id": ""} == {**nobodys, "correlation_id": ""}
    assert theirs["status"] == "accepted_or_unknown"


def test_what_is_true_from_a_time_on_is_said_from_then_on(client: Client, receiver: Receiver) -> None:
    now = round(time.time() * 1000)
    later = {"status": "dead", "cause": {"error": "WorkerDied"}}
    keep_request(receiver, "c-1", status="retrying", attempts=5, otherwise=later, otherwise_from=now + 60_000)
    before = get(client, "/v1/requests/c-1")
    assert before.json == {"status": "retrying", "attempts": 5}
    keep_request(receiver, "c-1", status="retrying", attempts=5, otherwise=later, otherwise_from=now - 1)
    after = get(client, "/v1/requests/c-1", {**ACME, "If-None-Match": before.headers["etag"]})
    assert (after.status, after.json) == (200, later)


def test_a_tag_of_before_a_turn_is_not_that_of_after(client: Client, receiver: Receiver) -> None:
    turn = round(time.time() * 1000) + 700
    later = {"status": "dead"}
    keep_request(receiver, "c-1", status="retrying", otherwise=later, otherwise_from=turn)
    before = get(client, "/v1/requests/c-1")
    time.sleep(0.9)
    after = get(client, "/v1/requests/c-1", {**ACME, "If-None-Match": before.headers["etag"]})
    assert (before.json["status"], after.status, after.json["status"]) == ("retrying", 200, "dead")


@pytest.mark.parametrize("path", ["/v1/tickets", "/v1/tickets/", "//v1//tickets"])
def test_the_202_says_where_its_outcome_is_read(
    client: Client, receiver: Receiver, gateway: Gateway, path: str
) -> None:
    answer = client.post(path, TICKET, {**KEY, **ACME, "X-Correlation-Id": "c-1"})
    assert answer.status == 202
    asked = urljoin(f"{gateway.url}{path}", answer.headers["location"])
    template = answer.headers["link-template"]
    assert template.endswith('; rel="status"')
    thing = urljoin(f"{gateway.url}{path}", template.split('"')[1].replace("{ticket_id}", "tic-1"))
    base = gateway.url.split("/", 3)[-1]
    assert asked.replace("//v1", "/v1").endswith(f"/{base}/v1/requests/c-1")
    keep_request(receiver, "c-1", status="done")
    keep(receiver)
    assert get(client, asked.removeprefix(gateway.url)).json == {"status": "done"}
    assert get(client, thing.removeprefix(gateway.url)).json == SHOWN


def test_the_202_of_a_thing_in_the_path_says_where_that_is_read(client: Client, receiver: Receiver) -> None:
    answer = client.post("/v1/tickets/tic-1/changes", CHANGE, {**KEY, **ACME, "X-Correlation-Id": "c-1"})
    assert (answer.status, answer.headers["location"]) == (202, "../../requests/c-1")


@pytest.mark.parametrize("said", ["a/b", "..", "a:b", "a b", "x\\r\\nSet-Cookie:a", ".hidden"])
def test_an_id_that_no_path_names_safely_is_in_no_location(client: Client, receiver: Receiver, said: str) -> None:
    answer = client.post("/v1/tickets", TICKET, {**KEY, **ACME, "X-Correlation-Id": said})
    assert answer.status == 202
    assert said not in answer.headers.get("location", "")
    assert ("location" in answer.headers) == (answer.json["correlation_id"] != said)


def test_a_403_or_a_400_or_a_failure_names_no_place(client: Client, receiver: Receiver) -> None:
    receiver.failure = Failure(503, "ServiceUnavailable")
    for answer in (client.post("/v1/tickets", TICKET, KEY), client.post("/v1/tickets", "{}", KEY)):
        assert answer.status in (503, 400)
        assert not {"location", "link-template"} & set(answer.headers)


@pytest.mark.parametrize("kind", ["jwt", "api_key", "iam"])
def test_who_calls_is_whose_things_are_read(
    kind: str, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusts = {"jwt": ("iam",), "api_key": ("iam",), "iam": ("jwt",)}[kind]
    assembly = synthesize(tmp_path / "cdk.out", trusting(*trusts), topology=STATUSES, **KINDS[kind])
    mine = {"jwt": "acme", "api_key": "web", "iam": SESSION.partition(":")[0]}[kind]
    receiver.functions[AUTHORIZER] = lambda _: policy()
    receiver.caller |= SIGNER
    with Gateway(assembly=assembly, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        keep(receiver, tenant=mine)
        assert get(client, headers={}).status in (401, 403)
        answer = get(client, headers=CREDENTIALS[kind])
        assert (answer.status, answer.json) == (200, SHOWN)
        line = json.loads((tmp_path / "access.log").read_text().splitlines()[-1])
        assert (line["method"], line["route"], line["tenant"]) == ("GET", "/v1/tickets/{ticket_id}", mine)
        assert get(client, headers={**CREDENTIALS[kind], "X-Tenant-Id": mine}).status == 200
        other = get(client, headers={**CREDENTIALS[kind], "X-Tenant-Id": "other"})
        assert other.status == 400
        assert "names another tenant than the one that calls" in other.message
        assert NOTHING not in other.message
        if kind == "jwt":
            receiver.functions[AUTHORIZER] = lambda _: policy(tenant="")
            fresh = {"Authorization": "Bearer ddd.eee.fff"}
            nobody = get(client, headers=fresh)
            assert (nobody.status, nobody.message) == (403, NOT_A_TENANT.replace(f" {NOTHING}", ""))


def test_what_is_retired_is_answered_404_by_the_api_itself(receiver: Receiver, tmp_path: Path) -> None:
    assembly = synthesize(tmp_path / "cdk.out", topology=STATUSES, retired=True)
    with Gateway(assembly=assembly, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        keep(receiver)
        for path in (PATH, "/v1/requests/c-1"):
            assert (get(client, path).status, get(client, path).message) == (404, "There is no such route.")
    assert receiver.calls == 0


def test_another_action_of_dynamodb_is_refused_when_the_template_is_read(tmp_path: Path) -> None:
    assembly = synthesize(tmp_path / "cdk.out", topology=STATUSES)
    (template,) = assembly.glob("*.template.json")
    template.write_text(template.read_text().replace("dynamodb:action/GetItem", "dynamodb:action/DeleteItem"))
    with pytest.raises(UnsupportedError, match="neither SQS by a queue's path nor DynamoDB's GetItem"):
        read(template, account="000000000000", region="us-east-1")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
    | st.from_regex("[A-Za-z0-9_.-]{1,70}", fullmatch=True),
    st.sampled_from(["acme", "", 'a"b']),
)
@settings(max_examples=examples(300), deadline=None)
def test_any_value_of_the_path_is_found_or_refused_cleanly(
    gateway: Gateway, served: Receiver, value: str, tenant: str
) -> None:
    served.reset()
    keep(served, tenant=tenant or None, ticket_id=value)
    with Client(gateway.url) as client:
        answer = get(client, f"/v1/tickets/{quote(value, safe='')}", {"X-Tenant-Id": tenant} if tenant else {})
    fits = all(each.isascii() and (each.isalnum() or each in "_-") for each in value) and len(value) <= 64
    assert answer.status == (200 if fits else 400), (value, answer.text)
    assert answer.json if fits else answer.message


READS = schemathesis.pytest.from_fixture("reads")


@pytest.fixture(scope="module")
def reads() -> BaseSchema:
    schema = schemathesis.openapi.from_dict(document(STATUSES)).include(method="GET")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return schema


@READS.parametrize()
@settings(
    max_examples=examples(60),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_as_documented(case: Case[Any], gateway: Gateway, receiver: Receiver) -> None:
    for tenant in (None, "acme"):
        keep(receiver, tenant=tenant, ticket_id=str(case.path_parameters.get("ticket_id")))
        said = {"status": "done", "route": "POST /v1/tickets", "received_at": 1, "changed_at": 2, "attempts": 1}
        keep_request(receiver, str(case.path_parameters.get("correlation_id")), tenant=tenant, **said)
    response = case.call(base_url=gateway.url)
    case.validate_response(response, checks=ALWAYS)


@given(items.ITEMS)
@settings(max_examples=examples(400), deadline=None)
def test_any_item_is_json_of_exactly_the_named_fields(item: dict[str, Any]) -> None:
    text = render(item)
    assert items.read(text) == items.shown(item, "tic-1")


def render(item: dict[str, Any]) -> str:
    body = json.dumps({"Item": item}, ensure_ascii=False)
    context = {
        "requestId": "r-1",
        "requestTimeEpoch": 1_764_188_000_123,
        "responseOverride": {"header": {}, "status": 0},
    }
    given_ = velocity.Input(body, {"thing_id": "tic-1"}, {}, ACME)
    template = read_template.found(items.READ, "none")
    return velocity.render(template, given=given_, context=context, stage_variables={})
