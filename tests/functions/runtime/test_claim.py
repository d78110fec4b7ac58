"""An idempotency key stands for one request of one tenant, for as long as its message can come back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from functions.runtime.claim import claim
from functions.runtime.errors import Reject
from functions.runtime.message import Message
from local.rehearsal import Rehearsal
from tests.functions.runtime.probe import Probe
from tests.sample.messages import ticket

DAY = 24 * 60 * 60


def message(key: str | None, tenant: str | None = None) -> Message:
    said: dict[str, Any] = {"id": "m", "key": "tic-1", "cause": "c", "causation_id": "m", "correlation_id": "c"}
    return Message(**said, idempotency_key=key, tenant=tenant)


def test_the_same_request_may_come_again_and_another_under_its_key_is_rejected(aws: Rehearsal) -> None:
    claim(ticket(), message("k"))
    claim(ticket(), message("k"))
    with pytest.raises(Reject, match="Idempotency key k came before with another body; send this one with a new key"):
        claim(ticket(language="FR"), message("k"))


def test_a_key_of_another_tenant_another_contract_or_none_is_another_claim(aws: Rehearsal) -> None:
    claim(ticket(), message("k"))
    claim(ticket(language="FR"), message("k", "blue"))
    claim(Probe(name="a"), message("k"))
    claim(ticket(language="IT"), message("a/k"))
    claim(ticket(language="ES"), message("k", "OpenTicket"))
    claim(ticket(language="FR"), message(None))
    claim(ticket(language="IT"), message(""))
    keys = {item["key"] for item in aws.items("keys")}
    assert keys == {"OpenTicket//k", "OpenTicket/blue/k", "Probe//k", "OpenTicket//a%2Fk", "OpenTicket/OpenTicket/k"}


def test_a_claim_outlives_two_lives_in_the_queue_and_one_in_the_dead_letter_queue(
    aws: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION", str(3 * DAY))
    claim(ticket(), message("k"))
    (item,) = aws.items("keys")
    assert int(item["expires_at"]) == pytest.approx(time.time() + (3 + 14 + 3) * DAY, abs=60)
    assert (item["business_key"], item["digest"]) == ("tic-1", ticket().digest())


def test_a_claim_that_has_expired_holds_nobody_up_although_dynamodb_has_it_still(aws: Rehearsal) -> None:
    claim(ticket(), message("k"))
    (item,) = aws.items("keys")
    aws.put("keys", item | {"expires_at": int(time.time()) - 10})
    claim(ticket(language="FR"), message("k"))
    (item,) = aws.items("keys")
    assert item["digest"] == ticket(language="FR").digest()
