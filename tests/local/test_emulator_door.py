"""The emulator answers clients of AWS, and no web page; what goes around IAM it answers to the owner of the stack."""

from __future__ import annotations

import json

import pytest
import urllib3

from local.aws import client
from local.emulator import Emulator
from local.mailbox import mails

AROUND_IAM = (
    ("GET", "/_ministack/ses/messages"),
    ("GET", "/_ministack/sqs/messages"),
    ("GET", "/_ministack/ready"),
    ("GET", "/_ministack/health/"),
    ("GET", "/_ministack/lambda-code/any"),
    ("GET", "/%5Fministack/ses/messages"),
    ("PUT", "/_ministack/cfn-response"),
    ("GET", "/_ministack/cfn-response/any"),
    ("POST", "/_ministack/config"),
    ("POST", "/_ministack/reset"),
    ("POST", "/_headrace/caller"),
    ("POST", "/restapis/any/local/_user_request_/v1/tickets"),
    ("POST", "/_aws/execute-api/any/local/v1/tickets"),
    ("POST", "/_aws/lambda-url/any/"),
    ("GET", "/_localstack/health"),
)


@pytest.fixture(scope="module")
def http(emulator: Emulator) -> urllib3.PoolManager:
    return urllib3.PoolManager(ca_certs=emulator.endpoint.ca_bundle, retries=False)


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "page.example"},
        {"Host": "page.example:443"},
    ],
    ids=str,
)
def test_what_a_web_page_could_send_is_refused(
    emulator: Emulator, http: urllib3.PoolManager, header: dict[str, str]
) -> None:
    owner = emulator.endpoint.pass_header()
    for method, path in (("GET", "/_ministack/ses/messages"), ("POST", "/_ministack/reset"), ("OPTIONS", "/")):
        answer = http.request(method, f"{emulator.url}{path}", headers=header | owner)
        assert answer.status == 403, method
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    good = http.request("GET", f"{emulator.url}/_ministack/ses/messages", headers=owner)
    assert good.status == 200
    assert not [name for name in good.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(("method", "path"), AROUND_IAM)
def test_what_goes_around_iam_is_its_owners_alone(
    emulator: Emulator, http: urllib3.PoolManager, method: str, path: str
) -> None:
    (name,) = emulator.endpoint.pass_header()
    for given in ({}, {name: ""}, {name: "guessed"}, {name: emulator.endpoint.secret_access_key}, {name: "\xff"}):
        answer = http.request(method, f"{emulator.url}{path}", headers=given)
        assert answer.status == 403, given
        assert json.loads(answer.data)["message"].startswith("Forbidden: ")


def test_whether_it_runs_anybody_may_ask(emulator: Emulator, http: urllib3.PoolManager) -> None:
    assert http.request("GET", f"{emulator.url}/_ministack/health").status == 200


@pytest.mark.parametrize("asked", [b"", b"{bad", b'{"method":1}', b"[]", b"\xff"])
def test_a_question_that_cannot_be_read_is_a_400(emulator: Emulator, http: urllib3.PoolManager, asked: bytes) -> None:
    header = emulator.endpoint.pass_header()
    answer = http.request("POST", f"{emulator.url}/_headrace/caller", headers=header, body=asked)
    assert (answer.status, set(json.loads(answer.data))) == (400, {"message"})


def test_the_owner_reads_what_was_mailed(emulator: Emulator) -> None:
    ses = client("sesv2", emulator.endpoint)
    ses.create_email_identity(EmailIdentity="door@example.com")
    text = {"Subject": {"Data": "through the door"}, "Body": {"Text": {"Data": "good morning"}}}
    ses.send_email(
        FromEmailAddress="door@example.com",
        Destination={"ToAddresses": ["ada@example.com"]},
        Content={"Simple": text},
    )
    (mail,) = mails(emulator.endpoint, "through the door")
    assert (mail["Subject"], mail["BodyText"]) == ("through the door", "good morning")
    assert mails(emulator.endpoint, "never mailed") == []
