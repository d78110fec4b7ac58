"""What is on queues, in tables and in logs when a deployment comes is read after it: names and forms stay."""

from __future__ import annotations

import re

import msgspec
import pytest
from msgspec import Raw
from msgspec.json import decode, encode

from functions.contracts import envelope, limit, parked, pause
from functions.contracts.envelope import Envelope, full_source
from functions.contracts.environment import (
    DEAD_LETTER_RETENTION,
    ConsumerVariables,
    PauseVariables,
    TokenVariables,
    secret_variable,
    table_variable,
)
from functions.contracts.failure_record import FailureCause, FailureRecord
from functions.contracts.limit import Rule
from functions.contracts.log_line import Handled, Published
from functions.contracts.parked import Place, held, identity, places, sequence, until
from functions.contracts.pause import Ask, Condition, Probe, Trouble, Unfinished
from functions.contracts.waited import Waited
from functions.contracts.webhooks import SCHEMES, Scheme, WebhookReceived

DAY = 24 * 60 * 60


def test_message_attributes_keep_their_names() -> None:
    names = {name: value for name, value in vars(envelope).items() if name.isupper()}
    assert names == {
        "CORRELATION_ID": "correlation_id",
        "IDEMPOTENCY_KEY": "idempotency_key",
        "TENANT": "tenant",
        "RECEIVED_AT": "received_at",
        "ROUTE": "route",
        "CALLER": "caller",
        "SENDER": "sender",
        "SIGNATURE": "signature",
        "TOPIC": "topic",
        "RUN": "run",
        "REDRIVEN": "redriven",
        "DEDUPLICATION_ID": "deduplication_id",
        "PARKED_AS": "parked_as",
        "WAITED": "waited",
        "DELIVER_AT": "deliver_at",
        "PLANNED_FOR": "planned_for",
        "REPLAYED": "replay-name",
        "PROBE": "probe",
    }


def test_an_envelope_keeps_its_form() -> None:
    said = {
        "id": "e1",
        "type": "TicketOpened",
        "version": 1,
        "time": "2026-11-21T10:00:00.000+00:00",
        "source": "desk.tickets",
        "correlation_id": "c",
        "causation_id": "m",
        "data": {"a": 1},
    }
    assert decode(encode(decode(encode(said), type=Envelope))) == said
    with_tenant = decode(encode(said | {"tenant": "blue"}), type=Envelope)
    assert with_tenant == Envelope(**said | {"data": Raw(b'{"a":1}'), "tenant": "blue"})  # type: ignore[arg-type]


def test_a_source_belongs_to_the_project_unless_it_is_whole() -> None:
    assert full_source("tickets", "desk") == "desk.tickets"
    assert full_source("other.tickets", "desk") == "other.tickets"


def test_a_webhook_is_told_by_these_names() -> None:
    assert (WebhookReceived.__name__, WebhookReceived.source, WebhookReceived.version) == (
        "WebhookReceived",
        "webhooks",
        1,
    )
    told = WebhookReceived(sender="partner", payload=Raw(b"{}"), topic="t")
    assert encode(told) == b'{"sender":"partner","payload":{},"topic":"t"}'


HEX = "0" * 64
TIMED = f"t=1700000000,v1={HEX}"
ODD_TIMED = (
    *(f"t=,v1={HEX}", f"t={'1' * 13},v1={HEX}", "t=1700000000", f"v1={HEX}", f"t=1,v1={HEX[1:]}", f"t=1,v1={HEX}0"),
    *(f"t=1,v10={HEX}", f"t=1{f',v1={HEX}' * 7}", f"t=1,v1={HEX},", f"t=1;v1={HEX}"),
)


@pytest.mark.parametrize(
    ("name", "form", "good", "odd"),
    [
        (
            "github",
            ("X-Hub-Signature-256", "hex", False, "X-GitHub-Event"),
            (f"sha256={HEX}",),
            (HEX, f"sha256={HEX}0", f"sha256={HEX[1:]}", f"sha1={HEX}", f"sha256={HEX[1:]}G", f"sha256={HEX[1:]}A"),
        ),
        (
            "stripe",
            ("Stripe-Signature", "hex", True, None),
            (TIMED, f"t=1,v0={HEX},v1={HEX}", f"t={'1' * 12}{f',v1={HEX}' * 6}"),
            ODD_TIMED,
        ),
        (
            "shopify",
            ("X-Shopify-Hmac-Sha256", "base64", False, "X-Shopify-Topic"),
            (f"{'A' * 43}=", f"{'z9+/' * 10}abc="),
            ("A" * 44, f"{'A' * 42}=", f"{'A' * 44}=", f"{'-' * 43}="),
        ),
        ("hmac", ("X-Signature", "hex", True, "X-Event"), (TIMED, f"t={'1' * 12}{f',v1={HEX}' * 6}"), ODD_TIMED),
    ],
)
def test_each_scheme_signs_as_its_third_party_says(
    name: str, form: tuple[str, str, bool, str | None], good: tuple[str, ...], odd: tuple[str, ...]
) -> None:
    scheme = SCHEMES[name]
    assert scheme == Scheme(form[0], scheme.pattern, form[1], timed=form[2], topic=form[3])
    for signature in good:
        assert re.fullmatch(scheme.pattern, signature), signature
    for signature in odd:
        assert not re.fullmatch(scheme.pattern, signature), signature


