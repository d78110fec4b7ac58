"""Who calls is the tenant; only who is trusted to may name another, and both can be seen afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.key import scoped
from local.gateway.server import Gateway
from stacks import names
from stacks.edge.mapping_template import LONGEST_IDENTIFIER
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.callers import AUTHORIZER, CREDENTIALS, KINDS, SESSION, SIGNER, policy, trusting
from tests.local.gateway.client import Client
from tests.local.gateway.examples import CHANGE, KEY, TICKET
from tests.local.gateway.receiver import Failure, Receiver

TICKETS, CHANGES = "/v1/tickets", "/v1/tickets/tic-1/changes"


@dataclass(frozen=True)
class Edge:
    """A stage of one kind of authorization, and who calls it."""

    kind: str
    client: Client
    receiver: Receiver
    log: Path

    def post(self, headers: dict[str, str], path: str = TICKETS) -> Any:
        if self.kind == "jwt":
            self.receiver.functions[AUTHORIZER] = lambda _: policy()
        self.receiver.caller |= SIGNER
        body = TICKET if path == TICKETS else CHANGE
        return self.client.post(path, body, {**KEY, **CREDENTIALS[self.kind], **headers})

    def logged(self) -> dict[str, Any]:
        """The last line of the access log."""
        line: dict[str, Any] = json.loads(self.log.read_text().splitlines()[-1])
        return line


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The ingress of a stage of that kind whose routes trust callers of these kinds, synthesized once."""

    @cache
    def made(kind: str, *trusts: str) -> Path:
        return synthesize(tmp_path_factory.mktemp(kind) / "cdk.out", trusting(*trusts), **KINDS[kind])

    return made


