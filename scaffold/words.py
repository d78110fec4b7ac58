"""The words that a person gives, and the names that follow from them.

scaffold integration gift-cards …      integration gift-cards, contract functions/contracts/gift_cards.py, table
                                       gift_cards, command GiftCardsRequest, function gift_cards_request
… --command RedeemGiftCard             command RedeemGiftCard, function redeem_gift_card
scaffold subscriber print-card …       function, queue and table print_card, integration print-card
"""

from __future__ import annotations

import builtins
import difflib
import keyword
import re
from collections.abc import Iterable

from scaffold.errors import Refused
from stacks.paths import SEGMENT, VERBS

LONGEST = 40
"""Characters of a name, at the most, as the map's rules have it."""
HYPHENS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
CAMEL = re.compile(r"([A-Z][a-z0-9]+)+")
PARAMETER = re.compile(r"\{([a-z]+(?:_[a-z]+)*)\}")
SPOKEN_FOR = frozenset(
    {
        *("Annotated", "ClassVar", "Meta", "END", "Command", "Event", "Note", "RequestId"),
        *("Any", "Iterable", "Message", "Reject", "Duplicate", "Table", "ConditionFailed", "FromPath"),
        *("Rehearsal", "Access", "Consumer", "Integration", "Queue", "Route", "Subscription", "Topology", "TOPOLOGY"),
        *("Schedule", "Run"),
    }
)
"""Classes that the written modules import or define themselves."""
FIELDS = frozenset(
    {
        *("note", "request_id", "digest", "correlation_id", "source", "version", "business_key"),
        *("body", "largest_body", "fits", "message_id", "changes"),
    }
)
"""What the written commands, events, items and tests hold beside the group."""


def snake(name: str) -> str:
    """`GiftCard` or `gift-card` as `gift_card`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).replace("-", "_").lower()


def camel(name: str) -> str:
    """`gift-card` or `gift_card` as `GiftCard`."""
    return "".join(part.capitalize() for part in re.split("[-_]", name))


def spoken(name: str) -> str:
    """`GiftCard` or `gift-card` as a person says it: `Gift card`."""
    return snake(name).replace("_", " ").capitalize()


def hyphens(what: str, name: str) -> str:
    """`name`, lower-case words and hyphens. Raises `Refused` for another."""
    if not HYPHENS.fullmatch(name) or len(name) > LONGEST:
        raise Refused(
            f"{what} {name!r}: write at most {LONGEST} characters of lower-case words and hyphens, such as gift-cards."
        )
    if keyword.iskeyword(name):
        raise Refused(f"{what} {name!r} is a word of Python's own; choose another.")
    return name


def class_name(option: str, name: str, taken: Iterable[str]) -> str:
    """`name`, the name of a class that none of `taken` has. Raises `Refused` for another."""
    if not CAMEL.fullmatch(name) or len(snake(name)) > LONGEST:
        raise Refused(
            f"{option} {name!r}: write it in CamelCase, such as GiftCardRedeemed, and of at most {LONGEST} characters "
            "in lower_case_words."
        )
    if name in SPOKEN_FOR or hasattr(builtins, name) or keyword.iskeyword(snake(name)):
        raise Refused(f"{option} {name!r}: the written code needs that word itself; choose another.")
    if name in taken:
        raise Refused(f"{option} {name!r}: {name} is there already; choose another.")
    return name


def route(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Method, path and the path's parameters of `POST /v1/orders/{order_id}/returns`. Raises `Refused` for others."""
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    if method not in VERBS:
        raise Refused(
            f"--route {text!r}: begin with {', '.join(VERBS[:-1])} or {VERBS[-1]}, whose body becomes the message, "
            "as in 'POST /v1/orders/{order_id}/returns'."
        )
    segments = path.split("/")[1:]
    if not path.startswith("/") or not all(SEGMENT.fullmatch(one) or PARAMETER.fullmatch(one) for one in segments):
        raise Refused(
            f"--route {text!r}: write the path like /v1/orders/{{order_id}}/returns, parameters in lower_case_words."
        )
    return method, path, tuple(PARAMETER.findall(path))


def group(name: str | None, parameters: tuple[str, ...], *, fifo: bool) -> str | None:
    """The path parameter that is the FIFO group; None on a standard queue.

    Raises `Refused` where the two options and the path disagree, or where a value of the path would be lost: the
    group's value is the only one that reaches the function.
    """
    if fifo and name is None:
        those = f"one of {', '.join(parameters)}" if parameters else "a parameter of the path, such as {order_id}"
        raise Refused(f"--fifo keeps the order within a group; name it with --group: {those}.")
    if name is not None and not fifo:
        raise Refused(f"--group {name} keeps an order, which takes a FIFO queue; add --fifo or drop --group.")
    if name is not None and name not in parameters:
        raise Refused(f"--group {name!r} is not a parameter of the path{near(name, parameters)}")
    if name is not None and (name in FIELDS or keyword.iskeyword(name) or len(name) > LONGEST):
        raise Refused(f"--group {name!r}: the written code needs that word itself; name the parameter otherwise.")
    lost = next((one for one in parameters if one != name), None)
    if lost is not None:
        raise Refused(
            f"--route: the value of {{{lost}}} would not reach the function, only the one of a FIFO group does; "
            "leave it out of the path, and let the body say it."
        )
    return name


def near(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the known one that is close, or a full stop."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {match[0]}?" if match else "."
