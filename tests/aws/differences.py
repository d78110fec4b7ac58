"""Where moto and the emulator, as its makers made it, answer otherwise than AWS's pages say, and why."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """What comes of these cases instead, and why."""

    why: str
    cases: tuple[str, ...]
    outcome: str = "ok"


MOTO = (
    Difference(
        "It looks at the Ids of a batch only where messages are sent, or deleted: only there, and not at their letters",
        (
            *("DeleteMessageBatch with an Id of a letter that none has", "DeleteMessageBatch with an Id of 81 letters"),
            *(
                f"ChangeMessageVisibilityBatch {what}"
                for what in (
                    *("of none", "of eleven", "with an Id twice"),
                    *("with an Id of a letter that none has", "with an Id of 81 letters"),
                )
            ),
        ),
    ),
    Difference(
        "It refuses eleven for what is the same in all of them",
        ("DeleteMessageBatch of eleven",),
        "BatchEntryIdsNotDistinct",
    ),
    Difference(
        "It counts letters, not bytes, and takes every letter, none included",
        (
            *("a message without a body", "a message whose bytes are more than its letters"),
            *("a message with NUL", "a message with U+FFFE"),
        ),
    ),
    Difference(
        "It reads types of attributes, but neither counts them nor looks at most names and values",
        (
            *("eleven attributes", "an attribute of AWS's", "an attribute with two dots", "an empty attribute"),
            "a number that is none",
        ),
    ),
    Difference(
        "It takes whatever group and deduplication id there is, once there is one",
        (
            *("a deduplication id on a standard queue", "a group of 129 letters", "a group with a blank"),
            "a deduplication id with é",
        ),
    ),
    Difference(
        "It hides what is visible, and for less than no time",
        ("to hide for less than nothing", "to hide what is visible"),
    ),
    Difference(
        "It stores numbers and sets as they are said",
        ("an item with a set of one text twice", "an item with a number of 39 digits"),
    ),
    Difference(
        "It counts events, but neither weighs them nor knows whose a source is",
        ("events of more than a mebibyte", "an event of AWS's"),
    ),
    Difference("It reads no address", ("a mail to nobody", "a mail with a header of its own")),
    Difference("It looks for what is not there", ("a mail without content",), "a crash"),
)

MINISTACK = (
    Difference(
        "It reads no attributes",
        (
            *("eleven attributes", "an attribute of AWS's", "an attribute with two dots", "an attribute with a blank"),
            *("an empty attribute", "an attribute of no type", "a number that is none"),
        ),
    ),
    Difference(
        "It takes every number where AWS has a limit",
        (
            *("a delay that is too long", "a batch with one message that is wrong", "a wait of 21 s"),
            *("a receive for 43201 s", "to hide for 43201 s", "to hide for less than nothing"),
        ),
    ),
    Difference(
        "It takes whatever group and deduplication id there is, once there is one",
        (
            *("a deduplication id on a standard queue", "a group of 129 letters", "a group with a blank"),
            "a deduplication id with é",
        ),
    ),
    Difference("It hides what is visible", ("to hide what is visible",)),
    Difference("It applies clause after clause", ("one attribute twice", "a clause twice")),
    Difference(
        "It takes every entry of ten, whatever is in it",
        (
            *("events of more than a mebibyte", "an event without a source", "an event without a type"),
            *("an event without a detail", "an event whose detail is no JSON"),
        ),
    ),
    Difference("It keeps mails as they come", ("a mail to nobody", "a mail to 51", "a mail without content")),
    Difference("It makes a message of it, which cannot be", ("a mail with a header of its own",), "500"),
)


def outcomes(differences: tuple[Difference, ...]) -> dict[str, str]:
    """What comes of each case that is listed."""
    return {case: each.outcome for each in differences for case in each.cases}
