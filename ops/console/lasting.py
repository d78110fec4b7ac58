"""What goes on for a while and a page shows as it goes, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response, StreamingResponse

from ops.console.desk import Desk
from ops.console.flow import event
from ops.console.page import rendered
from ops.errors import OpsError, UsageError
from ops.redrive.background import Job

EVERY = 0.5
"""Seconds between two pictures."""
AFTER = 4.0
"""Seconds until it is tried again after AWS refused to answer."""


Picture = tuple[dict[str, Any] | None, bool]
"""What a template shows, if anything is left to be shown, and whether it is over."""


def lasting(desk: Desk, kind: str, picture: Callable[[], Picture], every: float = EVERY) -> Response:
    """What goes on, again and again as server-sent events of that kind, by its template, till it is over."""

    def frame() -> tuple[str, bool]:
        given, over = picture()
        return rendered(desk, f"{kind}_part.html", {**given, "q": {}}) if given is not None else "", over

    async def frames() -> AsyncIterator[str]:
        over = False
        while not over:
            pause = every
            try:
                text, over = await asyncio.get_running_loop().run_in_executor(desk.living, frame)
            except UsageError as error:  # there is no such thing, and there will be none
                text, over = _sorry(desk, error, again=False), True
            except OpsError as error:  # what runs may go on, and whoever signs in again sees how
                desk.reconnect()
                text, pause = _sorry(desk, error, again=True), max(AFTER, every)
            yield event(kind, text)
            await asyncio.sleep(pause)
        yield event("over", "over")

    return StreamingResponse(frames(), media_type="text/event-stream")


def _sorry(desk: Desk, error: OpsError, *, again: bool) -> str:
    return rendered(desk, "sorry_live.html", {"sentence": str(error), "again": again, "q": {}})


def of_job(desk: Desk, run: str, kind: str, picture: Callable[[Job], dict[str, Any]]) -> Response:
    """The same of what this console runs by that name."""

    def now() -> Picture:
        job = desk.jobs.find(run)
        return (None, True) if job is None else (picture(job), job.ended is not None)

    return lasting(desk, kind, now)
