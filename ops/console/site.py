"""The console's routes, behind its guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ops.console import (
    account,
    dead,
    events,
    flow,
    history,
    limits,
    looks,
    message,
    parked,
    queue,
    redrives,
    replays,
    request,
    schedules,
    try_it,
)
from ops.console.asked import Answer, endpoint
from ops.console.desk import Desk
from ops.console.guard import Guard
from ops.console.page import HERE, STAGED, rendered


@dataclass(frozen=True)
class Page:
    """A path and what answers it. One that `changes` something is refused where nothing may be changed.

    What `holds` messages for a while, or writes that somebody saw them, is done to its end, as what changes is.
    """

    method: str
    path: str
    answer: Answer
    changes: bool = False
    holds: bool = False


PAGES = (
    Page("GET", "/", flow.page),
    Page("GET", "/dead", dead.page),
    Page("GET", "/dead/{queue}", dead.queue, holds=True),
    Page("GET", "/dead/{queue}/causes", dead.part, holds=True),
    Page("POST", "/dead/{queue}/look", dead.look),
    Page("GET", "/looks/{run}", looks.page),
    Page("POST", "/looks/{run}/stop", looks.halt),
    Page("GET", "/dead/{queue}/{id}", message.page, holds=True),
    Page("GET", "/dead/{queue}/{id}/attempts", message.attempts),
    Page("POST", "/dead/{queue}/{id}/search", message.search),
    Page("POST", "/dead/{queue}/{id}/whole", message.whole, holds=True),
    Page("POST", "/dead/{queue}/{id}/edit", message.edit, holds=True),
    Page("POST", "/dead/{queue}/{id}/check", message.check, holds=True),
    Page("POST", "/dead/{queue}/{id}/send", redrives.send, changes=True),
    Page("GET", "/plan/{queue}", redrives.plan),
    Page("POST", "/plan/{queue}", redrives.plan),
    Page("POST", "/plan/{queue}/dry", redrives.dry),
    Page("POST", "/plan/{queue}/redrive", redrives.begin, changes=True),
    Page("GET", "/redrives", history.page),
    Page("GET", "/redrives/{run}", redrives.one),
    Page("POST", "/redrives/stop", redrives.halt, changes=True),
    Page("POST", "/redrives/{run}/resume", redrives.resume, changes=True),
    Page("GET", "/status/{queue}", redrives.status),
    Page("GET", "/request", request.page),
    Page("POST", "/request", request.search),
    Page("GET", "/queue/{queue}", queue.page),
    Page("POST", "/queue/{queue}/peek", queue.peek, holds=True),
    Page("GET", "/queue/{queue}/open", parked.ask),
    Page("POST", "/queue/{queue}/open", parked.do, changes=True),
    Page("GET", "/schedules", schedules.page),
    Page("GET", "/schedules/{name}", schedules.one),
    Page("POST", "/schedule/{verb}", schedules.do, changes=True),
    Page("GET", "/try", try_it.page),
    Page("GET", "/try/route", try_it.route),
    Page("POST", "/try/route", try_it.send, changes=True),
    Page("GET", "/limits", limits.page),
    Page("POST", "/limits/{queue}", limits.look),
    Page("GET", "/events", events.page),
    Page("GET", "/events/{type}", events.one),
    Page("GET", "/replay/{subscriber}", replays.ask),
    Page("POST", "/replay/{subscriber}", replays.plan),
    Page("POST", "/replay/{subscriber}/begin", replays.begin, changes=True),
    Page("GET", "/replays", replays.history),
    Page("GET", "/replays/{name}", replays.one),
    Page("POST", "/replays/{name}/cancel", replays.cancel, changes=True),
    Page("GET", "/account", account.page),
)
"""Every page, and everything that can be done."""


def site(desk: Desk, *, port: int, told: Callable[[str], None]) -> Guard:
    """The application; `told` is given each link that lets somebody in. The first is `link`."""
    routes: list[BaseRoute] = [
        Route(
            each.path,
            endpoint(
                desk,
                each.answer,
                changes=each.changes,
                whole=each.changes or each.holds,
                staged=each.path.split("/")[1] in STAGED,
            ),
            methods=[each.method],
        )
        for each in PAGES
    ]

    async def living(asked: Request) -> Response:
        return flow.live(desk, soon="soon" in asked.query_params)

    async def running(asked: Request) -> Response:
        return redrives.live(desk, asked.path_params["run"], asked.query_params.get("trace"))

    async def looking(asked: Request) -> Response:
        return looks.live(desk, asked.path_params["run"], dict(asked.query_params))

    async def replayed(asked: Request) -> Response:
        return replays.live(desk, asked.path_params["name"])

    routes += [
        Route("/live/looks/{run}", looking),
        Route("/live/flow", living),
        Route("/live/replays/{name}", replayed),
        Route("/live/redrives/{run}", running),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    guard = Guard(lambda *_: None, port=port, told=told)  # type: ignore[arg-type]
    app = Starlette(routes=[Mount(guard.base, routes=routes)], exception_handlers={404: _missing(desk)})
    guard.app = app
    desk.base, desk.csrf = guard.base, guard.csrf
    return guard


def _missing(desk: Desk) -> Callable[[Request, Any], Awaitable[Response]]:
    async def missing(asked: Request, _: Any) -> Response:
        return HTMLResponse(
            rendered(desk, "sorry.html", {"sentence": "There is no such page.", "sure": True, "q": {}}), 404
        )

    return missing
