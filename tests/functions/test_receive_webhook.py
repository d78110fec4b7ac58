"""A signed delivery becomes an event once; a forged one ends in the dead-letter queue with its reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.contracts.webhooks import ReceiveWebhook
from functions.receive_webhook.handler import handler
from functions.runtime import clients, secret
from functions.runtime.errors import Reject, Retry
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.webhook import verified
from local.rehearsal import Rehearsal
from stacks.names import PROJECT
from tests.fixtures import Context
from tests.functions.events import record
from tests.functions.runtime.test_webhook import signed

DAY = 24 * 60 * 60
BODY = '{"id": "evt_1",  "amount": 1e400, "note": "h\\u00e9\\ud800", "a": 1, "a": 2}'


class Secrets:
    """Secrets Manager, as far as it is read: values by version stage, the current one put in a year ago."""

    def __init__(self) -> None:
        self.values: dict[str, str | bytes] = {"AWSCURRENT": "current"}
        self.made = time.time() - 365 * DAY
        self.asked: list[tuple[str, str]] = []
        self.down = ""

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append((SecretId, VersionStage))
        if self.down:
            status = {"HTTPStatusCode": 500 if self.down.startswith("Internal") else 400}
            raise ClientError({"Error": {"Code": self.down}, "ResponseMetadata": status}, "GetSecretValue")
        if VersionStage not in self.values:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        value = self.values[VersionStage]
        kind = "SecretString" if isinstance(value, str) else "SecretBinary"
        return {kind: value, "CreatedDate": datetime.fromtimestamp(self.made, UTC)}

    def replace(self, value: str, *, ago: float = 0) -> None:
        """Another current value, put in so many seconds ago."""
        self.values = {"AWSCURRENT": value, "AWSPREVIOUS": self.values["AWSCURRENT"]}
        self.made = time.time() - ago


@pytest.fixture
def secrets(aws: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    made = Secrets()
    clients.made["secretsmanager"] = made
    monkeypatch.setenv("SECRET_GITHUB_WEBHOOK", "test-github_webhook")
    monkeypatch.setenv("SECRET_STRIPE_WEBHOOK", "test-stripe_webhook")
    secret.forget()
    yield made
    secret.forget()


def delivery(
    body: str = BODY, *, key: str = "current", sender: str = "github", scheme: str = "github", **attributes: Any
) -> dict[str, Any]:
    received = attributes.pop("received_at", str(int(time.time() * 1000)))
    signature = attributes.pop("signature", None) or f"{scheme} " + signed(
        scheme, body, secret=key, at=int(received) // 1000
    )
    return record(body, sender=sender, signature=signature, received_at=received, **attributes)


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_verified_delivery_is_an_event_with_its_payload_as_it_came(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    body = '{"id": "evt_1", "nested": {"b": [1, 2.50, null]}}'
    assert failed(handler({"Records": [delivery(body, topic="push", correlation_id="c-1")]}, context)) == []
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["source"]) == ("WebhookReceived", f"{PROJECT}.webhooks")
    assert envelope["correlation_id"] == "c-1"
    assert envelope["data"] == {
        "sender": "github",
        "topic": "push",
        "payload": {"id": "evt_1", "nested": {"b": [1, 2.5, None]}},
    }


@pytest.mark.parametrize("topic", ["push", "a/b", None])
def test_a_delivery_is_known_by_its_topic_and_its_body_across_deployments(secrets: Secrets, topic: str | None) -> None:
    said = {"topic": topic} if topic else {}
    told, message = verified(Record.read(delivery('{"id": "evt_2"}', message_id="m", **said)))
    digest = "933984c8885a5d54704b2222660693b2940824eee90634cb9e7c5587edcf6227"
    key = {"push": f"push/{digest}", "a/b": f"a%2Fb/{digest}", None: digest}[topic]
    assert (message.id, message.key, message.cause) == ("m", key, f"ReceiveWebhook/github/{key}")
    assert told == ReceiveWebhook(sender="github", payload=msgspec.Raw(b'{"id": "evt_2"}'), topic=topic)


def test_a_delivery_that_does_not_say_when_it_came_came_when_sqs_took_it(secrets: Secrets) -> None:
    for ago, good in ((290, True), (310, False)):
        timed = delivery("{}", sender="stripe", scheme="stripe", sent=time.time() - ago)
        del timed["messageAttributes"]["received_at"]
        if good:
            verified(Record.read(timed))
        else:
            with pytest.raises(Reject, match=r"The webhook is not from stripe: it was signed 3\d\d s away"):
                verified(Record.read(timed))


def test_a_delivery_that_comes_again_is_the_same_event_again(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    body = '{"id": "evt_2"}'
    for attempt in ("first", "again"):
        assert failed(handler({"Records": [delivery(body, correlation_id=attempt)]}, context)) == []
    first, again = aws.published()
    assert first["id"] == again["id"]


def test_two_senders_with_the_same_body_are_two_events(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    records = [delivery('{"a":1}'), delivery('{"a":1}', sender="stripe", scheme="stripe")]
    assert failed(handler({"Records": records}, context)) == []
    assert len({envelope["id"] for envelope in aws.published()}) == 2


@pytest.mark.parametrize(
    "forged",
    [
        delivery(key="guessed"),
        delivery(signature="github sha256=" + "0" * 64),
        delivery(signature="none at all"),
        delivery(signature="github"),
        record(BODY, sender="github"),
        record(BODY),
        delivery("[]"),
        delivery("{"),
        delivery('{"a":\ud7ff}'),
    ],
    ids=["key", "zeros", "scheme", "empty", "unsigned", "bare", "list", "broken", "word"],
)
def test_a_forged_or_broken_delivery_fails_alone(
    aws: Rehearsal, secrets: Secrets, context: Context, forged: dict[str, Any]
) -> None:
    good = delivery('{"a":1}')
    assert failed(handler({"Records": [forged, good]}, context)) == [forged["messageId"]]
    assert len(aws.published()) == 1
    (cause,) = aws.items("failures")
    assert cause["error_type"] == "Reject"


def test_the_signature_is_checked_before_the_body_is_read(
    aws: Rehearsal, secrets: Secrets, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr("functions.runtime.webhook.msgspec.json.decode", lambda *body, **_: read.append(body))
    handler({"Records": [delivery(key="guessed")]}, context)
    assert read == []


def test_a_redrive_after_weeks_still_believes_a_timed_signature(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    weeks_ago = str(int((time.time() - 20 * 86_400) * 1000))
    old = delivery('{"a":1}', sender="stripe", scheme="stripe", received_at=weeks_ago)
    assert failed(handler({"Records": [old]}, context)) == []


def test_secrets_are_kept_and_read_again_when_a_signature_does_not_match(
    aws: Rehearsal, secrets: Secrets, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "PAUSE", 0)
    for number in range(3):
        assert failed(handler({"Records": [delivery(f'{{"a":{number}}}')]}, context)) == []
    assert len(secrets.asked) == 2
    secrets.replace("rotated")
    assert failed(handler({"Records": [delivery('{"a":8}', key="rotated"), delivery('{"a":9}')]}, context)) == []
    assert len(secrets.asked) == 4


def arrived(ago: float, *, key: str, body: str = '{"a":1}', sender: str = "github") -> dict[str, Any]:
    """A delivery that reached the gateway so many seconds ago."""
    received = str(int((time.time() - ago) * 1000))
    return delivery(body, key=key, sender=sender, scheme=sender, received_at=received)


@pytest.mark.parametrize("sender", ["github", "stripe"])
def test_a_leaked_secret_ends_a_day_after_its_replacement(
    aws: Rehearsal, secrets: Secrets, context: Context, sender: str
) -> None:
    secrets.replace("new", ago=DAY + 60)
    leaked, good = arrived(0, key="current", sender=sender), arrived(0, key="new", sender=sender)
    assert failed(handler({"Records": [leaked, good]}, context)) == [leaked["messageId"]]
    assert len(aws.published()) == 1


@pytest.mark.parametrize(("setting", "ago", "counts"), [(600, 500, True), (600, 700, False), (0, 10, False)])
def test_how_long_a_replaced_secret_counts_is_a_setting(
    aws: Rehearsal,
    secrets: Secrets,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    setting: int,
    ago: float,
    counts: bool,
) -> None:
    monkeypatch.setenv("PREVIOUS_SECRET", str(setting))
    secrets.replace("new", ago=ago)
    assert (failed(handler({"Records": [arrived(0, key="current")]}, context)) == []) is counts


def test_a_value_that_is_put_in_twice_ends_the_one_before_at_once(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    # As docs/security.md says, asked of a second implementation of Secrets Manager.
    with mock_aws():
        manager = boto3.client("secretsmanager", region_name="eu-west-1")
        manager.create_secret(Name="test-github_webhook", SecretString="leaked")
        clients.made["secretsmanager"] = manager
        manager.put_secret_value(SecretId="test-github_webhook", SecretString="new")
        assert secret.secret("github_webhook") == ("new", "leaked")
        manager.put_secret_value(SecretId="test-github_webhook", SecretString="new")
        secret.forget()
        assert set(secret.secret("github_webhook")) == {"new"}


def test_what_came_before_the_replacement_is_believed_however_late_it_is_redriven(
    aws: Rehearsal, secrets: Secrets, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREVIOUS_SECRET", "0")
    secrets.replace("new", ago=10 * DAY)
    before = arrived(12 * DAY, key="current")
    after = arrived(9 * DAY, key="current")
    assert failed(handler({"Records": [before, after]}, context)) == [after["messageId"]]


def test_a_secret_that_was_read_before_a_delivery_came_condemns_no_delivery(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    # Looked at again moments ago, because of a forged one; then replaced, and used at once.
    assert len(failed(handler({"Records": [delivery(key="guessed")]}, context))) == 1
    secrets.replace("new")
    time.sleep(0.01)
    early = delivery('{"a":1}', key="new", attempt=2)
    with pytest.raises(Retry) as later:
        verified(Record.read(early))
    assert later.value.delay == secret.PAUSE, "by then it may be read again, whichever attempt this is"
    assert failed(handler({"Records": [early]}, context)) == [early["messageId"]]
    (cause,) = (cause for cause in aws.items("failures") if cause["message_id"] == early["messageId"])
    assert cause["error_type"] == "Retry"
    secret.forget()
    assert failed(handler({"Records": [early]}, context)) == []


def test_a_value_before_that_is_no_text_spoils_nothing(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    secrets.replace("current")
    secrets.values["AWSPREVIOUS"] = b"put in by mistake"
    assert failed(handler({"Records": [delivery('{"a":1}')]}, context)) == []


def test_a_secret_that_is_no_text_is_named_in_the_cause(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    secrets.values["AWSCURRENT"] = b"put in by mistake"
    assert len(failed(handler({"Records": [delivery('{"a":1}')]}, context))) == 1
    (cause,) = aws.items("failures")
    assert "test-github_webhook is no text" in cause["error_message"]


def test_a_line_break_behind_a_secret_is_none_of_it(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    secrets.values["AWSCURRENT"] = "current\r\n"
    assert failed(handler({"Records": [delivery('{"a":1}')]}, context)) == []


def aged(seconds: float) -> None:
    """As if every secret had been read so long ago."""
    for name, known in secret._known.items():
        times = {each: getattr(known, each) - seconds for each in ("read", "since", "asked")}
        secret._known[name] = replace(known, **times)


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError"])
def test_forged_deliveries_hold_up_no_good_one_while_the_secret_cannot_be_read_again(
    aws: Rehearsal, secrets: Secrets, context: Context, code: str
) -> None:
    assert failed(handler({"Records": [delivery('{"a":0}')]}, context)) == []
    aged(20)
    secrets.down = code
    forged = [delivery(f'{{"f":{number}}}', key="guessed") for number in range(4)]
    for batch in range(3):
        good = [delivery(f'{{"b":{batch},"g":{number}}}') for number in range(4)]
        left = failed(handler({"Records": [*forged[:2], *good[:2], *forged[2:], *good[2:]]}, context))
        assert left == [one["messageId"] for one in forged]
    assert len(secrets.asked) == 3, "asked once more, and not again for each"


def test_what_may_be_signed_with_a_newer_secret_outlasts_an_outage_of_secrets_manager(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    assert failed(handler({"Records": [delivery('{"a":0}')]}, context)) == []
    aged(20)
    secrets.replace("new")
    secrets.down = "InternalServiceError"
    waits = []
    for attempt in range(1, 5):
        with pytest.raises(Retry) as later:
            verified(Record.read(delivery('{"a":1}', key="new", attempt=attempt)))
        waits.append(later.value.delay or 0)
        aged(20)
    assert sum(waits) > 6 * 3600, waits
    secrets.down = ""
    assert failed(handler({"Records": [delivery('{"a":1}', key="new", attempt=5)]}, context)) == []


def test_good_deliveries_go_on_through_an_outage_of_secrets_manager_for_an_hour(
    aws: Rehearsal, secrets: Secrets, context: Context
) -> None:
    assert failed(handler({"Records": [delivery('{"a":0}')]}, context)) == []
    secrets.down = "InternalServiceError"
    aged(secret.FRESH + 1)
    for number in range(3):
        assert failed(handler({"Records": [delivery(f'{{"g":{number}}}')]}, context)) == []
    assert len(secrets.asked) == 3
    aged(secret.STALE)
    assert len(failed(handler({"Records": [delivery('{"late":1}')]}, context))) == 1


def test_the_same_body_on_another_topic_is_another_event(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    topics = ("orders/create", "orders/paid", "orders", None)
    records = [delivery('{"id":1}', topic=topic) if topic else delivery('{"id":1}') for topic in (*topics, *topics)]
    assert failed(handler({"Records": records}, context)) == []
    ids = [envelope["id"] for envelope in aws.published()]
    assert len(ids) == 8
    assert len(set(ids)) == 4


def test_forged_deliveries_cost_few_calls(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    forged = [delivery(f'{{"a":{number}}}', key="guessed") for number in range(10)]
    assert len(failed(handler({"Records": forged}, context))) == 10
    assert len(secrets.asked) == 2


def test_a_delivery_waits_while_its_secret_cannot_be_read(aws: Rehearsal, secrets: Secrets, context: Context) -> None:
    secrets.down = "InternalServiceError"
    assert len(failed(handler({"Records": [delivery('{"a":1}')]}, context))) == 1
    assert [cause["error_type"] for cause in aws.items("failures")] in ([], ["ClientError"])
    secrets.down = ""
    assert failed(handler({"Records": [delivery('{"a":1}')]}, context)) == []


def test_the_largest_delivery_that_the_edge_takes_is_published(
    aws: Rehearsal, secrets: Secrets, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The longest that every word around it may be, in characters that JSON escapes where they may be such.
    monkeypatch.setenv("PROJECT", "p" * 60)
    monkeypatch.setenv("SECRET_" + "S" * 40 + "_WEBHOOK", "secret")
    body = '{"a":1}'.ljust(ReceiveWebhook.largest_body or 0)
    words = {"correlation_id": "c" * 128, "topic": "t" * 64, "tenant": '"' * 128, "sender": "s" * 40}
    whole = delivery(body, scheme="hmac", message_id="m" * 100, **words)
    assert failed(handler({"Records": [whole]}, context)) == []
    (envelope,) = aws.published()
    assert envelope["tenant"] == words["tenant"]


def test_a_delivery_that_is_larger_by_what_surrounds_it_would_not_fit() -> None:
    room = Settings().put_events_bytes - (ReceiveWebhook.largest_body or 0)
    assert 1_000 < room < 2_500, "room for the envelope, and not much more"
