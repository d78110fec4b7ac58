"""A request is sent to the stage's API and nowhere else, recorded without its body, and answered as it came."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError
from botocore.stub import Stubber

import ops.send.caller
from ops.audit import kept
from ops.caution import careful
from ops.errors import OpsError, UsageError
from ops.send.caller import MOST, api_url
from ops.send.request import Said
from ops.send.send import Sent, send
from ops.send.target import find
from ops.stage import Stage
from stacks import names
from tests.ops.endpoint import Endpoint
from tests.ops.send.api import Api, answer
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

OPEN = find(SAMPLE, "/v1/tickets")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.send.caller, "TIMEOUT", 2)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says what stages there are."""

    def say(**more: Any) -> None:
        monkeypatch.setitem(names.CONTEXT["stages"], names.LOCAL, {**names.CONTEXT["stages"][names.LOCAL], **more})

    return say


def sent(stage: Stage, api: Api, said: Said | None = None, target: Any = OPEN) -> Sent:
    return send(stage, target, said or Said(), url=api.url)


def test_it_goes_where_the_stage_is_and_is_told_as_it_was_answered(stage: Stage, api: Api) -> None:
    found = send(replace(stage, api_url=api.url), OPEN, Said(body=b"{]"))
    (asked,) = api.asked
    assert asked.line == "POST /local/v1/tickets HTTP/1.1"
    assert asked.body == b"{]"
    assert asked.headers["host"] == api.url.split("/")[2]
    assert "authorization" not in asked.headers
    assert (found.answer.status, found.correlation_id, found.good, found.is_traced) == (202, "corr-1", True, True)
    assert found.url == f"{api.url}/v1/tickets"
    assert found.advice is None


def test_it_is_recorded_before_it_is_sent_and_without_its_body(stage: Stage, api: Api, aws: Endpoint) -> None:
    sent(stage, api, Said(body=b'{"email": "ada@example.com"}', headers=[("X-Correlation-Id", "mine")], credential="s"))
    (record,) = kept(stage)
    assert (record.action, record.queue) == ("send", "open_ticket")
    assert record.asked == {"route": "POST /v1/tickets", "correlation_id": "mine"}
    assert record.result == {"status": 202, "correlation_id": "corr-1"}
    assert len(aws.records) == 1
    assert "ada@" not in (stage.files / "audit.jsonl").read_text()


def test_an_api_that_hangs_ends_in_a_sentence_with_what_follows_it(stage: Stage, api: Api) -> None:
    api.answers = [None]
    with pytest.raises(OpsError, match=r"does not answer at .*It may have been taken: trace mine tells"):
        sent(stage, api, Said(headers=[("X-Correlation-Id", "mine")]))
    (record,) = kept(stage)
    assert record.result == {"stopped": "no answer"}


def test_an_answer_without_an_end_is_read_so_far(stage: Stage, api: Api) -> None:
    api.answers = [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 * MOST)]
    found = sent(stage, api)
    assert (len(found.answer.text), found.answer.cut) == (MOST, True)
    api.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"]
    with pytest.raises(OpsError, match="does not answer"):
        sent(stage, api)


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"])
def test_what_is_no_http_is_said_in_a_sentence(stage: Stage, api: Api, said: bytes) -> None:
    api.answers = [said]
    with pytest.raises(OpsError, match="does not answer at"):
        sent(stage, api)


def test_nobody_there_is_said_in_a_sentence(stage: Stage) -> None:
    with pytest.raises(OpsError, match="does not answer at"):
        send(stage, OPEN, Said(), url="http://127.0.0.1:9/local")


def test_a_redirect_is_not_followed(stage: Stage, api: Api) -> None:
    api.answers = [answer(302, Location="http://169.254.169.254/latest/meta-data")]
    found = sent(stage, api)
    assert len(api.asked) == 1
    assert found.advice is not None
    assert "is not followed" in found.advice


def test_a_route_that_asks_for_it_is_signed_by_ones_own_identity(stage: Stage, api: Api, settled: Any) -> None:
    settled(authorization="iam")
    api.answers = [answer(403, {"message": "The caller may not use this route.", "correlation_id": "c"})]
    found = sent(stage, api)
    (asked,) = api.asked
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert "/execute-api/aws4_request" in asked.headers["authorization"]
    assert found.advice is not None
    assert "execute-api:Invoke on arn:aws:execute-api:" in found.advice
    assert found.advice.endswith("/local/POST/v1/tickets.")
    sent(stage, api, Said(headers=[("Authorization", "mine")]))
    assert api.asked[1].headers["authorization"] == "mine"


@pytest.mark.parametrize(
    ("kind", "name", "value"), [("api_key", "x-api-key", "given"), ("jwt", "authorization", "Bearer given")]
)
def test_keys_and_tokens_are_those_that_are_given(
    stage: Stage, api: Api, settled: Any, kind: str, name: str, value: str
) -> None:
    more = {"jwt": {"issuer": "https://i.example", "audience": "a", "jwks_uri": "https://i.example/keys"}}
    settled(authorization=kind, **(more if kind == "jwt" else {}))
    sent(stage, api, Said(credential="given"))
    assert api.asked[0].headers[name] == value
    api.answers = [answer(401, {"message": "no", "correlation_id": "c"})]
    found = sent(stage, api)
    assert name not in api.asked[1].headers, "and nobody's is looked for"
    assert found.advice is not None
    assert "HEADRACE_CREDENTIAL" in found.advice
    assert "given" not in json.dumps(found.told())


