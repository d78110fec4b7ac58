"""Why a token, or its issuer, counts for nothing: in few words, whatever strangers made them of."""

from __future__ import annotations

LONGEST = 200
"""Characters that a reason may have. It is logged, and quotes a token that anybody may have made."""


class Refusal(Exception):
    """The message is the reason, cut at `LONGEST` characters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:LONGEST])


class InvalidTokenError(Refusal):
    """The token lets nobody in. Says nothing of why to the caller."""


class IssuerError(Refusal):
    """The issuer does not answer as it must; the message says how."""
