"""The issuer is asked rarely, briefly and warily, and an outage of it shuts nobody out who was let in before."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from functions.authorize_caller import issuer as module
from functions.authorize_caller.issuer import LARGEST, key_set
from functions.authorize_caller.key_set import usable
from functions.authorize_caller.keys import BACK, FRESH, PAUSE, STALE, Keys
from functions.authorize_caller.refusal import InvalidTokenError, IssuerError
from tests.functions.issuer import CONFIGURATION, CURVE, EDWARDS, KEY, KEYS, Issuer, published


class Remote:
    """A key set that is there or is not, and a clock."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked = 0
        self.takes = 0
        self.down = False
        self.entries: list[Any] = [published(KEY, "rsa")]
        self.keys = Keys(self.ask, lambda: self.now)

    def ask(self) -> list[Any]:
        self.asked += 1
        self.now += self.takes
        if self.down:
            raise IssuerError("It is away.")
        return self.entries

    def answers(self, kid: str = "rsa") -> int:
        """What API Gateway would answer to a token of that key: 200, 401 or 500."""
        try:
            assert self.keys.named(kid)
        except InvalidTokenError:
            return 401
        except IssuerError:
            return 500
        return 200


@pytest.fixture
def remote() -> Remote:
    return Remote()


def test_known_keys_count_through_an_outage_for_a_bounded_time(
    remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remote.answers() == 200
    remote.down = True
    for age in (FRESH - 1, FRESH, FRESH + 1, 2 * FRESH, STALE - 1):
        remote.now = 1_000_000 + age
        assert remote.answers() == 200
    (first, *_) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["level"], first["reason"], first["keys_are_seconds_old"]) == ("WARNING", "It is away.", FRESH)
    remote.now = 1_000_000 + STALE
    assert remote.answers() == 500
    remote.down, remote.now = False, remote.now + PAUSE
    assert remote.answers() == 200


def test_an_outage_is_asked_about_once_a_pause(remote: Remote) -> None:
    remote.answers()
    remote.down, remote.asked, remote.now = True, 0, remote.now + FRESH
    for _ in range(100):
        assert remote.answers() == 200
    assert remote.asked == 1
    remote.now += PAUSE
    assert (remote.answers(), remote.asked) == (200, 2)


def test_an_issuer_that_was_never_there_is_asked_once_a_pause(remote: Remote) -> None:
    remote.down = True
    assert [remote.answers() for _ in range(10)] == [500] * 10
    assert remote.asked == 1
    remote.down, remote.now = False, remote.now + PAUSE
    assert (remote.answers(), remote.asked) == (200, 2)


def test_made_up_keys_cost_the_issuer_one_request_a_pause_and_others_nothing(remote: Remote) -> None:
    remote.answers()
    for down, status in ((False, 401), (True, 500)):
        remote.down, remote.asked, remote.now = down, 0, remote.now + PAUSE
        for number in range(20):
            assert remote.answers(f"made-up-{number}") == status
            assert remote.answers() == 200
        assert remote.asked == 1


def test_an_unknown_key_is_a_401_again_once_the_issuer_answers(remote: Remote) -> None:
    remote.down = True
    assert remote.answers("next") == 500
    remote.down, remote.now = False, remote.now + PAUSE
    assert remote.answers("next") == 401
    remote.entries, remote.now = [published(CURVE, "next")], remote.now + PAUSE
    assert remote.answers("next") == 200
    assert remote.answers() == 401, "the issuer has withdrawn it"


def test_a_withdrawn_key_counts_no_longer_than_keys_are_fresh(remote: Remote) -> None:
    remote.answers()
    remote.entries, remote.now = [published(CURVE, "next")], remote.now + FRESH - 1
    assert remote.answers() == 200
    remote.now += 1
    assert remote.answers() == 401


def test_a_clock_that_was_set_back_makes_no_key_younger(remote: Remote) -> None:
    remote.answers()
    remote.entries, remote.now = [published(CURVE, "next")], remote.now - 10 * STALE
    assert remote.answers() == 401


def test_a_clock_that_was_set_back_a_little_shuts_nobody_out(remote: Remote) -> None:
    remote.answers()
    remote.down, remote.asked = True, 0
    for seconds in (1, BACK - 1):
        remote.now -= seconds
        assert remote.answers() == 200
    assert remote.asked == 0, "the keys are fresh"
    remote.now -= 1
    assert remote.answers() == 500, "nobody knows how old they are"


def test_a_worker_that_was_frozen_knows_how_old_its_keys_are() -> None:
    # CLOCK_MONOTONIC stands still while a machine is suspended.
    assert Keys(list)._clock is time.time


def test_keys_age_from_when_they_were_asked_for(remote: Remote) -> None:
    remote.takes = 3
    assert remote.answers() == 200
    remote.entries, remote.now = [published(CURVE, "next")], 1_000_000 + FRESH
    assert remote.answers() == 401


