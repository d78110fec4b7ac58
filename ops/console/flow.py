"""The flow: what comes in, waits, is done, fails and dies, as it is now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ops.console import sparkline
from ops.console.asked import Asked
from ops.console.desk import Desk
from ops.console.page import rendered
from ops.depth import ENABLED, Depth
from ops.errors import OpsError
from ops.observe.last_hour import HOUR
from ops.observe.live import View
from stacks.entry import Integration, Topology

EVERY = 4.0
"""Seconds between two pictures of a page that is open."""
SHARED = 3.0
"""Seconds for which pages that are open share a look."""


@dataclass(frozen=True)
class Feed:
    """What feeds a queue: a route, an event, a schedule or a plan. Counts are of a minute; None where nobody counts."""

    kind: str
    name: str
    rate: int | None
    refused: int = 0
    faults: int = 0


@dataclass(frozen=True)
class Row:
    """A queue, what feeds it, who takes from it, and what becomes of that."""

    word: str
    fifo: bool
    lane: str | None
    """Which lane of its queue it is, if that has lanes."""
    feeds: list[Feed]
    work: Depth
    dead: Depth
    undelivered: Depth | None
    oldest: int | None
    state: str | None
    done: int
    failed: int
    publishes: list[tuple[str, list[str]]]
    """Events, each with the queues that subscribed to it."""
    spark: Markup
    dead_spark: Markup

    @property
    def held(self) -> int:
        """Its dead letters and what could not be delivered to it."""
        both = (self.dead, *([self.undelivered] if self.undelivered is not None else []))
        return sum(each.waiting + each.in_flight for each in both)

    @property
    def off(self) -> bool:
        """Whether nobody takes its messages."""
        return self.state not in (None, ENABLED)


def page(asked: Asked) -> Response:
    """The whole page."""
    if not asked.desk.stage.staged or (asked.desk.every and "at" not in asked.query):
        return asked.to("account")
    return asked.page("flow.html", "flow", **picture(asked.desk))


async def live(desk: Desk, part: str) -> Response:
    """The picture again and again, as server-sent events, for as long as the page is open; `part` is its template."""

    def frame() -> str:
        try:
            return rendered(desk, part, {**picture(desk, SHARED), "q": {}}, at="flow")
        except OpsError as error:
            desk.reconnect()
            return rendered(desk, "sorry_live.html", {"sentence": str(error), "q": {}})

    async def frames() -> AsyncIterator[str]:
        while True:
            await asyncio.sleep(EVERY)
            yield event("flow", await run_in_threadpool(frame))

    return StreamingResponse(frames(), media_type="text/event-stream")


def event(name: str, data: str) -> str:
    """One server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n"


def picture(desk: Desk, within: float = 0.0) -> dict[str, Any]:
    """What the template shows, no older than `within` so many seconds. Raises `OpsError`."""
    view, topology = desk.live.now(within), desk.stage.topology
    rows = [(each, [*_rows(view, topology, each)]) for each in topology.integrations]
    every = [row for _, some in rows for row in some]
    return {
        "view": view,
        "integrations": rows,
        "dead": [row for row in every if row.held],
        "off": [row for row in every if row.off],
        "total": {
            "waiting": sum(row.work.waiting + row.work.delayed for row in every),
            "in_flight": sum(row.work.in_flight for row in every),
            "dead": sum(row.held for row in every),
            "done": sum(view.frame.rates.done.values()),
            "failed": sum(view.frame.rates.failed.values()),
        },
    }


def _rows(view: View, topology: Topology, integration: Integration) -> Iterator[Row]:
    subscribers = {each.event.__name__: [] for each in topology.subscriptions}  # type: dict[str, list[str]]
    for each in topology.subscriptions:
        subscribers[each.event.__name__].append(each.queue)
    rates, depths = view.frame.rates, view.frame.depths
    for queue in integration.queues:
        work, dead = depths[queue.name], depths[f"{queue.name}-dlq"]
        consumer = topology.consumer(queue.name)
        yield Row(
            word=queue.name,
            fifo=queue.fifo,
            lane=queue.lane.lane if queue.lane else None,
            feeds=[*_feeds(view, integration, queue.name)],
            work=work,
            dead=dead,
            undelivered=depths.get(f"{queue.name}-undelivered"),
            oldest=rates.oldest.get(work.name) if work.waiting or work.in_flight else None,
            state=view.consumers.get(work.name),
            done=rates.done.get(queue.name, 0),
            failed=rates.failed.get(queue.name, 0),
            publishes=[(each.__name__, subscribers.get(each.__name__, [])) for each in consumer.publishes],
            spark=_spark(view, queue.name, "messages in the queue"),
            dead_spark=_spark(view, f"{queue.name}-dlq", "dead letters"),
        )


def _feeds(view: View, integration: Integration, word: str) -> Iterator[Feed]:
    rates = view.frame.rates
    for route in integration.open_routes():
        if word in route.queues:
            name = route.name
            counts = (rates.requests.get(name, 0), rates.refused.get(name, 0), rates.faults.get(name, 0))
            yield Feed("route", name, *counts)
    for each in () if integration.retired else integration.subscriptions:
        if each.queue == word:
            yield Feed("event", each.event.__name__, rates.delivered.get(each.name))
    for schedule in integration.schedules:
        if schedule.queue == word:
            yield Feed("schedule", schedule.name, None)
    for plan in dict.fromkeys(plan for consumer in integration.consumers for plan in consumer.plans):
        if plan.queue == word:
            yield Feed("plan", plan.command.__name__, None)


def _spark(view: View, word: str, what: str) -> Markup:
    points = view.history.get(word, [])
    if len({value for _, value in points}) < 2:  # a flat line says nothing
        return Markup("")
    end = points[-1][0]
    # What is known of less than an hour has the whole width: the start is said beside it.
    start = max(points[0][0], end - HOUR)
    most, last = max(value for _, value in points), points[-1][1]
    return sparkline.line(points, start=start, end=end, said=f"{what}: {most:,.0f} at the most, {last:,.0f} now")
