"""What somebody says becomes just that request: nothing in it makes another of it, and the API judges the rest."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from functions.contracts.webhooks import SCHEMES
from functions.runtime.webhook import check
from ops.dead_letters.redaction import Redaction
from ops.errors import UsageError
from ops.send.command import send_command
from ops.send.request import OURS, Said, header, request, value
from ops.send.target import find, targets
from tests.sample.followed import FOLLOWED
from tests.sample.laned import LANED
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

OPEN, CHANGE = (find(SAMPLE, name) for name in ("/v1/tickets", "change_ticket"))
REDACTION = Redaction(SAMPLE)
GITHUB = find(SAMPLE, "/v1/webhooks/github")


def headers(said: Said, target: Any = OPEN) -> dict[str, str]:
    return dict(request(target, said).headers)


def test_every_route_is_there_each_sender_for_itself_and_what_can_be_read() -> None:
    assert [each.name for each in targets(SAMPLE)] == [
        "POST /v1/tickets",
        "POST /v1/tickets/{ticket_id}/changes",
        *(f"POST /v1/webhooks/{sender}" for sender in ("github", "partner", "shopify", "stripe")),
    ]
    reads = [each for each in targets(STATUSES) if each.body is None]
    assert [each.name for each in reads] == ["GET /v1/tickets/{ticket_id}", "GET /v1/requests/{correlation_id}"]
    assert [each.integration for each in reads] == ["tickets", None]


@pytest.mark.parametrize("topology", [SAMPLE, STATUSES, LANED, FOLLOWED])
def test_every_route_has_an_example_that_can_be_sent(topology: Any) -> None:
    for target in targets(topology):
        made = request(target, Said({name: target.value(name) or "x" for name in target.in_path}))
        assert made.method == target.route.method
        assert bool(made.body) == (target.body is not None)


@pytest.mark.parametrize("text", ["POST /v1/tickets", "post  /v1/tickets", "/v1/tickets", "open_ticket"])
def test_a_route_is_found_by_what_people_call_it(text: str) -> None:
    assert find(SAMPLE, text) is not None
    assert find(SAMPLE, text).name == "POST /v1/tickets"


def test_what_is_no_route_or_more_than_one_is_said() -> None:
    with pytest.raises(UsageError, match=r"no route '/v1/ticket'\. Did you mean /v1/tickets\? There is: POST"):
        find(SAMPLE, "/v1/ticket")
    with pytest.raises(UsageError, match=r"receive_webhook may be POST /v1/webhooks/github or .*: say which"):
        find(SAMPLE, "receive_webhook")


def test_a_body_is_sent_byte_for_byte_and_without_one_the_contracts_example() -> None:
    odd = b'{"a": 1.50,\xff\x00'
    assert request(OPEN, Said(body=odd)).body == odd
    assert json.loads(request(OPEN, Said()).body) == OPEN.example
    assert headers(Said())["Content-Type"] == "application/json"
    assert headers(Said(headers=[("content-type", "text/plain")])) | {"X-Correlation-Id": ""} == {
        "content-type": "text/plain",
        "X-Correlation-Id": "",
    }
    with pytest.raises(UsageError, match="takes no body"):
        request(find(STATUSES, "GET /v1/tickets/{ticket_id}"), Said({"ticket_id": "t"}, body=b"{}"))


def test_a_request_has_a_correlation_id_and_a_persons_own_stays() -> None:
    first, second = (headers(Said())["X-Correlation-Id"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f-]{36}", first)
    assert first != second
    assert headers(Said(headers=[("x-correlation-id", "mine")]))["x-correlation-id"] == "mine"
    assert "X-Correlation-Id" not in headers(Said(headers=[("x-correlation-id", "mine")]))


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("t-1", "t-1"),
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("?x=1#y", "%3Fx%3D1%23y"),
        ("a\r\nHost: evil", "a%0D%0AHost%3A%20evil"),
        ("%2e%2e", "%252e%252e"),
        ("ü", "%C3%BC"),
        ("...", "..."),
    ],
)
def test_a_value_stays_one_part_of_the_path(said: str, path: str) -> None:
    assert request(CHANGE, Said({"ticket_id": said})).path == f"/v1/tickets/{path}/changes"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, r"needs its ticket_id"),
        ({"ticket_id": ""}, r"needs its ticket_id"),
        ({"ticket_id": "."}, "leads elsewhere"),
        ({"ticket_id": ".."}, "leads elsewhere"),
        ({"ticket_id": "t" * 9000}, "has 9,000 characters"),
        ({"ticket_id": "t", "order_id": "o"}, "has no 'order_id': it takes ticket_id"),
    ],
)
def test_a_path_that_would_be_another_is_refused(said: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        request(CHANGE, Said(said))


@pytest.mark.parametrize("name", [*sorted(OURS), "Host", "Content-Length", "TRANSFER-ENCODING"])
def test_headers_that_say_whom_a_request_is_for_or_where_it_ends_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not for a person to say"):
        request(OPEN, Said(headers=[(name, "1")]))


@pytest.mark.parametrize("told", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\u010a", "\U0001f600"])
def test_a_header_cannot_hold_another(told: str) -> None:
    with pytest.raises(UsageError, match="no header may have"):
        request(OPEN, Said(headers=[("Idempotency-Key", told)]))


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ü", "a\0"])
def test_a_headers_name_is_one(name: str) -> None:
    with pytest.raises(UsageError, match="no name of a header"):
        request(OPEN, Said(headers=[(name, "1")]))


def test_headers_and_values_are_read_as_people_write_them() -> None:
    assert header(" Idempotency-Key:  a: b ") == ("Idempotency-Key", "a: b")
    assert value("ticket_id=a=b ") == ("ticket_id", "a=b ")
    with pytest.raises(UsageError, match="is no header: write it like"):
        header("Idempotency-Key")
    with pytest.raises(UsageError, match="is no value of a path"):
        value("ticket_id")


@pytest.mark.parametrize("sender", ["github", "partner", "shopify", "stripe"])
def test_whoever_has_a_senders_secret_signs_as_the_sender_does(sender: str) -> None:
    target, body = find(SAMPLE, f"/v1/webhooks/{sender}"), b'{"id":"evt_1"}'
    scheme = SCHEMES[target.route.senders[sender]]
    made = request(target, Said(body=body, credential="whsec_51"))
    signature = dict(made.headers)[scheme.header]
    received = float(match[1]) if (match := re.match(r"t=(\d+)", signature)) else 0.0
    check(scheme, signature, body.decode(), secrets=("whsec_51",), received=received)
    assert "whsec_51" not in str(made)
    own = request(target, Said(body=body, headers=[(scheme.header.lower(), "mine")], credential="whsec_51"))
    assert [told for name, told in own.headers if name.lower() == scheme.header.lower()] == ["mine"]
    assert scheme.header not in dict(request(target, Said(body=body)).headers)


def test_the_command_says_all_but_the_credential() -> None:
    said = Said({"ticket_id": "t 1"}, [("Idempotency-Key", "k'1")], b'{"note": "x"}', credential="secret")
    told = send_command(CHANGE, said, REDACTION, ["--stage", "dev"])
    assert "secret" not in told
    assert told.startswith("python -m ops send 'POST /v1/tickets/{ticket_id}/changes' --path 'ticket_id=t 1'")
    assert '\'--body={"note": "x"}\'' in told
    assert told.endswith("--stage dev")
    assert "--body" not in send_command(OPEN, Said(body=request(OPEN, Said()).body), REDACTION)
    assert "--body=@FILE" in send_command(OPEN, Said(body=b"x" * 5_000), REDACTION)


@pytest.mark.parametrize(
    "told",
    [
        "Referer: ftp://hidden-1:x@h/",
        "Referer: https://h/?code=hidden-1",
        "X-Api-Key: one hidden-1",
        "X-Auth-Key: (hidden-1)",
        "Ocp-Apim-Subscription-Key: hidden-1",
        'Authorization: Digest username="a", response="hidden-1"',
        "X-Hub-Signature-256: sha256=hidden-1",
        "Cookie: a=b; hidden-1",
    ],
)
def test_the_command_hides_the_whole_of_a_header_that_the_route_does_not_name(told: str) -> None:
    name = told.partition(":")[0]
    assert f"--header '{name}: [secret]'" in send_command(OPEN, Said(headers=[header(told)]), REDACTION)


@pytest.mark.parametrize("sender", ["github", "partner", "shopify", "stripe"])
def test_the_command_hides_the_whole_of_a_senders_signature_and_shows_what_it_is_about(sender: str) -> None:
    target = find(SAMPLE, f"/v1/webhooks/{sender}")
    scheme = SCHEMES[target.route.senders[sender]]
    told = [(scheme.header.upper(), "t=1,v1=hidden-1"), *([(scheme.topic, "push")] if scheme.topic else [])]
    shown = send_command(target, Said(headers=told), REDACTION)
    assert f"--header '{scheme.header.upper()}: [secret]'" in shown
    assert "hidden-1" not in shown
    assert scheme.topic is None or f"--header '{scheme.topic}: push'" in shown


def test_the_command_shows_the_headers_that_the_route_names_but_no_secret_within_them() -> None:
    told = [("idempotency-key", "k 1"), ("X-Correlation-Id", "Bearer abcdefghijklmnop1234")]
    shown = send_command(OPEN, Said(headers=told), REDACTION)
    assert "--header 'idempotency-key: k 1' --header 'X-Correlation-Id: Bearer [secret]'" in shown


def test_the_command_hides_a_value_of_the_path_whose_name_says_that_it_is_secret() -> None:
    said = Said({"access_token": "a b", "session-id": "hidden-1", "ticket_id": "?token=hidden-1"})
    shown = send_command(CHANGE, said, REDACTION)
    assert "--path 'access_token=[secret]' --path 'session-id=[secret]' --path 'ticket_id=?token=[secret]'" in shown
