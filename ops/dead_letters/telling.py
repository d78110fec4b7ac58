"""Names that say that what they name is secret, by their whole words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

from functions.contracts.spellings import unescaped

LONGEST = 100
"""Characters of a name that is remembered: a strange one may be as long as a message."""
COMPOUND = (
    r"(?:api|access|private|signing|encryption|account) ?keys?|card ?(?:number|no)|security ?code|session ?id"
    r"|pass ?(?:word|phrase|code)"
)
SURE = r"passw(?:or)?d|passphrase|passcode|pwd\b"
WORD = (
    r"(?:token|secret|cookie|credential)s?\b|\bpass(?:words)?\b"
    r"|\b(?:pw|otp|totp|pin|jwt|auth|authentication|authori[sz]ation|bearer|signature|sig|cvv|cvc|iban|ssn)\b"
)
TELLING = re.compile(f"{SURE}|{COMPOUND}|{WORD}")
"""In a name in small letters, with a space between its words."""
ENDING = re.compile(f"(?:{COMPOUND})$")
STRONG = re.compile(f"{SURE}|{COMPOUND}")
DESCRIBES = re.compile(
    r"\b(?:counts?|types?|names?|length|size|limit|policy|version|arn|ttl|methods?|mode|algorithm|issuer|scopes?|status"
    r"|error|required|enabled|provider|expir\w*(?: (?:in|at|on))?)$"
    r"|\b(?:next|previous|page|pagination|continuation|max|min|total|prompt|completion|input|output|used|cached)"
    r" (?:\w+ )?tokens?$"
)
"""What is said about a secret, and tokens that are none."""
FAULT = re.compile(
    r"\b(?:invalid|missing|expired|unknown|unexpected|no|not|found|error|exception|failed|failure|denied|rejected"
    r"|required|mismatch|unsupported|wrong|bad|illegal|unauthorized)\b"
)
HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
BETWEEN = re.compile(r"[\W_\d]+")
JOINED = re.compile(r"[\W_]+")


class Telling:
    """The names that contracts mark, as `plain` has them, and those that tell by themselves."""

    def __init__(self, marked: frozenset[str]) -> None:
        self._marked = marked

    def marked(self, name: str) -> bool:
        """Whether a contract marks it."""
        return plain(name) in self._marked

    def tell(self, name: str) -> bool:
        """Whether what has this name is secret."""
        return self.marked(name) or _tells(name)

    def end(self, words: Sequence[str]) -> bool:
        """Whether these words of a text, one or two, are such a name: two are where they are one only together."""
        if len(words) == 1:
            return self.tell(words[0])
        return len(words) == 2 and (self.marked(" ".join(words)) or ENDING.search(_words(" ".join(words))) is not None)

    def strong(self, name: str) -> bool:
        """Whether what follows it is secret in a sentence, too."""
        return self.marked(name) or STRONG.search(_words(name)) is not None

    def fault(self, name: str) -> bool:
        """Whether it is what went wrong with a secret, not a secret."""
        return not self.marked(name) and FAULT.search(_words(name)) is not None


def plain(name: str) -> str:
    """A name as it is compared: `card-number`, `cardNumber` and `CARD NUMBER` are one."""
    return _known(name) if len(name) <= LONGEST else _joined(name)


def _tells(name: str) -> bool:
    words = _words(name)
    return TELLING.search(words) is not None and DESCRIBES.search(words) is None


def _words(name: str) -> str:
    return _known_words(name) if len(name) <= LONGEST else _split(name)


def _split(name: str) -> str:
    return BETWEEN.sub(" ", HUMPS.sub(" ", normalize("NFKC", unescaped(name)))).casefold().strip()


def _joined(name: str) -> str:
    return JOINED.sub("", normalize("NFKC", unescaped(name)).casefold())


_known = lru_cache(4096)(_joined)
_known_words = lru_cache(4096)(_split)