@pytest.mark.parametrize("entries", [[], [{}], [published(KEY, "")], [published(KEY, "rsa", use="enc")]])
def test_a_set_without_a_usable_key_is_no_answer(
    remote: Remote, entries: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    remote.answers()
    remote.entries = entries
    for age in (FRESH, STALE - 1):
        remote.now = 1_000_000 + age
        assert remote.answers() == 200
        assert json.loads(capsys.readouterr().out)["reason"] == "The issuer names no usable key."
    remote.now = 1_000_000 + STALE
    assert remote.answers() == 500
    remote.entries, remote.now = [published(KEY, "rsa")], remote.now + PAUSE
    assert remote.answers() == 200


def test_an_answer_of_an_outage_is_as_long_as_the_one_before(remote: Remote) -> None:
    remote.down = True
    depths = []
    for _ in range(3):
        with pytest.raises(IssuerError) as caught:
            remote.keys.named("rsa")
        depths.append(len(caught.traceback))
    assert depths == [depths[0]] * 3, "what API Gateway's log and ours have to hold"


@pytest.fixture
def issuer(started: Issuer) -> Issuer:
    started.reset()
    return started


def test_keys_are_found_as_pyjwts_own_client_finds_them(issuer: Issuer) -> None:
    issuer.keys = [published(KEY, "rsa"), published(CURVE, "ec", alg="ES256"), published(EDWARDS, "ed", use="sig")]
    theirs = jwt.PyJWKClient(issuer.url + KEYS).get_signing_keys()
    ours = usable(key_set(issuer.url))
    assert list(ours) == [each.key_id for each in theirs]
    for each in theirs:
        (key,) = ours[str(each.key_id)]
        assert key.public.public_numbers() == each.key.public_numbers() if each.key_id != "ed" else True
        assert each.algorithm_name in key.algorithms


def test_an_issuer_below_a_path_is_found_there(issuer: Issuer) -> None:
    issuer.said = {"issuer": f"{issuer.url}/realms/a/"}
    issuer.raw = {f"/realms/a{CONFIGURATION}": issuer.answer(CONFIGURATION)}
    assert key_set(f"{issuer.url}/realms/a/") == issuer.keys


@pytest.mark.parametrize(
    ("pace", "drip"),
    [(0.3, ""), (0, "HTTP/1.1 200 OK\r\nX: " + "x" * 99), (0, "HTTP/1.1 200 OK\r\n\r\n" + " " * 99), (0, "x" * 99)],
    ids=["twice three tenths", "headers by the byte", "a body by the byte", "nothing that ends"],
)
def test_all_of_it_has_one_time(issuer: Issuer, monkeypatch: pytest.MonkeyPatch, pace: float, drip: str) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.4)
    issuer.pace, issuer.drip = pace, drip
    started = time.monotonic()
    with pytest.raises(IssuerError):
        key_set(issuer.url)
    assert time.monotonic() - started < 5
    assert not left()


def left() -> list[threading.Thread]:
    """The inquiries that still run after a moment."""
    found = [each for each in threading.enumerate() if each.name == "issuer"]
    for each in found:
        each.join(2)
    return [each for each in found if each.is_alive()]


HEADS = [
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
]


@pytest.mark.parametrize("head", HEADS, ids=["close", "old", "kept"])
def test_nothing_stays_behind_of_a_body_that_does_not_end(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    issuer.head, issuer.drip = head, " " * 99
    with pytest.raises(IssuerError, match=r"more than 0\.3 seconds"):
        key_set(issuer.url)
    assert not left()


def test_nothing_stays_behind_of_a_handshake_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)

    def drip(server: socket.socket) -> None:
        with server.accept()[0] as connection, suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # 16 KB of a handshake are to come
            while connection.send(b"\x02"):
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        with pytest.raises(IssuerError):
            key_set(f"https://localhost:{server.getsockname()[1]}")
        assert not left()


