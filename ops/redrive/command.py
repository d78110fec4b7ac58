"""A redrive as the command that does the same, so that whoever sees it can say it elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ops.dead_letters.selection import Selection
from ops.redrive import document
from ops.redrive.request import Request
from ops.visible import all_show
from stacks.names import INSTALLED

NAME = "headrace" if INSTALLED else "python -m ops"
"""How the command is called: installed by itself, or in a project's folder."""


def redrive_command(request: Request, where: Sequence[str] = (), *, yes: bool) -> str:
    """The command line; `where` are the options that say in which stage or account.

    Bodies that were edited by hand are not repeated: `--editor` asks for them.
    """
    words = ["redrive", request.queue, *selection_words(request.selection), *_how(request), *where]
    return f"{NAME} {_joined([*words, '--yes'] if yes else words)}"


def command(*words: str, where: Sequence[str] = ()) -> str:
    """Any other command, quoted as a shell needs it."""
    return f"{NAME} {_joined([*words, *where])}"


def _joined(words: Sequence[str]) -> str:
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """The word as a shell reads it, in one line: where it is pasted a newline would end the line, quoted or not.

    What does not show is escaped as POSIX has it since 2024, and bash and zsh ever had.
    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_04
    """
    return shlex.quote(word) if all_show(word) else f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if all_show(character):
        return character
    # An escape of a byte would take in the letters that follow it, in some shells; one of a character has its length.
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def selection_words(selection: Selection) -> Iterator[str]:
    """The options that say which messages are meant."""
    if selection.filter is not None:
        yield from ("--filter", selection.filter)
    if selection.older_than is not None:
        yield from ("--older-than", f"{selection.older_than}s")
    if selection.cause is not None:
        yield from ("--cause", selection.cause)
    if selection.ids is not None:
        yield from ("--ids", ",".join(selection.ids))


def _how(request: Request) -> Iterator[str]:
    if request.to is not None:
        yield from ("--to", request.to)
    if request.group is not None:
        yield from ("--group", request.group)
    if request.limit is not None:
        yield from ("--limit", str(request.limit))
    if request.edit is not None:
        yield from ("--editor",) if document.is_one(request.edit) else ("--edit", request.edit)
    if request.python is not None:
        yield from ("--python", f"{request.python.path}:{request.python.function}")
    if request.rate != "auto":
        yield from ("--rate", request.rate if isinstance(request.rate, str) else f"{request.rate:g}")
    if request.natively is not None:
        yield "--native" if request.natively else "--no-native"
    for said, option in ((request.follow, "--follow"), (not request.keep_order, "--out-of-order")):
        if said:
            yield option
    if request.force:
        yield "--force"
