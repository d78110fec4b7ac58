"""How a page is written: the templates, what they may say, and how what others wrote is shown.

Whatever is put into a template is a text: markup in it stays text, and characters that hide or steer are escapes that
can be read. Nothing but the templates themselves and our own small charts is markup.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ops.console.desk import Desk
from ops.span import span
from ops.stage import Stage
from ops.visible import visible
from stacks import limits, names
from stacks.events import known

HERE = Path(__file__).parent
NAV = (
    ("flow", "", "Flow"),
    ("dead", "dead", "Dead letters"),
    ("redrives", "redrives", "Redrives"),
    ("request", "request", "Request"),
    ("schedules", "schedules", "Schedules"),
    ("events", "events", "Events"),
    ("limits", "limits", "Limits"),
    ("try", "try", "Try it"),
    ("account", "account", "Account"),
)
"""The pages that are always in reach: their name, path and title."""


def shown(value: Any) -> Any:
    """A value as a template prints it: a text of others with nothing in it that hides."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@lru_cache(1)
def environment() -> Environment:
    """The templates, which escape whatever they are given."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {each.__name__: each for each in (breaking, count, span, moment, ago, iso, clock)}
    return found


def rendered(desk: Desk, template: str, given: Mapping[str, Any], *, at: str = "") -> str:
    """The page, or a part of one; `at` is the name of the page in the navigation."""
    stage = desk.known
    return (
        environment()
        .get_template(template)
        .render(
            desk=desk,
            at=at,
            nav=[each for each in NAV if stage is None or _has(desk, stage, each[0])],
            place=stage.told if stage is not None else "not connected",
            project=names.PROJECT,
            careful=desk.careful if stage is not None else False,
            url=lambda *parts, **query: address(desk.base, *parts, **query),
            **given,
        )
    )


STAGELESS = ("redrives", "account")
"""The pages that need no stage."""
STAGED = ("queue", "request", "schedules", "schedule", "try", "limits", "events", "replay", "replays")
"""How the paths begin of what only a stage has, or can do."""


def _has(desk: Desk, stage: Stage, name: str) -> bool:
    """Whether the stage, or the account, has something for that page."""
    if name == "try":
        return bool(stage.topology.routes) and desk.untried is None
    if name == "schedules":
        return bool(stage.topology.schedules) or any(stage.topology.delayed())
    if name == "limits":
        return limits.exist(stage.topology)
    if name == "events":
        return bool(known(stage.topology))
    return stage.staged or name in STAGELESS


def address(base: str, *parts: str, **query: Any) -> str:
    """The path of a page below `base`, with what of the query is said."""
    path = "/".join([base, *(quote(part, safe="") for part in parts)]) if parts != ("",) else f"{base}/"
    said = {name: value for name, value in query.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(said, doseq=True)}" if said else path


def count(number: float) -> str:
    """A number with its thousands told apart."""
    return f"{number:,.0f}"


def moment(at: datetime | float | str) -> str:
    """A time as a person reads it, in UTC; a text that is none as it is."""
    try:
        told = _time(at)
    except ValueError:
        return str(at)
    today = told.date() == datetime.now(UTC).date()
    return f"{told:%H:%M:%S} UTC" if today else f"{told:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime | float | str) -> str:
    """A time of the last hours, to the minute, in UTC."""
    return f"{_time(at):%H:%M}"


def breaking(text: str) -> Markup:
    """A path, of which a line may end after each slash."""
    return Markup("/<wbr>").join(shown(part) for part in text.split("/"))


def iso(at: datetime | float | str) -> str:
    """A time as a machine reads it; a text that is none as it is."""
    try:
        return _time(at).isoformat(timespec="milliseconds")
    except ValueError:
        return str(at)


def ago(at: datetime | float | str) -> str:
    """How long ago that was."""
    return f"{span(max(time.time() - _time(at).timestamp(), 0))} ago"


def _time(at: datetime | float | str) -> datetime:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    told = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return told.astimezone(UTC) if told.tzinfo is not None else told.replace(tzinfo=UTC)