def test_what_connects_too_late_asks_nothing(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    connect, daemons = socket.create_connection, []

    def late(*asked: Any) -> socket.socket:
        daemons.append(threading.current_thread().daemon)
        time.sleep(0.3)
        return connect(*asked)

    monkeypatch.setattr(socket, "create_connection", late)
    with pytest.raises(IssuerError, match=r"more than 0\.2 seconds"):
        key_set(issuer.url)
    assert not left()
    assert not issuer.asked
    assert daemons == [True], "a name that is not found for minutes would keep a worker from its end"


def test_no_more_is_read_than_a_document_may_have(issuer: Issuer) -> None:
    issuer.head, issuer.endless = HEADS[0], True
    with pytest.raises(IssuerError, match="more than 262,144 bytes"):
        key_set(issuer.url)


def test_no_redirect_is_followed(issuer: Issuer) -> None:
    issuer.moved = issuer.url + "/elsewhere"
    for address in (None, issuer.url + KEYS):
        with pytest.raises(IssuerError, match="answers 302"):
            key_set(issuer.url, address)
    assert issuer.asked == [CONFIGURATION, KEYS]


@pytest.mark.parametrize(
    "address",
    [
        *("http://localhost:{port}/keys", "https://127.0.0.1:{port}/keys", "https://localhost/keys"),
        *("https://localhost:{port}.evil.example/keys", "https://localhost:{port}@evil.example/keys"),
        *("//localhost:{port}/keys", "/keys", "file:///etc/passwd", "ftp://localhost:{port}/keys", "", "https://[", 7),
        *(None, ["https://localhost:{port}/keys"], "https://evil.example\\@localhost:{port}", "https://localhost:x/"),
    ],
)
def test_keys_come_from_the_issuers_own_origin(issuer: Issuer, address: Any) -> None:
    if isinstance(address, str):
        address = address.format(port=issuer.url.rpartition(":")[2])
    issuer.said = {"jwks_uri": address}
    with pytest.raises(IssuerError, match=r"another origin|ValueError"):
        key_set(issuer.url)
    assert issuer.asked == [CONFIGURATION]


@pytest.mark.parametrize("named", ["https://other.example", "", None, 7, "{url}/", "{url}?a"])
def test_a_configuration_of_another_issuer_does_not_count(issuer: Issuer, named: Any) -> None:
    issuer.said = {"issuer": named.format(url=issuer.url) if isinstance(named, str) else named}
    with pytest.raises(IssuerError, match="another issuer's"):
        key_set(issuer.url)


ODD = [
    *(b"", b"[]", b"null", b"7", b'"keys"', b"{", b"\xff\xfe\xff", b"[" * 100_000, b'{"a":' * 50_000, b"\x00" * 99),
    *(b'{"keys":{}}', b'{"keys":null}', b'{"keys":"rsa"}', b'{"Keys":[]}', b" " * (LARGEST + 1), b"1" * 5_000),
]


@pytest.mark.parametrize("path", [CONFIGURATION, KEYS])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_whatever_it_answers_instead_is_an_answer_that_it_must_not_give(issuer: Issuer, path: str, odd: bytes) -> None:
    issuer.raw = {path: odd}
    with pytest.raises(IssuerError):
        key_set(issuer.url)


def test_a_document_may_be_as_large_as_it_says(issuer: Issuer) -> None:
    issuer.raw = {KEYS: issuer.answer(KEYS).ljust(LARGEST)}
    assert key_set(issuer.url) == issuer.keys
    issuer.raw[KEYS] += b" "
    with pytest.raises(IssuerError, match="more than 262,144 bytes"):
        key_set(issuer.url)


def test_a_certificate_that_nobody_vouches_for_does_not_count(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(IssuerError, match="CERTIFICATE_VERIFY_FAILED"):
        key_set(issuer.url)
    assert not issuer.asked


def test_no_proxy_is_between(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert key_set(issuer.url)


SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it must be refused
BITCOIN = ec.generate_private_key(ec.SECP256K1())
PRIVATE = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY))
NUMBERS: list[Any] = [7, "", "é", None, [], "!"]
SECRET = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "x"}


@pytest.mark.parametrize(
    "entry",
    [
        *(published(KEY, "x", use=use) for use in ("enc", "SIG", None, 7)),
        *(published(KEY, "x", key_ops=ops) for ops in ([], ["encrypt"], ["sign"], "verify", None)),
        *(published(KEY, "x", alg=alg) for alg in ("HS256", "none", "ES256", "RSA-OAEP", None, 7, ["RS256"])),
        *(published(CURVE, "x", alg="ES384"), published(CURVE, "x", crv="P-384"), published(CURVE, "x", kty="RSA")),
        *(
            published(SHORT, "x"),
            published(BITCOIN, "x"),
            {**PRIVATE, "kid": "x"},
            {**PRIVATE, "kid": "x", "key_ops": ["verify"]},
            published(EDWARDS, "x", crv="X25519"),
            published(EDWARDS, "x", alg="Ed448"),
        ),
        *(SECRET, {**SECRET, "alg": "HS256"}, {**SECRET, "alg": "RS256"}, {"kid": "x"}, {"kty": ["RSA"], "kid": "x"}),
        *(published(KEY, "x", n=n) for n in NUMBERS),
        *("x", None, 7, ["kid"], {}, published(KEY, ""), {**published(KEY, "x"), "kid": 7}),
    ],
)
def test_what_may_not_sign_is_no_key_and_hides_no_other(entry: Any) -> None:
    assert list(usable([entry, published(KEY, "rsa"), entry])) == ["rsa"]


@pytest.mark.parametrize(
    ("entry", "algorithms"),
    [
        (published(KEY, "x", key_ops=["verify"], use="sig", alg="PS384"), {"PS384"}),
        (published(KEY, "x"), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (published(CURVE, "x"), {"ES256"}),
        (published(ec.generate_private_key(ec.SECP384R1()), "x"), {"ES384"}),
        (published(ec.generate_private_key(ec.SECP521R1()), "x"), {"ES512"}),
        (published(EDWARDS, "x"), {"EdDSA", "Ed25519"}),
        (published(EDWARDS, "x", alg="EdDSA"), {"EdDSA", "Ed25519"}),
        (published(ed448.Ed448PrivateKey.generate(), "x"), {"EdDSA", "Ed448"}),
    ],
)
def test_a_key_signs_by_what_it_says_or_by_what_fits_its_type(entry: Any, algorithms: set[str]) -> None:
    ((key,),) = usable([entry]).values()
    assert set(key.algorithms) == algorithms
