"""A webhook signed as its sender signs it, by whoever has the sender's secret."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

from functions.contracts.webhooks import Scheme


def signed(scheme: Scheme, secret: str, body: bytes, *, at: int) -> str:
    """The value of the scheme's header. `at` is epoch seconds, for schemes that say when they signed.

    https://docs.stripe.com/webhooks#verify-manually and what `functions.contracts.webhooks` names.
    """
    digest = hmac.new(secret.encode(), (f"{at}.".encode() if scheme.timed else b"") + body, sha256)
    if scheme.encoding == "base64":
        return base64.b64encode(digest.digest()).decode()
    return f"t={at},v1={digest.hexdigest()}" if scheme.timed else f"sha256={digest.hexdigest()}"
