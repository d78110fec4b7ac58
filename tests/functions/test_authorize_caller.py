"""Who bears a good token of the issuer may call every route of the stage; nobody else may."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from functions.authorize_caller import handler as module
from functions.authorize_caller.handler import handler
from functions.authorize_caller.logic import permission
from functions.authorize_caller.refusal import LONGEST, IssuerError
from tests.functions.issuer import CURVE, EDWARDS, KEY, STRANGER, Issuer, published

METHOD = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/POST/v1/tickets"


@pytest.fixture
def issuer(started: Issuer, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    started.reset()
    monkeypatch.setenv("JWT_ISSUER", started.url)
    monkeypatch.setenv("JWT_AUDIENCE", "our-api")
    monkeypatch.setenv("JWT_TENANT_CLAIM", "tenant")
    monkeypatch.delenv("JWT_JWKS_URI", raising=False)
    module._keys.cache_clear()
    return started


def token(issuer: Issuer, **said: Any) -> str:
    return issuer.token(**said)


def ask(text: str) -> dict[str, Any]:
    return handler({"type": "TOKEN", "authorizationToken": text, "methodArn": METHOD})


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(KEY, "RS256", "rsa"), (CURVE, "ES256", "ec")])
def test_a_good_token_opens_every_route_of_the_stage(issuer: Issuer, key: Any, algorithm: str, kid: str) -> None:
    answer = ask(f"Bearer {token(issuer, key=key, algorithm=algorithm, kid=kid)}")
    assert answer["principalId"] == "ada"
    assert answer["context"] == {"tenant": "acme"}
    (statement,) = answer["policyDocument"]["Statement"]
    # API Gateway keeps the answer for all routes: one that named this route would shut the others.
    assert statement["Resource"] == "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/*"
    assert statement["Effect"] == "Allow"


def unsigned(issuer: Issuer) -> str:
    return token(issuer, key="", algorithm="none")


def by_the_public_key(issuer: Issuer) -> str:
    """The classic confusion: HMAC with the issuer's public key as the secret."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa","typ":"JWT"}').rstrip(b"=").decode()
    return head + "." + token(issuer).split(".", 1)[1]


@pytest.mark.parametrize(
    "bad",
    [
        lambda issuer: token(issuer, exp=int(time.time()) - 60),
        lambda issuer: token(issuer, nbf=int(time.time()) + 600),
        lambda issuer: token(issuer, exp=None),
        lambda issuer: token(issuer, aud="another"),
        lambda issuer: token(issuer, aud=None),
        lambda issuer: token(issuer, iss="https://evil.example"),
        lambda issuer: token(issuer, iss=None),
        lambda issuer: token(issuer, sub=None),
        lambda issuer: token(issuer, tenant=None),
        lambda issuer: token(issuer, key=STRANGER),
        lambda issuer: token(issuer, kid="unknown"),
        lambda issuer: token(issuer, kid=None),
        lambda issuer: token(issuer)[:-4] + "AAAA",
        unsigned,
        by_the_public_key,
        lambda _: "a.b.c",
        lambda _: "",
    ],
    ids=[
        *(
            "expired",
            "early",
            "endless",
            "audience",
            "no audience",
            "issuer",
            "no issuer",
            "nobody",
            "no tenant",
            "stranger",
        ),
        *("unknown key", "no key", "changed", "unsigned", "confused", "garbage", "empty"),
    ],
)
def test_a_bad_token_is_a_401(issuer: Issuer, bad: Callable[[Issuer], str]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(f"Bearer {bad(issuer)}")


ODD = ("1e400", "-1e400", "NaN", "[]", "{}", '"\\ud800"', "[[1]]", '{"our-api":1}', "9" * 5_000)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "aud", "iss", "sub", "tenant"])
def test_a_claim_of_an_odd_kind_is_a_401(issuer: Issuer, claim: str) -> None:
    said = json.loads(base64.urlsafe_b64decode(token(issuer).split(".")[1] + "=="))
    said.pop(claim, None)
    for odd in ODD:
        refused(issuer, issuer.signed(f'{json.dumps(said)[:-1]}, "{claim}": {odd}}}'))


