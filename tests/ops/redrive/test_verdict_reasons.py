"""Why a contract would refuse a message, in the words that its consumer would have for it."""

from __future__ import annotations

from typing import Any

import pytest

from ops import queue as queues
from ops.redrive.delivery import Delivery
from ops.redrive.routing import QueueDestination
from ops.redrive.verdict import Contracts, Verdict
from ops.sqs.client import Sqs
from ops.sqs.message import Message, Value
from ops.stage import Stage
from tests.ops.redrive.test_verdict import CHANGE, TICKET, contracts, event, judged
from tests.sample.messages import opened

__all__ = ["contracts"]

SIGNED: dict[str, Any] = {"sender": "github", "signature": "github sha256=00"}


@pytest.mark.parametrize(
    ("body", "more", "reason"),
    [
        ('{"n": 1}', SIGNED, None),
        ("{}", {}, "the message has no sender or signature"),
        ("{}", {"sender": "github"}, "the message has no sender or signature"),
        ("{}", {"signature": "github sha256=00"}, "the message has no sender or signature"),
        ("{}", SIGNED | {"signature": "odd 00"}, "the webhook of github is signed by an unknown scheme"),
        ("{}", SIGNED | {"signature": "githubber 00"}, "the webhook of github is signed by an unknown scheme"),
        ("[]", SIGNED, "the webhook of github is no JSON object: Expected `object`, got `array`"),
        ("odd", SIGNED, "the webhook of github is no JSON object: JSON is malformed: invalid character (byte 0)"),
        ('{"a":' * 5_000, SIGNED, "the webhook of github is no JSON object: "),
    ],
)
def test_a_webhook_is_refused_for_what_can_be_seen_without_its_secret(
    stage: Stage, contracts: Contracts, body: str, more: dict[str, Any], reason: str | None
) -> None:
    found = judged(stage, contracts, "receive_webhook", body, **more)
    assert (found.message_id, found.accepted, found.queue) == ("m-1", reason is None, "receive_webhook")
    assert (found.reason or "").startswith(reason or "")
    assert (found.reason is None) == (reason is None)


def test_only_a_webhook_is_signed_so_only_its_edit_is_refused(stage: Stage, contracts: Contracts) -> None:
    edited = judged(stage, contracts, "receive_webhook", "{}", edited=True, **SIGNED)
    assert edited == Verdict("m-1", False, "receive_webhook", "the signature of github is over the body as it was")
    assert judged(stage, contracts, "open_ticket", TICKET, edited=True) == Verdict("m-1", True, "open_ticket", None)


def test_a_consumer_that_would_fail_is_told_by_its_error(
    stage: Stage, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(record: Any) -> None:
        raise KeyError(record.body)

    monkeypatch.setattr(contracts, "_of", lambda _: ("open_ticket", odd))
    found = judged(stage, contracts, "open_ticket", "nothing")
    assert found == Verdict("m-1", False, "open_ticket", "KeyError: 'nothing'")


def test_a_queue_is_looked_up_once(stage: Stage, contracts: Contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    find = queues.find

    def counting(there: Stage, word: str) -> Any:
        asked.append(word)
        return find(there, word)

    monkeypatch.setattr("ops.redrive.verdict.find", counting)
    for _ in range(3):
        assert judged(stage, contracts, "change_ticket", CHANGE, "tic-1", idempotency_key="k").accepted
        assert judged(stage, contracts, "assign_ticket", event(opened())).accepted
    assert asked == ["change_ticket", "assign_ticket"]


def test_what_a_reason_quotes_of_a_secret_attribute_is_hidden(
    stage: Stage, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(record: Any) -> None:
        raise ValueError("x" * 500 if record.body == "long" else "it was of-the-attribute")

    monkeypatch.setattr(contracts, "_of", lambda _: ("open_ticket", odd))
    to = QueueDestination(Sqs(None), "http://sqs/1/w")  # type: ignore[arg-type]
    for body, told in (("{}", "ValueError: it was [secret]"), ("long", f"ValueError: {'x' * 288}…")):
        delivery = Delivery(to, body, {"password": Value("String", "of-the-attribute")})
        assert contracts.judge(Message("m", "", body), delivery, edited=False).reason == told
