"""The path of one request as a timeline: every hop with its times, where it failed, and its redrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked
from ops.console.typed import UUID
from ops.dead_letters.selection import seconds
from ops.observe import hops as told
from ops.observe.hops import Hop
from ops.observe.key import Found
from ops.observe.logs import checked
from ops.observe.request_path import Path
from ops.observe.trace import UnknownId, find
from ops.redrive.command import command

SINCE = ("1h", "1d", "3d", "7d")
LOOKS = 15
"""Looks at a request that was sent just now, two seconds apart: logs can be searched some seconds later."""
WIDTH = 1000
"""Units of the timeline's width."""
GONE = "What was typed is not kept any more: search again."


@dataclass(frozen=True)
class Row:
    """A hop at its depth; `start`, `wait` and `length` are where its bar begins and how long its parts are."""

    hop: Hop
    depth: int
    start: float | None
    wait: float
    length: float
    since: float | None
    """Seconds since the first hop."""


def page(asked: Asked) -> Response:
    """The path of the request with the id or key that is asked for, or those with that key; else only where to ask."""
    since, token = asked.said("since") or "1d", asked.said("typed")
    id_, by_key = (asked.said("id") or "").strip(), asked.said("key") is not None
    if token is not None:
        id_ = asked.desk.typed.text(token) or ""
    elif id_ and (by_key or not UUID.fullmatch(id_)):
        return search(asked)
    given: dict[str, Any] = {"id": id_, "since": since, "sinces": SINCE, "rows": [], "path": None, "title": None}
    given |= {"found": None, "by_key": by_key}
    said = ("--key", id_) if by_key else (id_,)
    given["shell"] = command("trace", *said, "--since", since, where=asked.desk.where)
    looks = _looks(asked.said("follow")) if id_ else None
    path, given["unknown"] = _path(asked, id_, since, by_key=by_key) if id_ else (None, GONE if token else None)
    if looks is not None:  # of what was sent just now it is no surprise
        given["unknown"] = None
    waits = looks is not None and (path is None or (isinstance(path, Path) and not told.settled(path)))
    given |= {"again": looks if waits else 0, "followed": looks is not None}
    if isinstance(path, Found):
        given |= {"found": path, "tones": told.TONES}
    elif path is not None:
        hops = told.hops(path)
        began, ended = told.began(hops), told.ended(hops)
        given |= {
            "path": path,
            "title": path.correlation_id if UUID.fullmatch(path.correlation_id) else None,
            "rows": [*_rows(hops, began, max(ended - began, 1))],
            "extent": told.extent(path),
            "took": (ended - began) / 1000,
            "began": datetime.fromtimestamp(began / 1000, UTC) if began else None,
            "verdict": [*told.verdict(path, asked.desk.where)],
            "dead": list(
                dict.fromkeys((each.dlq, each.message_id) for each in path.deliveries() if each.state == "dead")
            ),
        }
    return asked.page("request.html", "request", **given)


def search(asked: Asked) -> Response:
    """Leads to the page of what somebody typed: its address says an id of AWS's making, and nothing else of theirs.

    Raises `UsageError` for what can be neither an id nor a key.
    """
    id_, key = (asked.said("id") or "").strip(), asked.said("key") is not None
    said = {"since": asked.said("since"), "follow": asked.said("follow")}
    if not id_:
        return asked.to("request", **said)
    checked(id_)
    return asked.to("request", **asked.desk.typed.query(id_, key=key, **said))


def _looks(text: str | None) -> int | None:
    """How often a page that follows its request looks again; None for one that does not."""
    return min(int(text), LOOKS) if text is not None and text.isascii() and text.isdigit() and len(text) < 4 else None


def _path(asked: Asked, id_: str, since: str, *, by_key: bool) -> tuple[Path | Found | None, str | None]:
    """The path, or requests with that key; where nothing is known of it, None and why that may be."""
    try:
        return find(asked.desk.stage, id_, since=seconds(since), by_key=by_key), None
    except UnknownId as unknown:  # AWS answered, so nothing is asked anew, and the form stays to be corrected
        return None, str(unknown)


def _rows(hops: list[Hop], began: int, whole: int, depth: int = 0) -> Iterator[Row]:
    for hop in hops:
        took, waited = hop.took or 0, hop.waited or 0
        start = None if hop.at is None else hop.at if hop.begins else hop.at - took - waited
        since = None if hop.at is None else (hop.at - began) / 1000
        yield Row(
            hop,
            depth,
            max((start - began) / whole * WIDTH, 0.0) if start is not None else None,
            waited / whole * WIDTH,
            max(took / whole * WIDTH, 3.0),
            since,
        )
        yield from _rows(hop.below, began, whole, depth + 1)