def test_a_payload_of_an_odd_kind_is_a_401(issuer: Issuer) -> None:
    for payload in ("", "null", "7", "[]", "[" * 5_000, '{"a":' * 2_000, "\ud800", '{"exp":' + "9" * 5_000):
        refused(issuer, issuer.signed(payload))


def headed(header: str, issuer: Issuer) -> str:
    encoded = base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode()
    return f"{encoded}.{token(issuer).split('.', 1)[1]}"


@pytest.mark.parametrize(
    "header",
    [
        *('{"kid":"rsa"}', '{"alg":"RS256"}', '{"kid":7,"alg":"RS256"}', '{"kid":"rsa","alg":["RS256"]}'),
        *('{"kid":null,"alg":"RS256"}', '{"kid":"rsa","alg":null}', "[]", "7", "[" * 7_000, '{"kid":' + "9" * 5_000),
        *('{"kid":"rsa","alg":"RS256","typ":7}', '{"kid":"rsa","alg":"RS256","typ":null}'),
    ],
    ids=lambda header: header[:32],
)
def test_a_header_that_does_not_say_how_it_was_signed_asks_nobody(issuer: Issuer, header: str) -> None:
    refused(issuer, headed(header, issuer))
    assert not issuer.asked


def test_what_no_token_is_made_of_is_a_401(issuer: Issuer) -> None:
    for text in ("\ud800.b.c", "é.b.c", "..", "a." * 5_000):
        refused(issuer, text)


def test_a_token_says_that_it_is_for_callers_or_nothing(issuer: Issuer) -> None:
    for kind in (None, "JWT", "jwt", "at+jwt", "application/jwt", "application/at+JWT"):
        assert ask(f"Bearer {token(issuer, header={'typ': kind})}")["principalId"] == "ada"


