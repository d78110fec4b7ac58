"""What the owner of a local stack shows where the emulator asks for no signature: its own paths, around IAM."""

from __future__ import annotations

import hmac

HEADER = "X-Headrace-Pass"


def passkey(secret: str) -> str:
    """What the header says, made from the secret key of the account's root, which it does not give away."""
    return hmac.new(secret.encode(), b"headrace", "sha256").hexdigest()


def is_owners(given: str, secret: str) -> bool:
    """Whether the header says it."""
    return hmac.compare_digest(given.encode(), passkey(secret).encode())
