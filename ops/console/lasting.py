"""What goes on for a while and a page shows as it goes, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response, StreamingResponse

from ops.console.desk import Desk
from ops.console.page import rendered
from ops.errors import OpsError, UsageError
from ops.redrive.background import Job

EVERY = 0.5
"""Seconds between two pictures."""
AFTER = 4.0
"""Seconds until it is tried again after AWS refused to answer."""


Picture = tuple[dict[str, Any] | None, bool]
"""What a template shows, if anything is left to be shown, and whether it is over."""


def lasting(
    desk: Desk, kind: str, picture: Callable[[], Picture], every: float = EVERY, *, after: float = 0.0
) -> Response:
    """What goes on, again and again as server-sent events of that kind, by its template, till it is over.

    The first comes `after` so many seconds.
    """

    def frame() -> tuple[str, bool, float]:
        try:
            given, over = picture()
            text = rendered(desk, f"{kind}_part.html", {**given, "q": {}}) if given is not None else ""
        except UsageError as error:  # there is no such thing, and there will be none
            return _sorry(desk, str(error), again=False), True, every
        except OpsError as error:  # what runs may go on, and whoever signs in again sees how
            return _sorry(desk, desk.refused(error), again=True), False, max(AFTER, every)
        except Exception as error:
            return _sorry(desk, desk.fault(error), again=True), False, max(AFTER, every)
        return text, over, every

    async def frames() -> AsyncIterator[str]:
        over = False
        await asyncio.sleep(after)
        while not over:
            text, over, pause = await asyncio.get_running_loop().run_in_executor(desk.living, frame)
            yield event(kind, text)
            await asyncio.sleep(pause)
        yield event("over", "over")

    return StreamingResponse(frames(), media_type="text/event-stream")


def _sorry(desk: Desk, sentence: str, *, again: bool) -> str:
    return rendered(desk, "sorry_live.html", {"sentence": sentence, "again": again, "q": {}})


def event(name: str, data: str) -> str:
    """One server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n"


def of_job(desk: Desk, run: str, kind: str, picture: Callable[[Job], dict[str, Any]]) -> Response:
    """The same of what this console runs by that name; its picture has it as `job`."""

    def now() -> Picture:
        job = desk.jobs.find(run)
        if job is None:
            return None, True
        given = picture(job)
        return given, given["job"].ended is not None  # as it was when the picture was made

    return lasting(desk, kind, now)
