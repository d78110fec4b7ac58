"""Signatures of third parties: verified ones pass, everything else does not."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.webhooks import SCHEMES
from functions.runtime.webhook import TOLERANCE, ForgedError, check

SECRET = "whsec_51"
NOW = 1_700_000_000


def signed(scheme: str, body: str, *, secret: str = SECRET, at: int = NOW) -> str:
    """What the third party sends, by its own documentation."""
    if scheme == "github":
        return "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    if scheme == "shopify":
        return base64.b64encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()).decode()
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()


def verified(
    scheme: str, signature: str, body: str, *, received: float = NOW, secrets: tuple[str, ...] = (SECRET,)
) -> bool:
    try:
        check(SCHEMES[scheme], signature, body, secrets=secrets, received=received)
    except ForgedError:
        return False
    return True


def test_githubs_own_example_passes() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verified("github", signature, "Hello, World!", secrets=("It's a Secret to Everybody",))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(body=st.text(), secret=st.text(min_size=1))
def test_what_the_sender_signed_passes(scheme: str, body: str, secret: str) -> None:
    body = body.encode("utf-8", "replace").decode()
    secret = secret.encode("utf-8", "replace").decode()
    assert verified(scheme, signed(scheme, body, secret=secret), body, secrets=(secret,))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_body_another_secret_and_another_scheme_fail(scheme: str) -> None:
    signature = signed(scheme, '{"a":1}')
    assert not verified(scheme, signature, '{"a":2}')
    assert not verified(scheme, signature, '{"a":1} ')
    assert not verified(scheme, signature, '{"a":1}', secrets=("other",))
    assert not verified(scheme, signature, '{"a":1}', secrets=())
    for other in set(SCHEMES) - {scheme}:
        if SCHEMES[other].pattern != SCHEMES[scheme].pattern:
            assert not verified(other, signature, '{"a":1}')


@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_secrets_count_while_one_replaces_the_other(scheme: str) -> None:
    for secret in ("new", "old"):
        assert verified(scheme, signed(scheme, "{}", secret=secret), "{}", secrets=("new", "old"))


@pytest.mark.parametrize("scheme", ["stripe", "hmac"])
@pytest.mark.parametrize(
    ("away", "passes"), [(0, True), (TOLERANCE, True), (-TOLERANCE, True), (301, False), (-301, False)]
)
def test_a_timed_signature_is_believed_for_five_minutes_around_its_arrival(
    scheme: str, away: int, passes: bool
) -> None:
    assert verified(scheme, signed(scheme, "{}"), "{}", received=NOW + away) == passes


def test_the_time_cannot_be_changed_without_the_secret() -> None:
    signature = signed("stripe", "{}", at=NOW - 1000)
    assert not verified("stripe", signature.replace(str(NOW - 1000), str(NOW)), "{}")


def test_one_of_several_signatures_is_enough_and_older_versions_do_not_count() -> None:
    good = signed("stripe", "{}").partition("v1=")[2]
    assert verified("stripe", f"t={NOW},v1={'0' * 64},v1={good}", "{}")
    assert not verified("stripe", f"t={NOW},v0={good}", "{}")


@pytest.mark.parametrize("scheme", SCHEMES)
@given(signature=st.text(max_size=120))
def test_anything_else_fails_and_never_crashes(scheme: str, signature: str) -> None:
    assert not verified(scheme, signature, "{}")


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("functions.runtime.webhook.hmac.compare_digest", compare)
    good = signed("stripe", "{}", secret="old").partition("v1=")[2]
    assert verified("stripe", f"t={NOW},v1={good},v1={'0' * 64}", "{}", secrets=("old", "new"))
    assert len(compared) == 4  # every pair, also after one matched
