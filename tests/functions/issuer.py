"""An OIDC issuer on this machine, over https, that can be away, slow or up to no good."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from local import certificate

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CONFIGURATION = "/.well-known/openid-configuration"
KEYS = "/keys"


def published(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The key's public part as a JWK."""
    kinds: list[tuple[type, Any]] = [
        (rsa.RSAPrivateKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePrivateKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PrivateKey, jwt.algorithms.OKPAlgorithm),
        (ed448.Ed448PrivateKey, jwt.algorithms.OKPAlgorithm),
    ]
    algorithm = next(algorithm for kind, algorithm in kinds if isinstance(key, kind))
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


class Issuer:
    """What it answers can be changed between two requests; `asked` are the paths of all of them."""

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """Good again, and asked for nothing."""
        self.asked: list[str] = []
        self.down = False
        self.pace = 0.0
        """Seconds before each answer."""
        self.head = ""
        """What is answered at once, before what drips or never ends."""
        self.endless = False
        """Whether spaces follow for as long as somebody takes them."""
        self.drip = ""
        """What is answered a byte at a time, every tenth of a second."""
        self.moved = ""
        """Where everything but that address redirects to."""
        self.raw: dict[str, bytes] = {}
        """What is answered to a path, whatever it is."""
        self.said: dict[str, Any] = {}
        """What the configuration says differently."""
        self.keys = [
            published(KEY, "rsa", alg="RS256", use="sig"),
            published(CURVE, "ec", alg="ES256"),
        ]

    def answer(self, path: str) -> bytes:
        """The document at that path."""
        if path in self.raw:
            return self.raw[path]
        if path == CONFIGURATION:
            return json.dumps({"issuer": self.url, "jwks_uri": self.url + KEYS, **self.said}).encode()
        return json.dumps({"keys": self.keys}).encode()

    def token(
        self,
        *,
        key: Any = KEY,
        algorithm: str = "RS256",
        kid: str | None = "rsa",
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A token of the issuer's, good unless the changes say otherwise; None takes a claim away."""
        now = int(time.time())
        said: dict[str, Any] = {
            "iss": self.url,
            "aud": "our-api",
            "sub": "ada",
            "tenant": "acme",
            "iat": now,
            "exp": now + 300,
        }
        said = {name: value for name, value in (said | changes).items() if value is not None}
        return jwt.encode(said, key, algorithm=algorithm, headers={**({"kid": kid} if kid else {}), **(header or {})})

    def signed(self, payload: str) -> str:
        """A token with that payload, whatever it is."""
        return jwt.api_jws.encode(payload.encode("utf-8", "surrogatepass"), KEY, "RS256", {"kid": "rsa"})


@contextmanager
def served(folder: Path) -> Iterator[tuple[Issuer, Path]]:
    """The issuer, answering, and the file of the authority to trust for it."""
    made, proof = Issuer(), certificate.make(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            time.sleep(made.pace)
            self.wfile.write(made.head.encode())
            while made.endless:
                self.wfile.write(b" " * 65_536)
            if made.drip:
                for byte in made.drip.encode():
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
            elif made.down:
                self.send_error(503)
            elif made.moved and not made.moved.endswith(self.path):
                self.send_response(302)
                self.send_header("Location", made.moved)
                self.end_headers()
            else:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(made.answer(self.path))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # whoever asked hung up

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(proof.chain, proof.key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"https://localhost:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield made, proof.authority
        server.shutdown()
