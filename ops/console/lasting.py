"""What goes on for a while and a page shows as it goes, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ops.console.desk import Desk
from ops.console.flow import event
from ops.console.page import rendered
from ops.errors import OpsError
from ops.redrive.background import Job

EVERY = 0.5
"""Seconds between two pictures."""
AFTER = 4.0
"""Seconds until it is tried again after AWS refused to answer."""


def lasting(desk: Desk, run: str, kind: str, picture: Callable[[Job], dict[str, Any]]) -> Response:
    """What runs by that name, again and again as server-sent events of that kind, by its template, till it ended."""

    def frame() -> tuple[str, bool]:
        job = desk.jobs.find(run)
        if job is None:
            return "", True
        return rendered(desk, f"{kind}_part.html", {**picture(job), "q": {}}), job.ended is not None

    async def frames() -> AsyncIterator[str]:
        over = False
        while not over:
            pause = EVERY
            try:
                text, over = await run_in_threadpool(frame)
            except OpsError as error:  # what runs may go on, and whoever signs in again sees how
                desk.reconnect()
                text, pause = rendered(desk, "sorry_live.html", {"sentence": str(error), "q": {}}), AFTER
            yield event(kind, text)
            await asyncio.sleep(pause)
        yield event("over", "over")

    return StreamingResponse(frames(), media_type="text/event-stream")
