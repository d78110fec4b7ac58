"""A request to a route as the command that sends the same."""

from __future__ import annotations

from collections.abc import Sequence

from functions.contracts.redaction import REDACTED
from functions.contracts.webhooks import SCHEMES
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

    The credential is not in it, which the environment says. A header that the route does not name, or that signs the
    request, is without its value, as is what has a secret's name; a body in which a secret is recognized is a file.
    """
    words = ["send", target.name]
    for key, value in said.path.items():
        words += ["--path", f"{key}={redaction.of({key: value})[key]}"]
    shown = _shown(target)
    for key, value in said.headers:
        words += ["--header", f"{key}: {redaction.of({key: value})[key] if key.lower() in shown else REDACTED}"]
    text = said.body.decode("utf-8", "surrogateescape") if said.body is not None else None
    if text is not None and text != form.example(target):
        plain = len(text) <= LONGEST and "\0" not in text and text != "-" and not text.startswith("@")
        plain = plain and redaction.text(text) == text
        words += [f"--body={text}" if plain else "--body=@FILE"]
    return command(*words, *(["--prod"] if anywhere else []), where=where)


def _shown(target: Target) -> set[str]:
    """The headers whose value may be shown, in lower case: nobody knows what any other carries."""
    named = {each["name"].lower() for each in target.parameters if each["in"] == "header"}
    return named - ({SCHEMES[target.route.senders[target.sender]].header.lower()} if target.sender else set())