def test_a_token_of_another_kind_lets_nobody_in(issuer: Issuer) -> None:
    for kind in ("logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "application/logout+jwt", "entity-statement+jwt"):
        refused(issuer, token(issuer, header={"typ": kind}))


def test_a_logout_lets_nobody_in_whatever_it_calls_itself(issuer: Issuer) -> None:
    said: list[Any] = [{"http://schemas.openid.net/event/backchannel-logout": {}}, {}, 7]
    for events in said:
        refused(issuer, token(issuer, events=events))


def test_clocks_may_differ_by_half_a_minute(issuer: Issuer) -> None:
    now = int(time.time())
    for said in ({"exp": now - 20}, {"nbf": now + 20}, {"iat": now + 20}):
        assert ask(f"Bearer {token(issuer, **said)}")["principalId"] == "ada"
    for said in ({"exp": now - 40}, {"nbf": now + 45}, {"iat": now + 45}):
        refused(issuer, token(issuer, **said))


def test_another_scheme_is_a_401(issuer: Issuer) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(f"Basic {token(issuer)}")


def test_keys_are_asked_for_once(issuer: Issuer) -> None:
    for _ in range(3):
        ask(f"Bearer {token(issuer)}")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_an_issuer_that_does_not_answer_is_not_the_callers_fault(issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(IssuerError, match="503"):
        ask(f"Bearer {token(issuer)}")


def test_keys_of_another_origin_count_where_the_setting_names_them(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = issuer.url.replace("localhost", "127.0.0.1") + "/keys"
    issuer.said = {"jwks_uri": elsewhere}
    with pytest.raises(IssuerError, match=r"another origin; say so by the setting jwt\.jwks_uri"):
        ask(f"Bearer {token(issuer)}")
    monkeypatch.setenv("JWT_JWKS_URI", elsewhere)
    issuer.asked.clear()
    assert ask(f"Bearer {token(issuer)}")["principalId"] == "ada"
    assert issuer.asked == ["/keys"], "nothing was discovered"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_a_key_that_names_no_algorithm_signs_by_those_of_its_type(issuer: Issuer, algorithm: str) -> None:
    issuer.keys = [published(KEY, "rsa")]
    assert ask(f"Bearer {token(issuer, algorithm=algorithm)}")["principalId"] == "ada"


def test_a_key_that_names_its_algorithm_signs_by_no_other(issuer: Issuer) -> None:
    refused(issuer, token(issuer, algorithm="RS512"))


@pytest.mark.parametrize("said", [{}, {"alg": "EdDSA"}, {"alg": "Ed25519"}])
@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
def test_an_edwards_key_signs_by_either_name(issuer: Issuer, said: dict[str, str], algorithm: str) -> None:
    issuer.keys = [published(EDWARDS, "ed", **said)]
    good = token(issuer, key=EDWARDS, algorithm=algorithm, kid="ed")
    assert ask(f"Bearer {good}")["principalId"] == "ada"
    refused(issuer, f"{good[:-12]}{'A' * 12}")


def test_two_keys_of_one_id_are_both_asked(issuer: Issuer) -> None:
    issuer.keys = [
        *(published(STRANGER, "one"), published(CURVE, "one"), published(KEY, "one"), published(EDWARDS, "one"))
    ]
    for key, algorithm in ((KEY, "RS256"), (CURVE, "ES256"), (EDWARDS, "EdDSA"), (STRANGER, "PS256")):
        assert ask(f"Bearer {token(issuer, key=key, algorithm=algorithm, kid='one')}")["principalId"] == "ada"


def test_why_a_signed_token_is_refused_is_what_its_own_key_says(
    issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer.keys = [published(KEY, "one"), published(STRANGER, "one")]
    refused(issuer, token(issuer, kid="one", exp=int(time.time()) - 60))
    assert json.loads(capsys.readouterr().out)["reason"] == "Signature has expired"


def refused(issuer: Issuer, text: str) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(f"Bearer {text}")


BAD_NAMES = [
    "",
    "\ud800",
    "a\udfffb",
    "a\0",
    "a\nb",
    "\x7f",
    "\x9b",
    "t" * 256,
    "t" * 5_000,
    7,
    True,
    ["acme"],
    {"a": 1},
]


@pytest.mark.parametrize("claim", ["tenant", "sub"])
@pytest.mark.parametrize("bad", BAD_NAMES, ids=lambda bad: repr(bad)[:12])
def test_what_is_no_name_is_a_401(issuer: Issuer, claim: str, bad: Any) -> None:
    refused(issuer, token(issuer, **{claim: bad}))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *(("acme", True), ("auth0|1", True), ("a/b%2F", True), ("t" * 128, True), ("0" * 63, True)),
        *(("two words", False), ("é" * 9, False), ("t" * 129, False), ('a","caller":"b', False), ("a\\", False)),
        ("0" * 64, False),
    ],
)
@pytest.mark.parametrize("claim", ["tenant", "sub"])
def test_who_calls_is_always_what_sqs_and_a_log_take(issuer: Issuer, claim: str, name: str, plain: bool) -> None:
    answer = ask(f"Bearer {token(issuer, **{claim: name})}")
    found = answer["context"]["tenant"] if claim == "tenant" else answer["principalId"]
    assert found == name if plain else len(found) == 64 != found
    assert json.dumps(answer, ensure_ascii=False).isascii()


def test_no_tenants_name_is_what_another_becomes(issuer: Issuer) -> None:
    names = ["two words"]
    for _ in range(3):
        names.append(ask(f"Bearer {token(issuer, tenant=names[-1])}")["context"]["tenant"])
    assert len(set(names)) == 4


def test_what_is_logged_of_a_refused_token_is_one_line(issuer: Issuer, capsys: pytest.CaptureFixture[str]) -> None:
    bad: list[dict[str, Any]] = [
        {"kid": kid} for kid in ("\ud800", "a\nb", "k" * 6_000, "\0" * 1_000, "\x1b]52;c;x\x07")
    ]
    for said in (*bad, {"header": {"typ": "t" * 6_000}}):
        refused(issuer, token(issuer, **said))
    lines = [json.loads(line) for line in capsys.readouterr().out.encode().splitlines()]
    assert [line["message"] for line in lines] == ["refused"] * 6
    assert all(len(line["reason"]) <= LONGEST for line in lines)


def test_the_permission_names_the_stage_and_no_method() -> None:
    answer = permission(METHOD, "ada", "acme")
    assert "POST" not in json.dumps(answer)
