"""Nothing that a caller writes becomes a parameter of SendMessage that the route did not set."""

from __future__ import annotations

import json
from http.client import BadStatusLine
from urllib.parse import quote

import pytest

from tests.local.gateway.client import JSON, Client
from tests.local.gateway.examples import GITHUB
from tests.local.gateway.receiver import Receiver

PAYLOADS = [
    "&Action=PurgeQueue",
    "&MessageBody=other",
    "&DelaySeconds=900",
    "&MessageAttribute.1.Name=tenant&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=admin",
    "&MessageAttribute.9.Name=role&MessageAttribute.9.Value.DataType=String&MessageAttribute.9.Value.StringValue=admin",
    "&MessageSystemAttribute.1.Name=AWSTraceHeader",
    "&MessageGroupId=other&MessageDeduplicationId=other",
    "&QueueUrl=https://sqs.us-east-1.amazonaws.com/111111111111/theirs",
    ";Action=PurgeQueue",
    "%26Action%3DPurgeQueue",
    "%2526Action%253DPurgeQueue",
    "+%2B +",
    "\r\nAction=PurgeQueue",
    "\n&Action=PurgeQueue",
    "\u2028&Action=PurgeQueue",
    "$input.body",
    "$input.params('Authorization')",
    "${context.identity.caller}",
    "$!util.urlDecode('%26Action%3DPurgeQueue')",
    "#set($wrong = '')",
    "#set($correlation = 'mine')",
    "#if(true)&Action=PurgeQueue#end",
    "#foreach($i in [1..9])&DelaySeconds=9#end",
    "#include('/etc/passwd')#parse('x')",
    "##",
    "#*",
    "*#",
    "'\"&Action=PurgeQueue",
    "\\'&Action=PurgeQueue",
    '"}&Action=PurgeQueue',
]
TICKET = {
    "ticket_id": "tic-1",
    "email": "ada@example.com",
    "language": "EN",
    "wanted": [{"agent": "agent-1", "hours": 1}],
}
SET = {"Action", "Version", "MessageBody", "MessageGroupId", "MessageDeduplicationId", "DelaySeconds"}


def untouched(receiver: Receiver, *, group: str | None = None, delay: str | None = None) -> None:
    """Every parameter is the route's own, and no attribute is there twice."""
    for sent in receiver.taken:
        own = {name for name in sent.parameters if name.startswith(("MessageAttribute.", "MessageSystemAttribute."))}
        assert set(sent.parameters) - own <= SET
        assert sent.parameters["Action"] == "SendMessage"
        assert sent.parameters.get("MessageGroupId") == group
        assert sent.parameters.get("DelaySeconds") == delay
        names = [value for key, value in sent.parameters.items() if key.endswith(".Name")]
        assert len(names) == len(set(names))
        assert "role" not in names
        assert "AWSTraceHeader" not in names
        assert sent.attributes.get("tenant") in (None, group)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_body_stays_a_body(client: Client, receiver: Receiver, payload: str) -> None:
    ticket = json.dumps(TICKET | {"email": payload.replace("@", "").replace(" ", "").strip() + "@example.com"})
    for path, body, headers in (
        ("/v1/webhooks/github", json.dumps({"note": payload}, ensure_ascii=False), GITHUB),
        ("/v1/webhooks/github", json.dumps({payload: payload}), GITHUB),
        ("/v1/tickets", ticket, {}),
        ("/v1/tickets", json.dumps(TICKET) + payload, {}),
    ):
        answer = client.post(path, body, headers)
        assert answer.status in (202, 400)
        assert [sent.body.decode() for sent in receiver.taken] == ([body] if answer.status == 202 else [])
        untouched(receiver)
        receiver.reset()


@pytest.mark.parametrize(
    "name", ["X-Correlation-Id", "X-Amzn-Trace-Id", "Idempotency-Key", "X-Tenant-Id", "Delay-Seconds"]
)
@pytest.mark.parametrize("payload", [text for text in PAYLOADS if "\r" not in text and "\n" not in text])
def test_a_header_stays_a_value(client: Client, receiver: Receiver, name: str, payload: str) -> None:
    headers: list[tuple[str, str | bytes]] = [*JSON.items(), (name, payload.encode())]
    answer = client.send("POST", "/v1/tickets", json.dumps(TICKET), headers)
    assert answer.status in (202, 400)
    assert len(receiver.taken) == (answer.status == 202)
    for sent in receiver.taken:
        known = set(sent.attributes.values()) | {sent.parameters.get("MessageGroupId")}
        assert payload in known or name not in ("Idempotency-Key", "X-Tenant-Id")
    untouched(receiver, group=payload if name == "X-Tenant-Id" else None)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_path_value_stays_a_group(client: Client, receiver: Receiver, payload: str) -> None:
    body = '{"step":1,"note":"n"}'
    path = f"/v1/tickets/{quote(payload, safe='')}/changes"
    answer = client.post(path, body, {"Idempotency-Key": "k"})
    assert answer.status in (202, 400)
    if answer.status == 202:
        (sent,) = receiver.taken
        assert sent.parameters["MessageGroupId"] == payload
        untouched(receiver, group=payload)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_query_is_ignored(client: Client, receiver: Receiver, payload: str) -> None:
    query = f"?X-Correlation-Id=query&Idempotency-Key={quote(payload)}&Delay-Seconds=9&x={quote(payload, safe='&=')}"
    assert client.post(f"/v1/tickets{query}", json.dumps(TICKET)).status == 202
    untouched(receiver)
    assert "idempotency_key" not in receiver.taken[0].attributes
    assert receiver.taken[0].attributes["correlation_id"] != "query"


def test_a_line_break_in_a_header_is_no_second_header(client: Client, receiver: Receiver) -> None:
    raw = b"k\r\nDelay-Seconds: 900\r\n continued"
    with pytest.raises((ValueError, BadStatusLine)):
        client.send("POST", "/v1/tickets", json.dumps(TICKET), [*JSON.items(), ("Idempotency-Key", raw)])
    assert receiver.taken == []


@pytest.mark.parametrize("name", ["get", "keySet", "header", "class", "__class__", "size"])
def test_a_header_named_like_a_method_is_only_a_header(client: Client, receiver: Receiver, name: str) -> None:
    assert client.post("/v1/tickets", json.dumps(TICKET), {name: "x", "Idempotency-Key": "k"}).status == 202
    assert receiver.taken[0].attributes["idempotency_key"] == "k"


@pytest.mark.parametrize(
    "body",
    [
        '{"ticket_id":"a","ticket_id":"b","email":"a@b.c","language":"EN","wanted":[{"agent":"a","hours":1}]}',
        '{"ticket_id":"","ticket_id":"b","email":"a@b.c","language":"EN","wanted":[{"agent":"a","hours":1}]}',
    ],
)
def test_a_member_that_is_there_twice_changes_nothing_on_the_way(client: Client, receiver: Receiver, body: str) -> None:
    assert client.post("/v1/tickets", body).status == 202
    assert receiver.taken[0].body.decode() == body
    untouched(receiver)