@pytest.fixture
def edge(assembly: Callable[..., Path], receiver: Receiver, request: pytest.FixtureRequest) -> Iterator[Edge]:
    kind, *trusts = request.param
    folder = assembly(kind, *trusts)
    with Gateway(assembly=folder, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        yield Edge(kind, client, receiver, folder.parent / "access.log")


def of(*kinds: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("edge", kinds, indirect=True, ids="-".join)


OWN = {"jwt": "acme", "api_key": "web", "iam": "AROAEXAMPLEEXAMPLEID"}
STRANGERS = of(("jwt", "iam"), ("api_key", "iam"), ("iam", "jwt"))
TRUSTED = of(("jwt", "jwt"), ("api_key", "jwt", "api_key"), ("iam", "iam"))


@STRANGERS
def test_a_caller_that_is_not_trusted_names_no_other_tenant(edge: Edge) -> None:
    assert edge.post({}).status == 202
    own = edge.receiver.taken[0].attributes["tenant"]
    assert own == OWN[edge.kind]
    for path in (TICKETS, CHANGES):
        edge.receiver.taken.clear()
        for header in ("X-Tenant-Id", "x-tenant-id", "X-TENANT-ID"):
            for tenant in ("victim", own.upper() + "x", own + "/", f"{own},victim", "$tenant", "0" * 128):
                answer = edge.post({header: tenant}, path)
                assert (answer.status, edge.receiver.taken) == (400, [])
                assert answer.message.startswith("X-Tenant-Id names another tenant than the one that calls")
        for headers in ({"X-Tenant-Id": own}, {}):
            assert edge.post(headers, path).status == 202
            assert edge.receiver.taken.pop().attributes["tenant"] == own


@STRANGERS
def test_a_tenant_that_was_refused_is_in_the_access_log_beside_who_named_it(edge: Edge) -> None:
    assert edge.post({"X-Tenant-Id": 'vic"tim'}).status == 400
    line = edge.logged()
    assert (line["status"], line["tenant"]) == ("400", "vic%22tim")
    who = {"jwt": ("principal", "ada"), "iam": ("caller", SESSION)}
    field, value = who.get(edge.kind, ("api_key_id", line["api_key_id"]))
    assert line[field] == value != "-"
    assert not any(secret in json.dumps(line) for secret in (*CREDENTIALS[edge.kind].values(), "AKIDEXAMPLE"))


@TRUSTED
def test_a_trusted_caller_names_the_tenant_and_is_itself_without(edge: Edge) -> None:
    callers = set()
    for headers, tenant in (({}, None), ({"x-tenant-id": "a/b\\%"}, "a/b\\%")):
        for path in (TICKETS, CHANGES):
            answer = edge.post(headers, path)
            assert answer.status == 202
            sent = edge.receiver.taken.pop()
            own = OWN[edge.kind]
            assert sent.attributes["tenant"] == (tenant or own)
            callers.add(sent.attributes["caller"])
            assert edge.logged()["tenant"] == answer.headers["x-tenant"] == ("a%2Fb%5C%25" if tenant else own)
    line = edge.logged()
    assert callers == {{"jwt": "ada", "iam": SESSION}.get(edge.kind, line["api_key_id"])}
    assert callers <= {line["principal"], line["caller"], line["api_key_id"]}
    assert line["principal_tenant"] == ("acme" if edge.kind == "jwt" else "-")
    assert not any(secret in json.dumps(line) for secret in CREDENTIALS[edge.kind].values())


@TRUSTED
def test_for_whom_a_request_was_that_sqs_failed_is_in_the_access_log(edge: Edge) -> None:
    for status, failure in ((503, Failure(503, "ServiceUnavailable")), (500, Failure(302, "Moved"))):
        edge.receiver.failure = failure
        assert edge.post({"X-Tenant-Id": "victim"}).status == status
        assert edge.logged()["tenant"] == "victim"


@of(("jwt", "jwt"), ("jwt", "iam"))
@pytest.mark.parametrize("context", [{}, {"tenant": ""}, {"tenant": "two words"}, {"tenant": "t" * 129}])
def test_a_caller_without_a_tenant_is_not_among_those_of_others(edge: Edge, context: dict[str, str]) -> None:
    said = policy() | {"context": context}
    edge.receiver.functions[AUTHORIZER] = lambda _: said
    answer = edge.client.post(TICKETS, TICKET, CREDENTIALS["jwt"])
    assert (answer.status, edge.receiver.taken) == (403, [])
    assert answer.message.startswith("Who calls has no identity that can be a tenant")


@of(("iam", "jwt"))
def test_users_of_a_cognito_pool_who_share_a_role_are_not_one_tenant(edge: Edge) -> None:
    tenants = []
    for user in ("one", "two"):
        edge.receiver.caller["cognitoIdentityId"] = f"eu-central-1:{user}"
        assert edge.post({}).status == 202
        tenants.append(edge.receiver.taken.pop().attributes["tenant"])
    assert tenants == ["eu-central-1:one", "eu-central-1:two"]


@of(("iam", "jwt"))
@pytest.mark.parametrize("caller", ["AIDAEXAMPLEEXAMPLEID", "123456789012:bob"])
def test_who_signs_without_a_role_is_a_tenant_of_his_own(edge: Edge, caller: str) -> None:
    """A federated user's caller begins with the account, which all of them share."""
    edge.receiver.caller |= SIGNER | {"caller": caller, "user": caller}
    assert edge.client.post(TICKETS, TICKET, {**KEY, **CREDENTIALS["iam"]}).status == 202
    assert edge.receiver.taken.pop().attributes["tenant"] == caller


@of(("jwt", "jwt"))
def test_groups_of_two_tenants_are_never_one_and_fit_into_what_sqs_takes(edge: Edge) -> None:
    for tenant in ("a/b", "a%2Fb", "a", "100%"):
        assert edge.post({"X-Tenant-Id": tenant}, CHANGES).status == 202
        assert edge.receiver.taken.pop().parameters["MessageGroupId"] == scoped(tenant, "tic-1")
    room = LONGEST_IDENTIFIER - len(scoped("t", "tic-1")) + 1
    assert edge.post({"X-Tenant-Id": "t" * room}, CHANGES).status == 202
    edge.receiver.taken.clear()
    answer = edge.post({"X-Tenant-Id": "t" * (room + 1)}, CHANGES)
    assert (answer.status, edge.receiver.taken) == (400, [])
    assert "too long for a message group of" in answer.message


@of(("api_key", "iam"))
def test_a_client_is_one_tenant_whichever_of_its_keys_it_shows(edge: Edge) -> None:
    keys, groups = set(), []
    for key in ("web", "web.2", "erp"):
        assert edge.post({"x-api-key": names.resource(names.LOCAL, key)}, CHANGES).status == 202
        sent = edge.receiver.taken.pop()
        groups.append((sent.attributes["tenant"], sent.parameters["MessageGroupId"]))
        keys.add(edge.logged()["api_key_id"])
    assert groups == [("web", "/web/tic-1"), ("web", "/web/tic-1"), ("erp", "/erp/tic-1")]
    assert len(keys) == 3, "which of them it was is in the access log"


@pytest.mark.parametrize("variables", [{}, {"key_web": ""}, {"key_web": "another"}])
def test_a_key_of_no_client_is_nobody(
    assembly: Callable[..., Path], receiver: Receiver, tmp_path: Path, variables: dict[str, str]
) -> None:
    (template,) = assembly("api_key", "iam").glob("*.template.json")
    whole = json.loads(template.read_text())
    for resource in whole["Resources"].values():
        if resource["Type"] == "AWS::ApiGateway::Stage":
            resource["Properties"]["Variables"] = variables
    (tmp_path / template.name).write_text(json.dumps(whole))
    with Gateway(assembly=tmp_path, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        answer = client.post(TICKETS, TICKET, CREDENTIALS["api_key"])
    assert (answer.status, receiver.taken) == (403, [])
    assert answer.message.startswith("Who calls has no identity that can be a tenant")


@of(("jwt", "iam"))
def test_a_key_or_an_identity_of_another_kind_is_nobody_here(edge: Edge) -> None:
    edge.receiver.functions[AUTHORIZER] = lambda _: policy("")
    assert edge.client.post(TICKETS, TICKET, CREDENTIALS["jwt"] | {"x-api-key": "k"}).status == 403
    assert not edge.receiver.taken


def test_a_template_that_trusts_others_is_deployed_anew(assembly: Callable[..., Path]) -> None:
    def deployment(folder: Path) -> str:
        (template,) = folder.glob("*.template.json")
        resources = json.loads(template.read_text())["Resources"]
        (found,) = [name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Deployment"]
        return str(found)

    ways = [("jwt", "iam"), ("jwt", "jwt"), ("api_key", "iam"), ("iam", "iam"), ("iam", "jwt")]
    assert len({deployment(assembly(*way)) for way in ways}) == len(ways)