@pytest.mark.parametrize("credential", ["a\r\nX-Evil: 1", "a\nb", "\u0416", "a\0"])
@pytest.mark.parametrize("kind", ["api_key", "none"])
def test_a_credential_is_no_way_to_say_another_header(
    stage: Stage, api: Api, settled: Any, kind: str, credential: str
) -> None:
    settled(authorization=kind)
    with pytest.raises(UsageError, match="The credential has a character in it"):
        sent(stage, api, Said(credential=credential))
    assert not api.asked
    assert not kept(stage)


def test_credentials_that_ran_out_are_said_and_nothing_was_sent(stage: Stage, api: Api, settled: Any) -> None:
    settled(authorization="iam")

    class Gone(Credentials):  # type: ignore[misc]
        def get_frozen_credentials(self) -> Any:
            raise CredentialRetrievalError(provider="sso", error_msg="expired")

    gone = Gone("key", "hidden")
    stage.session.get_credentials = lambda: gone
    with pytest.raises(OpsError, match=r"AWS could not be asked: .*expired") as caught:
        sent(stage, api)
    assert "may have been taken" not in str(caught.value)
    assert not api.asked
    (record,) = kept(stage)
    assert record.result == {"stopped": "not sent"}


def test_too_many_requests_say_when_to_come_again(stage: Stage, api: Api) -> None:
    api.answers = [answer(429, {"message": "Too many", "correlation_id": "c"}, Retry_After="7")]
    found = sent(stage, api)
    assert (found.good, found.is_traced) == (False, False)
    assert found.advice == "Send it again in 7 s, with the same Idempotency-Key."


def test_a_page_of_a_proxy_is_none_of_the_apis(stage: Stage, api: Api) -> None:
    api.answers = [answer(407, b"<html>\xff</html>", Content_Type="text/html")]
    found = sent(stage, api)
    assert found.advice is not None
    assert "not the API's own answer" in found.advice
    assert found.answer.text == "<html>\ufffd</html>"


def test_what_can_be_read_is_read_and_what_is_as_it_was_is_good(stage: Stage, api: Api) -> None:
    there = replace(stage, topology=STATUSES)
    read = find(STATUSES, "GET /v1/tickets/{ticket_id}")
    api.answers = [b'HTTP/1.1 304 X\r\nETag: "1"\r\n\r\n']
    found = sent(there, api, Said({"ticket_id": "a"}, [("If-None-Match", '"1"')]), read)
    assert api.asked[0].line == "GET /local/v1/tickets/a HTTP/1.1"
    assert api.asked[0].headers["if-none-match"] == '"1"'
    assert (found.good, found.is_traced, found.advice) == (True, False, None)
    (record,) = kept(there)
    assert record.queue == "GET /v1/tickets/{ticket_id}"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/x",
        "h/x",
        "https://",
        "https://h:x/dev",
        "https://h/dev?a=1",
        "https://h/d#e",
        "https://h/a b",
        "",
        "//h",
    ],
)
def test_what_is_no_url_is_refused(stage: Stage, url: str) -> None:
    with pytest.raises(UsageError, match="no API"):
        send(stage, OPEN, Said(), url=url)
    assert not kept(stage)


def test_where_data_is_kept_nothing_is_sent_unless_that_is_said(stage: Stage, api: Api) -> None:
    prod = replace(stage, name="prod")
    assert careful(prod)
    assert not careful(stage)
    with pytest.raises(UsageError, match=r"stage prod keeps what is real\. Say --prod"):
        send(prod, OPEN, Said(), url=api.url)
    assert not api.asked
    assert not kept(prod)


def test_on_aws_the_api_is_found_by_its_name_as_an_operator_may() -> None:
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    for region, suffix in (("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")):
        stage = Stage("dev", region, None, SAMPLE, session)
        items = [{"id": "a1", "name": names.resource("dev", "api")}, {"id": "b2", "name": "another"}]
        with Stubber(stage.client("apigateway")) as stubber:
            stubber.add_response("get_rest_apis", {"items": items})
            assert api_url(stage) == f"https://a1.execute-api.{region}.{suffix}/dev"
            stubber.add_response("get_rest_apis", {"items": [*items, {"id": "c3", "name": items[0]["name"]}]})
            with pytest.raises(OpsError, match=r"has 2 APIs .*say which by --api-url"):
                api_url(stage)
            stubber.add_response("get_rest_apis", {"items": items[1:]})
            with pytest.raises(OpsError, match=r"has no APIs .*deploy stage dev"):
                api_url(stage)


def test_a_local_stack_without_routes_has_no_api(stage: Stage) -> None:
    with pytest.raises(UsageError, match="The stage has no API"):
        send(stage, OPEN, Said())
