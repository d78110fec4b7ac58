"""The issuer's public keys, found by OpenID Connect Discovery and kept for a while.

https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.request import urlopen

import jwt

from functions.authorize_caller.logic import InvalidTokenError

TIMEOUT = 3
"""Seconds that one request to the issuer may take."""
FRESH = 3600
"""Seconds for which keys are kept."""
PAUSE = 30
"""Seconds between two looks for a key that is not there, so that made-up key ids cost the issuer nothing."""


class Keys:
    """The keys of one issuer. They are fetched when first needed, when old, and when a token names an unknown one."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")

    def key(self, key_id: str) -> jwt.PyJWK:
        """The key of that id. Raises `InvalidTokenError` if there is none, `OSError` or `ValueError` if the issuer
        does not answer as it must."""
        age = time.monotonic() - self._fetched
        if age > FRESH or (key_id not in self._keys and age > PAUSE):
            self._fetch()
        if key_id not in self._keys:
            raise InvalidTokenError(f"The issuer has no key {key_id}.")
        return self._keys[key_id]

    def _fetch(self) -> None:
        configuration = _document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        known = jwt.PyJWKSet.from_dict(_document(configuration["jwks_uri"]))
        self._keys = {key.key_id: key for key in known.keys if key.key_id}
        self._fetched = time.monotonic()


def _document(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310 - the issuer's address is the stage's setting
        document: dict[str, Any] = json.load(response)
    return document
