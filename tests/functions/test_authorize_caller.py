"""Who bears a good token of the issuer may call every route of the stage; nobody else may."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from functions.authorize_caller import handler as module
from functions.authorize_caller.handler import handler
from functions.authorize_caller.keys import PAUSE, Keys
from functions.authorize_caller.logic import InvalidTokenError, permission, tenant

METHOD = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/POST/v1/tickets"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """An OIDC issuer on this machine."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.down = False
        rsa_key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        ec_key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(CURVE.public_key()))
        self.keys = [rsa_key | {"kid": "rsa", "alg": "RS256", "use": "sig"}, ec_key | {"kid": "ec", "alg": "ES256"}]

    def document(self, path: str) -> dict[str, Any] | None:
        self.asked.append(path)
        if self.down:
            return None
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": self.keys}


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = made.document(self.path)
            self.send_response(503 if document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("JWT_ISSUER", made.url)
        monkeypatch.setenv("JWT_AUDIENCE", "our-api")
        monkeypatch.setenv("JWT_TENANT_CLAIM", "tenant")
        module._keys.cache_clear()
        yield made
        server.shutdown()


def token(issuer: Issuer, *, key: Any = KEY, algorithm: str = "RS256", kid: str | None = "rsa", **changes: Any) -> str:
    now = int(time.time())
    said: dict[str, Any] = {
        "iss": issuer.url,
        "aud": "our-api",
        "sub": "ada",
        "tenant": "acme",
        "iat": now,
        "exp": now + 300,
    }
    said = {name: value for name, value in (said | changes).items() if value is not None}
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


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
        *("expired", "early", "endless", "audience", "no audience", "issuer", "nobody", "no tenant", "stranger"),
        *("unknown key", "no key", "changed", "unsigned", "confused", "garbage", "empty"),
    ],
)
def test_a_bad_token_is_a_401(issuer: Issuer, bad: Callable[[Issuer], str]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(f"Bearer {bad(issuer)}")


def test_another_scheme_is_a_401(issuer: Issuer) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(f"Basic {token(issuer)}")


def test_keys_are_fetched_once_and_again_for_a_new_one(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        ask(f"Bearer {token(issuer)}")
    assert len(issuer.asked) == 2
    issuer.keys.append(issuer.keys[0] | {"kid": "next"})
    monkeypatch.setattr("functions.authorize_caller.keys.PAUSE", 0)
    ask(f"Bearer {token(issuer, kid='next')}")
    assert len(issuer.asked) == 4


def test_made_up_keys_cost_the_issuer_nothing(issuer: Issuer) -> None:
    keys = Keys(issuer.url)
    assert keys.key("rsa")
    for number in range(10):
        with pytest.raises(InvalidTokenError):
            keys.key(f"made-up-{number}")
    assert len(issuer.asked) == 2
    assert PAUSE > 1


def test_an_issuer_that_does_not_answer_is_not_the_callers_fault(issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(OSError, match="503"):
        ask(f"Bearer {token(issuer)}")


@pytest.mark.parametrize(
    ("name", "group"), [("acme", "acme"), ("auth0|1", "auth0|1"), ("two words", None), ("é" * 9, None)]
)
def test_a_tenant_is_always_one_that_sqs_takes(name: str, group: str | None) -> None:
    found = tenant({"tenant": name}, "tenant")
    assert found == group or (group is None and len(found) == 64)


def test_the_permission_names_the_stage_and_no_method() -> None:
    answer = permission(METHOD, "ada", "acme")
    assert "POST" not in json.dumps(answer)
