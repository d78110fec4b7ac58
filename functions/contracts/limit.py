"""A limit as the stack tells it to a function: how much of something fragile is asked of at once, and a second."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct

TABLE = "limits"
"""The table of what each limit has given away; it is there if the map has a limit."""
KEY = "id"
"""Its partition key."""
WAITS, WAITS_ALONE = 50, 10
"""Receives that a message of a limited queue may spend on waiting, beside those of its attempts: in a FIFO queue, where
it waits hidden, and in a standard one, where it waits as a copy and only what cannot be copied is received for it."""

LONGEST = 200
"""Characters of a key that stand in the table as they are; of a longer one its SHA-256 does. The key of an item has
2,048 bytes at the most."""


def waits(*, fifo: bool) -> int:
    """Receives that a message of a limited queue may spend on waiting. A dead one spends them on nothing."""
    return WAITS if fifo else WAITS_ALONE


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """At most `rate` messages a second in the long run, `burst` of them at once, and `at_once` in work.

    `per` is what has a limit of its own: each `tenant`, each `group`, each value of a field of the contract; None is
    the whole consumer. One that is `in_code` is asked by the handler and by nobody else, with a key of its own. A
    `retired` one lets everybody through; what waited for it is still known as that.
    """

    name: str
    rate: float | None = None
    burst: int = 1
    at_once: int | None = None
    per: str | None = None
    in_code: bool = False
    retired: bool = False


def written(rules: Sequence[Rule]) -> str | None:
    """The rules as a variable; None for none."""
    return msgspec.json.encode(list(rules)).decode() if rules else None


def read(text: str) -> list[Rule]:
    """The rules that the variable says, those first that every message passes. Raises `msgspec.ValidationError`."""
    return sorted(msgspec.json.decode(text, type=list[Rule]), key=lambda rule: rule.in_code)


def slots(service: str, rule: Rule, value: str) -> str:
    """The item that counts the rate of that key of the consumer's limit; without a key `value` is empty.

    Of another rate the key begins anew: what the slower one gave away ahead holds up nobody.
    """
    return f"{before_key(service, rule)}{_short(value)}@{rule.rate:g}"


def places(service: str, rule: Rule, value: str) -> str:
    """The item that holds the places of that key."""
    return f"{before_key(service, rule)}{_short(value)}/places"


def before_key(service: str, rule: Rule) -> str:
    """How the items of every key of the consumer's limit begin."""
    return f"{service}/{rule.name}/"


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else hashlib.sha256(value.encode()).hexdigest()