def test_these_are_all_schemes() -> None:
    assert SCHEMES.keys() == {"github", "stripe", "shopify", "hmac"}


def test_a_line_keeps_the_names_that_queries_and_operators_read() -> None:
    handled = Handled(
        level="INFO",
        outcome="processed",
        timestamp="2026-11-21T10:00:00.042Z",
        service="open_ticket",
        correlation_id="c",
        message_id="m",
        attempt=1,
    )
    least = {
        "level": "INFO",
        "message": "processed",
        "timestamp": "2026-11-21T10:00:00.042Z",
        "service": "open_ticket",
        "correlation_id": "c",
        "message_id": "m",
        "attempt": 1,
    }
    assert msgspec.to_builtins(handled) == least
    assert handled.at == 1_795_255_200_042
    more = {
        "event_id": "e",
        "group": "g",
        "received_at": "1",
        "sent": 2,
        "redriven": "1 run",
        "replayed": "replay-1",
        "published": [{"type": "TicketOpened", "id": "e2"}],
        "untold": 3,
        "error_type": "Reject",
        "error": "no",
        "stack_digest": "d",
        "stack": ["a:1 f"],
        "release": "42",
        "duration_ms": 0,
    }
    whole = msgspec.convert(least | more, Handled)
    assert msgspec.to_builtins(whole) == least | more
    assert whole.published == [Published("TicketOpened", "e2")]


def test_a_cause_keeps_its_names_and_needs_no_more_than_a_type() -> None:
    said = ("error_type", "error_message", "attempts", "failed_at")
    assert FailureRecord.__struct_fields__ == (
        *("error_type", "error_message", "attempts", "function", "version", "stack", "stack_digest"),
        *("correlation_id", "failed_at"),
        *(f"first_{name}" for name in said),
        *(f"last_{name}" for name in said),
        *("message_id", "queue", "expires_at"),
    )
    least = msgspec.convert({"error_type": "Reject"}, FailureCause)
    assert msgspec.to_builtins(least) == {"error_type": "Reject"}
    assert (least.error_message, least.attempts, least.stack, least.function) == ("", 0, (), None)


def test_what_consumers_and_what_pauses_them_say_keeps_its_form() -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")
    told = b'{"name":"letter","key":"tic-1","content":"{}"}'
    assert encode(Trouble(function="f", reason="r")) == b'{"function":"f","reason":"r"}'
    assert encode(Trouble(function="f", reason="", unfinished=(record,), paused=True)) == (
        b'{"function":"f","reason":"","unfinished":[' + told + b'],"paused":true}'
    )
    assert encode(Ask(probe=Probe())) == b'{"probe":{}}'
    assert encode(Ask(probe=Probe(unfinished=(record,)))) == b'{"probe":{"unfinished":[' + told + b"]}}"
    assert decode(b'{"away":["SES"]}', type=Condition) == Condition(away=("SES",))
    assert Condition().away == ()
    assert pause.PAUSE_CONSUMER == "pause_consumer"


def test_variables_keep_their_names_and_outside_lambda_their_defaults() -> None:
    assert ConsumerVariables.__struct_encode_fields__ == (
        *("PROJECT", "STAGE", "POWERTOOLS_SERVICE_NAME", "LOG_LEVEL", "QUEUE_URL", "RECEIVES", "RETENTION"),
        *("BACKOFF_BASE", "BACKOFF_CAP", "ON_POISON", "FAILURES_TABLE", "PARKED_TABLE", "PAUSE_QUEUE_URL"),
        *("ONCE_TABLE", "BUS_NAME", "EMAIL_FROM", "PREVIOUS_SECRET", "LIMITS", "AWS_CLIENT"),
        *("PLAN_QUEUE_URL", "PLANS", "TRACKED", "DEATH_KEYS"),
    )
    assert ConsumerVariables().variables() == {
        "PROJECT": "project",
        "STAGE": "none",
        "POWERTOOLS_SERVICE_NAME": "function",
        "LOG_LEVEL": "INFO",
        "RECEIVES": "5",
        "RETENTION": str(4 * DAY),
        "BACKOFF_BASE": "2",
        "BACKOFF_CAP": "900",
        "ON_POISON": "continue",
        "PREVIOUS_SECRET": str(DAY),
    }
    assert PauseVariables.__struct_encode_fields__ == (
        *("PROJECT", "STAGE", "PAUSE_QUEUE_URL", "CONSUMER", "LOG_LEVEL", "AWS_CLIENT"),
    )
    assert TokenVariables.__struct_encode_fields__ == (
        *("JWT_ISSUER", "JWT_AUDIENCE", "JWT_TENANT_CLAIM", "JWT_JWKS_URI", "LOG_LEVEL"),
    )
    assert PauseVariables(project="p", stage="s", pause_queue_url="u", consumer="c").log_level == "INFO"
    bearers = TokenVariables(jwt_issuer="i", jwt_audience="a", jwt_tenant_claim="t")
    told = {"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWT_TENANT_CLAIM": "t", "LOG_LEVEL": "INFO"}
    assert bearers.variables() == told
    assert (table_variable("tickets"), secret_variable("partner")) == ("TABLE_TICKETS", "SECRET_PARTNER")
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    assert DEAD_LETTER_RETENTION == 1_209_600


