"""What people typed to find a request, kept here so that no address says it: a browser keeps addresses and titles."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""An id as AWS makes them, which tells of nobody."""
MOST = 12_000
"""Texts that are kept, each of which is an id or a key: a search may find 10,000 requests, to which its page leads."""


class Typed:
    """The texts that were asked for last, each by a token, which the same text has as long as the console runs."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._texts)

    def query(self, text: str, *, key: bool = False, **more: Any) -> dict[str, Any]:
        """How an address names it, with what `more` it says: an id of AWS's making as it is, all else by its token.

        With `key` it is one, whatever it looks like.
        """
        if UUID.fullmatch(text) and not key:
            return {"id": text, **more}
        return {"typed": self._kept(text), **more, "key": "yes" if key else None}

    def name(self, text: str) -> str:
        """It as it is, where it is an id of AWS's making, else its token."""
        return text if UUID.fullmatch(text) else self._kept(text)

    def text(self, token: str) -> str | None:
        """What the token stands for; None where it is not kept, or never was."""
        with self._lock:
            if token in self._texts:
                self._texts.move_to_end(token)
            return self._texts.get(token)

    def _kept(self, text: str) -> str:
        token = blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()
        with self._lock:
            self._texts[token] = text
            self._texts.move_to_end(token)
            while len(self._texts) > MOST:
                self._texts.popitem(last=False)
        return token
