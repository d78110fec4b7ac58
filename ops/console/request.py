"""The path of one request as a timeline: every hop with its times, where it failed, and its redrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked
from ops.dead_letters.selection import seconds
from ops.observe import hops as told
from ops.observe.hops import Hop
from ops.observe.key import Found
from ops.observe.request_path import Path
from ops.observe.trace import UnknownId, find
from ops.redrive.command import command

SINCE = ("1h", "1d", "3d", "7d")
LOOKS = 15
"""Looks at a request that was sent just now, two seconds apart: logs can be searched some seconds later."""
WIDTH = 1000
"""Units of the timeline's width."""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""An id as AWS makes them, which tells of nobody."""


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
    id_, since = (asked.said("id") or "").strip(), asked.said("since") or "1d"
    by_key = asked.said("key") is not None
    given: dict[str, Any] = {"id": id_, "since": since, "sinces": SINCE, "rows": [], "path": None}
    given |= {"found": None, "by_key": by_key}
    said = ("--key", id_) if by_key else (id_,)
    given["shell"] = command("trace", *said, "--since", since, where=asked.desk.where)
    looks = _looks(asked.said("follow"))
    path, given["unknown"] = _path(asked, id_, since, by_key=by_key) if id_ else (None, None)
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
    """The same of what somebody typed: an id leads to its page, and a key, which may say who somebody is, stays here.

    A browser keeps the addresses and titles of pages.
    """
    id_ = (asked.said("id") or "").strip()
    if UUID.fullmatch(id_) and asked.said("key") is None:
        return asked.to("request", id=id_, since=asked.said("since"))
    return page(asked)


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
