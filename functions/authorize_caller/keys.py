"""The issuer's public keys, kept for a while, and for a bounded time longer while the issuer is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from functions.authorize_caller.key_set import Key, usable
from functions.authorize_caller.refusal import InvalidTokenError, IssuerError
from functions.runtime.log import log

FRESH = 3600
"""Seconds for which keys are not asked for again: so long may a key count that the issuer withdrew."""
STALE = 24 * 3600
"""Seconds after the last answer for which keys count while the issuer does not answer. It is how long a key that the
issuer withdrew may still count where whoever stole it also keeps us from the issuer, and how long an outage of the
issuer may last before nobody gets in, at most: a worker knows only what it has asked for itself, and Lambda replaces
workers within hours."""
PAUSE = 30
"""Seconds between two attempts, whatever they came to: neither made-up key ids nor an outage make more of them."""
BACK = 60
"""Seconds by which the clock may be set back without a word: after more, nobody knows how old anything is."""


class Keys:
    """The keys of one issuer. They are asked for when first needed, when old, and when a token names an unknown one.

    `ask` brings the entries of the key set, or raises `IssuerError`. The clock is the wall's, because a worker that
    Lambda has frozen must not take its keys for younger than they are.
    """

    def __init__(self, ask: Callable[[], list[Any]], clock: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._clock = clock
        self._keys: dict[str, list[Key]] = {}
        self._answered = float("-inf")
        self._attempted = float("-inf")
        self._unanswered: str | None = None

    def named(self, key_id: str) -> list[Key]:
        """The keys of that id, one or more.

        Raises `InvalidTokenError` if the issuer has none, and `IssuerError` if it does not say.
        """
        if (not self._within(FRESH, self._answered) or key_id not in self._keys) and not self._within(
            PAUSE, self._attempted
        ):
            self._attempt()
        if self._unanswered is not None and (key_id not in self._keys or not self._within(STALE, self._answered)):
            # A new one each time: the same one would grow by a traceback with each request of the outage.
            raise IssuerError(self._unanswered)
        if key_id not in self._keys:
            raise InvalidTokenError(f"The issuer has no usable key {key_id}.")
        return self._keys[key_id]

    def _within(self, seconds: float, since: float) -> bool:
        return -BACK <= self._clock() - since < seconds

    def _attempt(self) -> None:
        self._attempted = self._clock()
        try:
            found = usable(self._ask())
            if not found:  # a fault of the issuer's, by which nobody could call any more
                raise IssuerError("The issuer names no usable key.")
            self._keys, self._unanswered = found, None
            self._answered = self._attempted
        except IssuerError as error:
            self._unanswered = str(error)
            known = round(self._attempted - self._answered) if self._keys else None
            log("WARNING", "The issuer does not answer.", reason=str(error), keys_are_seconds_old=known)
