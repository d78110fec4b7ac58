"""Which keys of an issuer's set may have signed a token, and by which algorithms.

https://www.rfc-editor.org/rfc/rfc7517 https://www.rfc-editor.org/rfc/rfc7518
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jwt

# Asymmetric only: a symmetric algorithm would let anyone sign with the issuer's public key.
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: dict[tuple[Any, Any], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    # The same signature by two names. https://www.rfc-editor.org/rfc/rfc9864
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
    ("OKP", "Ed448"): ("EdDSA", "Ed448"),
}
for _name in ("Ed25519", "Ed448"):
    # PyJWT knows only the older name; the key's curve decides either way.
    with suppress(ValueError):  # it does already
        jwt.register_algorithm(_name, jwt.algorithms.OKPAlgorithm())
SHORTEST = 2048
"""Bits that an RSA key has at the least. https://www.rfc-editor.org/rfc/rfc7518#section-3.3"""


@dataclass(frozen=True)
class Key:
    """A public key, and the algorithms by which it may sign."""

    public: Any
    algorithms: tuple[str, ...]


def usable(entries: Iterable[Any]) -> dict[str, list[Key]]:
    """The keys of a set by their ids, of which one may have several. What cannot be used is left out."""
    found: dict[str, list[Key]] = {}
    for entry in entries:
        key_id = entry.get("kid") if isinstance(entry, Mapping) else None
        if isinstance(key_id, str) and key_id and (key := _key(entry)) is not None:
            found.setdefault(key_id, []).append(key)
    return found


def _key(entry: Mapping[str, Any]) -> Key | None:
    """The key, if it is one to check signatures with: nobody's secret, of a type that we know, and meant for it."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        algorithms = RSA if entry.get("kty") == "RSA" else CURVES[entry.get("kty"), entry.get("crv")]
        said = entry.get("alg", algorithms[0])
        # With its private part anybody could sign, and PyJWT would make a private key of it.
        if "d" in entry or said not in algorithms:
            return None
        public = jwt.PyJWK(dict(entry), algorithms[0]).key
    except Exception:  # whatever the issuer put there instead: one odd key hides no other
        return None
    if algorithms is RSA and public.key_size < SHORTEST:
        return None
    return Key(public, (said,) if algorithms is RSA and "alg" in entry else algorithms)
