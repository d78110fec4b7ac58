"""What a caller is answered, and what SQS got: the promises of the edge."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from functions.contracts.key import scoped, unscoped
from functions.contracts.webhooks import ReceiveWebhook
from stacks import names
from stacks.edge.content_type import SPELLINGS
from stacks.edge.mapping_template import LARGEST_BODY, LONGEST_HASHED_KEY
from tests.local.gateway.client import JSON, Client
from tests.local.gateway.examples import CHANGE, CHANGES, GITHUB, KEY, TICKET, TICKETS
from tests.local.gateway.receiver import Receiver


def padded(size: int) -> str:
    """The ticket with spaces behind it, in that many bytes."""
    return TICKET + " " * (size - len(TICKET))


def hook(size: int) -> str:
    """A webhook in that many bytes."""
    return '{"a":1}' + " " * (size - len('{"a":1}'))


def test_a_202_names_the_message_and_the_correlation_id(client: Client, receiver: Receiver) -> None:
    answer = client.post(TICKETS, TICKET)
    assert answer.status == 202
    assert set(answer.json) == {"message_id", "correlation_id"}
    assert answer.headers["x-correlation-id"] == answer.json["correlation_id"]
    assert answer.headers["content-type"] == "application/json"
    (sent,) = receiver.taken
    assert sent.queue == names.queue(names.LOCAL, "open_ticket")
    assert sent.body.decode() == TICKET
    assert sent.attributes["correlation_id"] == answer.json["correlation_id"]
    assert sent.attributes["route"] == "POST /v1/tickets"
    assert sent.attributes["received_at"].isdigit()


@pytest.mark.parametrize("name", ["X-Correlation-Id", "x-correlation-id", "X-CORRELATION-ID"])
def test_a_valid_correlation_id_of_the_caller_is_kept_however_its_header_is_written(
    client: Client, receiver: Receiver, name: str
) -> None:
    answer = client.post(TICKETS, TICKET, {name: "checkout-7f3/2"})
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"] == "checkout-7f3/2"
    assert receiver.taken[0].attributes["correlation_id"] == "checkout-7f3/2"


@pytest.mark.parametrize("given", ["", "two words", 'a"b', "a&b=c", "é", "x" * 129, "$context.stage"])
def test_an_invalid_correlation_id_is_replaced_by_the_request_id(
    client: Client, receiver: Receiver, given: str
) -> None:
    answer = client.post(TICKETS, TICKET, {"X-Correlation-Id": given})
    assert answer.status == 202
    assert answer.json["correlation_id"] == answer.headers["x-amzn-requestid"]
    assert receiver.taken[0].attributes["correlation_id"] == answer.headers["x-amzn-requestid"]


def test_a_fifo_route_takes_its_group_from_the_path_and_its_deduplication_id_from_the_key(
    client: Client, receiver: Receiver
) -> None:
    assert client.post(CHANGES, CHANGE, KEY).status == 202
    (sent,) = receiver.taken
    assert sent.queue == names.queue(names.LOCAL, "change_ticket", fifo=True)
    assert sent.parameters["MessageGroupId"] == "tic-1001"
    assert sent.parameters["MessageDeduplicationId"].partition(":")[0] == "k-1"
    assert sent.attributes["idempotency_key"] == "k-1"


def test_the_same_key_with_another_body_is_not_dropped_by_sqs(client: Client, receiver: Receiver) -> None:
    for body in (CHANGE, CHANGE, CHANGE.replace("1", "2")):
        assert client.post(CHANGES, body, KEY).status == 202
    first, again, other = (sent.parameters["MessageDeduplicationId"] for sent in receiver.taken)
    assert first == again != other


def test_the_longest_key_has_room_for_the_hash_code_and_is_never_what_another_makes(
    client: Client, receiver: Receiver
) -> None:
    assert client.post(CHANGES, CHANGE, {"Idempotency-Key": "k" * LONGEST_HASHED_KEY}).status == 202
    (id_,) = (sent.parameters["MessageDeduplicationId"] for sent in receiver.taken)
    assert re.fullmatch(r"k{105}:-?[0-9]+", id_)
    assert client.post(CHANGES, CHANGE, {"Idempotency-Key": id_}).status == 400


@pytest.mark.parametrize(
    ("path", "body", "longest"), [(TICKETS, TICKET, 128), (CHANGES, CHANGE, 105)], ids=["standard", "fifo"]
)
@pytest.mark.parametrize("key", ["two words", "too long", "ключ", "tab\there"])
def test_a_key_that_sqs_would_not_take_is_a_400_that_says_so(
    client: Client, receiver: Receiver, path: str, body: str, longest: int, key: str
) -> None:
    sent = "k" * (longest + 1) if key == "too long" else key
    headers: list[tuple[str, str | bytes]] = [*JSON.items(), ("Idempotency-Key", sent.encode())]
    answer = client.send("POST", path, body, headers)
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith(f"Idempotency-Key must be 1 to {longest} ")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"idempotency-key": "  "}])
def test_a_fifo_route_without_a_key_is_a_400_that_names_it(
    client: Client, receiver: Receiver, headers: dict[str, str]
) -> None:
    answer = client.post(CHANGES, CHANGE, headers)
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith("Idempotency-Key must be 1 to 105 ")


def test_every_header_counts_in_lower_case_as_http_2_sends_it(client: Client, receiver: Receiver) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    headers = {
        **KEY,
        "X-Tenant-Id": "acme",
        "X-Correlation-Id": "c-1",
        "X-Amzn-Trace-Id": trace,
        "Content-Type": "application/json",
    }
    for path, body in ((CHANGES, CHANGE), (TICKETS, TICKET)):
        answer = client.send("POST", path, body, [(name.lower(), value) for name, value in headers.items()])
        assert answer.status == 202, answer.text
        attributes = receiver.taken[-1].attributes
        assert [attributes[name] for name in ("idempotency_key", "tenant", "correlation_id")] == ["k-1", "acme", "c-1"]
        assert trace in receiver.taken[-1].parameters.values()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "ticket_id"),
        ("{", "not JSON"),
        ("[]", "type"),
        (TICKET.replace('"ticket_id": "tic-1001", ', ""), "ticket_id"),
        (TICKET.replace("42", '"42"'), "#/wanted/0/hours breaks type"),
        (TICKET.replace("42", "1.5"), "#/wanted/0/hours breaks type"),
        (TICKET.replace("EN", "english"), "#/language breaks pattern"),
        (TICKET.replace('"language"', '"colour": 1, "language"'), "colour"),
        (TICKET.replace("42", "NaN"), "not JSON"),
        ("\ufeff" + TICKET, "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_a_400_and_the_execution_log_says_why(
    client: Client, receiver: Receiver, assembly: Path, body: str, says: str
) -> None:
    answer = client.post(TICKETS, body)
    assert (answer.status, receiver.calls) == (400, 0)
    assert "fits the contract of POST /v1/tickets;" in answer.message
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"]
    line = (assembly.parent / "execution.log").read_text().splitlines()[-1]
    assert line.startswith(f"({answer.headers['x-amzn-requestid']}) ")
    assert says in line


@pytest.mark.parametrize("word", ['"', "\\", '\\"', "'", "\n", "é", "$context.requestId", "\ud83d\ude00"])
def test_what_a_caller_writes_into_a_body_that_does_not_fit_breaks_no_answer(
    client: Client, receiver: Receiver, word: str
) -> None:
    ticket = json.loads(TICKET)
    for wrong in (ticket | {"language": word}, ticket | {word: 1}, {word: word}):
        answer = client.post(TICKETS, json.dumps(wrong))
        assert (answer.status, set(answer.json)) == (400, {"message", "correlation_id"})
    assert receiver.calls == 0


@pytest.mark.parametrize(
    "body", [b'{"a":"\xff"}', b'{"\xc3":1}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf0\x9f"}', '{"a":"\ufffd"}'.encode()]
)
def test_a_body_that_would_not_arrive_as_it_was_sent_is_a_400_that_says_so(
    client: Client, receiver: Receiver, body: bytes
) -> None:
    answer = client.post("/v1/webhooks/github", body, GITHUB)
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith("The body is not UTF-8, or holds U+FFFD")


@pytest.mark.parametrize("body", ['{"a":"\\ufffd"}', '{"a":"%EF%BF%BD"}', '{"a":"%ef%bf%bd"}', '{"a":"ï¿½"}'])
def test_what_only_looks_like_the_replacement_arrives(client: Client, receiver: Receiver, body: str) -> None:
    assert client.post("/v1/webhooks/github", body, GITHUB).status == 202
    assert receiver.taken[0].body == body.encode()


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/xml", "application/x-www-form-urlencoded", "*/*", "APPLICATION/JSON"),
        *("application/json; charset=latin-1", "application/json;", "application/json , text/plain"),
    ],
)
@pytest.mark.parametrize("body", [TICKET, "<a/>", "Action=DeleteQueue&QueueUrl=x", ""])
def test_another_content_type_is_a_415_whatever_the_body_and_never_reaches_sqs(
    client: Client, receiver: Receiver, kind: str, body: str
) -> None:
    answer = client.post(TICKETS, body, {"Content-Type": kind})
    assert (answer.status, receiver.calls) == (415, 0)
    assert "application/json" in answer.message


@pytest.mark.parametrize("kind", SPELLINGS)
def test_json_is_json_with_a_charset_too(client: Client, receiver: Receiver, kind: str) -> None:
    assert client.post(TICKETS, TICKET, {"Content-Type": kind}).status == 202
    assert client.post(TICKETS, "{}", {"Content-Type": kind}).status == 400


def test_a_request_without_a_content_type_is_taken_for_json(client: Client, receiver: Receiver) -> None:
    assert client.send("POST", TICKETS, TICKET).status == 202
    assert client.send("POST", TICKETS, "{}").status == 400
    assert receiver.taken[0].body.decode() == TICKET


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_a_413(client: Client, receiver: Receiver) -> None:
    assert client.post(TICKETS, padded(LARGEST_BODY)).status == 202
    assert len(receiver.taken[0].body) == LARGEST_BODY
    answer = client.post(TICKETS, padded(LARGEST_BODY + 1))
    assert (answer.status, len(receiver.taken)) == (413, 1)
    assert str(LARGEST_BODY) in answer.message


def test_a_route_whose_body_becomes_an_event_leaves_room_for_what_surrounds_it(
    client: Client, receiver: Receiver
) -> None:
    most = ReceiveWebhook.largest_body or 0
    assert client.post("/v1/webhooks/github", hook(most), GITHUB).status == 202
    assert len(receiver.taken[0].body) == most
    answer = client.post("/v1/webhooks/github", hook(most + 1), GITHUB)
    assert (answer.status, len(receiver.taken)) == (413, 1)
    assert f"larger than {most} bytes" in answer.message


def test_the_limit_counts_bytes_not_characters(client: Client, receiver: Receiver) -> None:
    wide = json.dumps({"event": "é€😀" * 120_000}, ensure_ascii=False)
    assert len(wide) < LARGEST_BODY < len(wide.encode())
    assert client.post("/v1/webhooks/github", wide, GITHUB).status == 413
    assert receiver.taken == []


def test_the_largest_body_with_the_largest_metadata_still_fits_into_sqs(client: Client, receiver: Receiver) -> None:
    headers = {"Idempotency-Key": "k" * 128, "X-Correlation-Id": "c" * 128, "X-Tenant-Id": "t" * 128}
    assert client.post(TICKETS, padded(LARGEST_BODY), headers).status == 202
    signature = "t=1700000000" + f",v1={'0' * 64}" * 6
    headers |= {"X-Signature": signature, "X-Event": "e" * 64}
    assert client.post("/v1/webhooks/partner", hook(ReceiveWebhook.largest_body or 0), headers).status == 202


def test_a_request_larger_than_api_gateway_takes_is_a_413(client: Client, receiver: Receiver) -> None:
    answer = client.post(TICKETS, padded(10 * 1024 * 1024 + 1))
    assert (answer.status, receiver.calls) == (413, 0)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/nothing"), ("GET", TICKETS), ("POST", "/"), ("POST", TICKETS + "//changes")]
)
def test_a_route_that_does_not_exist_is_a_404(client: Client, receiver: Receiver, method: str, path: str) -> None:
    answer = client.send(method, path, TICKET, list(JSON.items()))
    assert (answer.status, receiver.calls) == (404, 0)
    assert answer.json["correlation_id"]


@pytest.mark.parametrize("path", ["/v1/tickets/", "/v1//tickets", "//v1/tickets///"])
def test_a_slash_too_many_leads_to_the_route_all_the_same(client: Client, receiver: Receiver, path: str) -> None:
    assert client.post(path, TICKET).status == 202
    assert receiver.taken[0].attributes["route"] == "POST /v1/tickets"


def test_a_standard_queue_is_shared_fairly_by_the_tenants_that_callers_name(client: Client, receiver: Receiver) -> None:
    assert client.post(TICKETS, TICKET, {"X-Tenant-Id": "acme:eu"}).status == 202
    assert client.post(TICKETS, TICKET).status == 202
    named, unnamed = receiver.taken
    assert named.parameters["MessageGroupId"] == named.attributes["tenant"] == "acme:eu"
    assert "MessageGroupId" not in unnamed.parameters
    assert "tenant" not in unnamed.attributes


def test_a_tenant_that_sqs_would_not_take_is_a_400_that_says_so(client: Client, receiver: Receiver) -> None:
    answer = client.post(TICKETS, TICKET, {"X-Tenant-Id": "two words"})
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith("X-Tenant-Id must be")


@pytest.mark.parametrize("tenant", ["acme", "acme:eu", "a/b", "a%2Fb", "100%", "/", "\"\\'$#{}"])
def test_one_group_of_a_fifo_route_is_each_tenants_own(client: Client, receiver: Receiver, tenant: str) -> None:
    assert client.post(CHANGES, CHANGE, {**KEY, "X-Tenant-Id": tenant}).status == 202
    (sent,) = receiver.taken
    assert (sent.parameters["MessageGroupId"], sent.attributes["tenant"]) == (scoped(tenant, "tic-1001"), tenant)
    assert unscoped(tenant, sent.parameters["MessageGroupId"]) == "tic-1001"


def test_a_tenant_and_a_path_that_are_too_long_for_a_group_are_a_400_that_says_so(
    client: Client, receiver: Receiver
) -> None:
    path = f"/v1/tickets/{'t' * 64}/changes"
    assert client.post(path, CHANGE, {**KEY, "X-Tenant-Id": "a" * 62}).status == 202
    answer = client.post(path, CHANGE, {**KEY, "X-Tenant-Id": "a" * 63})
    assert (answer.status, len(receiver.taken)) == (400, 1)
    assert answer.message.startswith("ticket_id and the tenant are too long for a message group of 128 characters")


@pytest.mark.parametrize(
    "value",
    ["a!b", "c$d", "a%2Fb", "%20", "a%0A", "%0Aa", "t" * 65, "%C3%A9", "%F0%9F%98%80", "%E2%80%A8", "'", "a%22"],
)
def test_a_path_that_the_contract_does_not_allow_is_a_400_that_names_it(
    client: Client, receiver: Receiver, value: str
) -> None:
    answer = client.post(f"/v1/tickets/{value}/changes", CHANGE, KEY)
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message == "ticket_id, in the path, must match [A-Za-z0-9_-]{1,64} as a whole. Nothing was queued."


def test_a_body_does_not_say_what_the_path_says(client: Client, receiver: Receiver) -> None:
    answer = client.post(CHANGES, '{"ticket_id":"tic-1001","step":1,"note":""}', KEY)
    assert (answer.status, receiver.calls) == (400, 0)
    assert "ticket_id" in answer.message


@pytest.mark.parametrize("seconds", ["0", "7", "60", "899", "900"])
def test_a_route_that_allows_it_holds_a_message_back(client: Client, receiver: Receiver, seconds: str) -> None:
    assert client.post(TICKETS, TICKET, {"Delay-Seconds": seconds}).status == 202
    assert receiver.taken[0].parameters["DelaySeconds"] == seconds


@pytest.mark.parametrize("seconds", ["31536001", "-1", "1.5", "60s", "1e2", "0x10", "99999999"])
def test_a_delay_of_more_than_a_year_or_none_is_a_400_that_says_so(
    client: Client, receiver: Receiver, seconds: str
) -> None:
    answer = client.post(TICKETS, TICKET, {"Delay-Seconds": seconds})
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith("Delay-Seconds must be 0 to 31536000")


@pytest.mark.parametrize("seconds", ["901", "9000", "31536000"])
def test_a_delay_that_sqs_would_not_take_travels_with_the_message(
    client: Client, receiver: Receiver, seconds: str
) -> None:
    assert client.post(TICKETS, TICKET, {"Delay-Seconds": seconds}).status == 202
    sent = receiver.taken[0].parameters
    assert "DelaySeconds" not in sent
    assert f"+{seconds}" in sent.values()
    assert "deliver_at" in sent.values()


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2020-01-01T00:00:00Z", "Delay-Until is past."),
        ("2098-01-01T00:00:00Z", "Delay-Until is more than a year ahead."),
        ("2027-02-29T00:00:00Z", "Delay-Until must be a time in UTC"),
        ("2027-01-31T09:00:00+01:00", "Delay-Until must be a time in UTC"),
        ("tomorrow", "Delay-Until must be a time in UTC"),
    ],
)
def test_a_time_that_makes_no_sense_is_a_400_that_says_so(
    client: Client, receiver: Receiver, until: str, words: str
) -> None:
    answer = client.post(TICKETS, TICKET, {"Delay-Until": until})
    assert (answer.status, receiver.taken) == (400, [])
    assert answer.message.startswith(words)


def test_a_body_that_cannot_wait_so_long_is_a_413_that_says_so(client: Client, receiver: Receiver) -> None:
    large = ("{" + " " * 126_000 + TICKET.strip()[1:]).encode()
    answer = client.post(TICKETS, large, {"Delay-Seconds": "901"})
    assert (answer.status, receiver.taken) == (413, [])
    assert "larger than 126000 bytes" in answer.message


def test_a_route_that_does_not_allow_a_delay_has_none(client: Client, receiver: Receiver) -> None:
    assert client.post(CHANGES, CHANGE, {**KEY, "Delay-Seconds": "60"}).status == 202
    assert "DelaySeconds" not in receiver.taken[0].parameters


def test_the_trace_goes_on_in_the_system_attribute(client: Client, receiver: Receiver) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    assert client.post(TICKETS, TICKET, {"X-Amzn-Trace-Id": trace}).status == 202
    assert receiver.taken[0].parameters["MessageSystemAttribute.1.Value.StringValue"] == trace


@pytest.mark.parametrize("trace", ["Root=1;&DelaySeconds=900", "Root=1-5759e988-bd862e3fe1be46a994272793"])
def test_a_trace_that_is_malformed_or_not_decided_is_left_to_api_gateway(
    client: Client, receiver: Receiver, trace: str
) -> None:
    assert client.post(TICKETS, TICKET, {"X-Amzn-Trace-Id": trace}).status == 202
    assert not any(name.startswith("MessageSystemAttribute") for name in receiver.taken[0].parameters)


def test_no_message_carries_more_than_ten_attributes(client: Client, receiver: Receiver) -> None:
    everything = {
        **KEY,
        "X-Tenant-Id": "acme",
        "X-Correlation-Id": "c",
        "X-Signature": f"t=1700000000,v1={'0' * 64}",
        "X-Event": "ping",
    }
    for path, body in ((TICKETS, TICKET), (CHANGES, CHANGE), ("/v1/webhooks/partner", '{"a":1}')):
        assert client.post(path, body, everything).status == 202
    assert max(len(sent.attributes) for sent in receiver.taken) <= 9  # a redrive adds one
