"""Limits as they are counted now, and a look at one key, which is asked for in a form: a key may be personal."""

from __future__ import annotations

from starlette.responses import Response

from ops.console.asked import Asked
from ops.errors import UsageError
from ops.limits.counted import counted
from ops.redrive.command import command


def page(asked: Asked) -> Response:
    """Every limit, or one consumer's."""
    return _page(asked, asked.said("consumer"), None)


def look(asked: Asked) -> Response:
    """One key of a consumer's limits."""
    key = asked.said("key")
    if key is None:
        raise UsageError("Say which key: a tenant, or the value of the field that the limit is per.")
    return _page(asked, asked.path["queue"], key)


def _page(asked: Asked, only: str | None, key: str | None) -> Response:
    desk = asked.desk
    found = counted(desk.stage, only, key)
    shell = command(*_words(only, key), where=desk.where)
    given = {"found": found, "only": only, "key": key, "shell": shell, "remarks": [*found.remarks()]}
    return asked.page("limits.html", "limits", **given)


def _words(only: str | None, key: str | None) -> list[str]:
    return ["limits", *([only] if only else []), *(["--key", key] if key else [])]