# Places of parked messages


def test_a_place_keeps_its_form_in_the_table() -> None:
    place = Place("00000000000000000042", "k@1795300000111", 1_795_300_000)
    assert (place.name, place.value) == ("s00000000000000000042", "1795300000 k@1795300000111")
    assert Place.read(place.name, place.value) == place
    assert Place.read("s1", "7 a key with spaces") == Place("1", "a key with spaces", 7)
    assert (parked.GROUP, parked.EXPIRES_AT, parked.TURN, parked.EMPTY) == ("group", "expires_at", "turn", 3600)


@pytest.mark.parametrize(
    ("name", "value"), [("turn", "7 k"), ("42", "7 k"), ("s", "7 k"), ("sx", "7 k"), ("s42", "k"), ("s42", 7.5)]
)
def test_what_is_no_place_is_none(name: str, value: object) -> None:
    assert Place.read(name, value) is None
    assert places({name: value}) == []


def test_the_places_of_an_item_are_in_the_order_of_their_sequence_numbers() -> None:
    item = {"group": "q/g", "expires_at": 9, "turn": "ab", "s2": "9 b", "s1": "8 c", "s3": "7 a"}
    assert [place.identity for place in places(item)] == ["c", "b", "a"]
    assert [place.identity for place in held(places(item), 8)] == ["b"], "until then, and no longer"
    assert places(None) == []


def test_a_place_lasts_as_long_as_queue_and_dead_letter_queue_may_keep_its_message() -> None:
    assert until(1_000.9, 3 * DAY) == 1_000 + 17 * DAY


def test_an_item_is_of_one_group_of_one_queue() -> None:
    assert parked.item_key("change_ticket", "tic-1/a") == "change_ticket/tic-1/a"
    assert parked.group_of("change_ticket/tic-1/a", "change_ticket") == "tic-1/a"
    assert parked.group_of("change_tickets/tic-1", "change_ticket") is None


def test_sequence_numbers_sort_as_text() -> None:
    assert sequence("18849496460467696128", 1.0, 3) == "18849496460467696128"
    assert sequence("42", 1.0, 3) == "00000000000000000042"
    assert sequence(None, 1_795_300_000.25, 3) == "17953000002500000003"
    assert sequence(None, 1_795_300_000.25, 9) < sequence(None, 1_795_300_000.25, 10)
    assert sequence(None, 1_795_300_000.25, 999) < sequence(None, 1_795_300_000.251, 0)


def test_an_identity_says_which_message_it_is_across_deployments() -> None:
    assert identity("{}", key="k", received_at="1") == "k@1"
    assert identity("{}", key="k", received_at=None) == "k"
    assert identity("{}", key=None, received_at="1") == "sha256:44136fa355b3678a"
    assert identity("{}", key="k", received_at="1", parked_as="as before") == "as before"
    assert identity("{}", key="k" * 128, received_at="1") == "k" * 128 + "@1"
    assert identity("{}", key="k" * 129, received_at="1") == "sha256:9094034fb2d0ce2e@1"
    assert identity("\ud800", key=None, received_at=None).startswith("sha256:")


def test_what_waited_and_what_limits_it_keep_their_form_across_deployments() -> None:
    waited = Waited(origin="m1", first_sent=1, sent=2, attempts=3, looks=4, slot=5, limit="crm#0a1b2c3d")
    assert waited.text() == "m1 1 2 3 4 5 crm#0a1b2c3d"
    rule = Rule(name="crm", rate=0.5, burst=2, at_once=1, per="tenant")
    assert limit.written([rule]) == '[{"name":"crm","rate":0.5,"burst":2,"at_once":1,"per":"tenant"}]'
    assert (limit.TABLE, limit.KEY, limit.waits(fifo=True), limit.waits(fifo=False)) == ("limits", "id", 50, 10)
