"""A request to a route as the command that sends the same."""

from __future__ import annotations

from collections.abc import Sequence

from ops.dead_letters.redaction import Redaction
from ops.redrive.command import command
from ops.send import form
from ops.send.request import Said
from ops.send.target import Target

LONGEST = 4_000
"""Characters of a body that a command line repeats; a longer one belongs into a file."""


def send_command(
    target: Target, said: Said, redaction: Redaction, where: Sequence[str] = (), *, anywhere: bool = False
) -> str:
    """The command line, which people paste into chats: it repeats no secret.

    The credential is not in it, which the environment says; a header is without one, and a body with one is a file.
    """
    words = ["send", target.name]
    for key, value in said.path.items():
        words += ["--path", f"{key}={value}"]
    for key, value in said.headers:
        words += ["--header", redaction.text(f"{key}: {value}")]
    text = said.body.decode("utf-8", "surrogateescape") if said.body is not None else None
    if text is not None and text != form.example(target):
        plain = len(text) <= LONGEST and "\0" not in text and text != "-" and not text.startswith("@")
        plain = plain and redaction.text(text) == text
        words += [f"--body={text}" if plain else "--body=@FILE"]
    return command(*words, *(["--prod"] if anywhere else []), where=where)
