"""The flow: what comes in, waits, is done, fails and dies, as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from ops.console import sparkline
from ops.console.asked import Asked
from ops.console.desk import Desk
from ops.console.lasting import Picture, lasting
from ops.depth import ENABLED, Depth
from ops.errors import OpsError, UsageError
from ops.events.catalogue import types
from ops.observe.feeding import Feed, Publishing, feeding, publishing
from ops.observe.last_hour import HOUR
from ops.observe.live import View
from ops.observe.trouble import trouble
from stacks.entry import Integration, Limit, Queue, Topology
from stacks.lanes import Place, is_closed

EVERY = 4.0
"""Seconds between two pictures of a page that is open."""
MINUTES = 60
"""Minutes of the lines of what was done."""
YOUNG = 600.0
"""Seconds of an hour that a line may lack: CloudWatch has a point in five minutes."""
SHARED = 3.0
"""Seconds for which pages that are open share a look."""


@dataclass(frozen=True)
class Row:
    """A queue, what feeds it, who takes from it, and what becomes of that."""

    word: str
    fifo: bool
    lane: str | None
    """Which lane of its queue it is, if that has lanes."""
    share: str | None
    """Its share of what all lanes may do at once, such as `4 of 8`; None where nothing is sent to it any more."""
    beside: bool
    """Whether it is another lane of the queue of the row before."""
    workflow: str | None
    """The field that says which of its workflows a message belongs to, if it follows one."""
    feeds: list[Feed]
    work: Depth
    dead: Depth
    undelivered: Depth | None
    oldest: int | None
    state: str | None
    done: int
    failed: int
    limits: tuple[Limit, ...]
    limited: int
    """Messages that left to wait for a limit in a minute."""
    died: int
    """Messages that had their last attempt in a minute, as far as the logs tell it."""
    missed: int
    """Events that EventBridge gave up to deliver to it in a minute."""
    publishes: list[Publishing]
    allowed: float | None
    """Seconds that a message may wait until an alarm rings."""
    troubles: list[str]
    """What is wrong with it, in sentences."""
    since: float | None
    """When its line of messages begins, in epoch seconds, where that is less than an hour ago."""
    spark: Markup
    dead_spark: Markup
    worked: Markup

    @property
    def held(self) -> int:
        """Its dead letters and what could not be delivered to it."""
        both = (self.dead, *([self.undelivered] if self.undelivered is not None else []))
        return sum(each.waiting + each.in_flight for each in both)

    @property
    def old(self) -> bool:
        """Whether its oldest message waits longer than its alarm lets it."""
        return self.allowed is not None and (self.oldest or 0) > self.allowed

    @property
    def off(self) -> bool:
        """Whether nobody takes its messages."""
        return self.state not in (None, ENABLED)


def page(asked: Asked) -> Response:
    """The whole page."""
    if not asked.desk.stage.staged or (asked.desk.every and "at" not in asked.query):
        return asked.to("account")
    return asked.page("flow.html", "flow", **picture(asked.desk))


def live(desk: Desk, *, soon: bool = False) -> Response:
    """The picture again and again, as server-sent events, for as long as the page is open.

    The first comes `soon`, or after as long as every other.
    """

    def now() -> Picture:
        try:
            return picture(desk, SHARED), False
        except UsageError as error:  # a queue that is not there may be, after a deployment
            raise OpsError(str(error)) from None

    return lasting(desk, "flow", now, EVERY, after=0.0 if soon else EVERY)


def picture(desk: Desk, within: float = 0.0) -> dict[str, Any]:
    """What the template shows, no older than `within` so many seconds. Raises `OpsError`."""
    view, topology = desk.look(within), (desk.known or desk.stage).topology
    wrong: dict[str, list[str]] = {}
    for word, sentence in trouble(topology, view.frame, view.consumers, view.allowed):
        wrong.setdefault(word, []).append(sentence)
    rows = [(each, [*_rows(view, topology, each, wrong)]) for each in topology.integrations]
    every = [row for _, some in rows for row in some]
    return {
        "view": view,
        "types": types(topology),
        "integrations": rows,
        "dead": [row for row in every if row.held],
        "troubles": [(row.word, sentence) for row in every for sentence in row.troubles],
        "statuses": {each.name: [*_statuses(each)] for each in topology.integrations},
        "total": {
            "waiting": sum(row.work.waiting + row.work.delayed for row in every),
            "in_flight": sum(row.work.in_flight for row in every),
            "dead": sum(row.held for row in every),
            "done": sum(view.frame.rates.done.values()),
            "failed": sum(view.frame.rates.failed.values()),
        },
    }


def _statuses(integration: Integration) -> Iterator[tuple[str, str, str]]:
    """What of its things the API reads: the name, the table, and the queue that is asked for such a thing."""
    for status in () if integration.retired else integration.statuses:
        if not status.retired:
            asks = (route.queue for route in integration.routes if route.accepts is status.of)
            yield status.name, status.table, next(asks, "")


def _rows(view: View, topology: Topology, integration: Integration, wrong: dict[str, list[str]]) -> Iterator[Row]:
    rates, depths = view.frame.rates, view.frame.depths
    keys = {each.name: each.key for each in integration.workflows}
    before: Place | None = None
    for queue in integration.queues:
        work, dead = depths[queue.name], depths[f"{queue.name}-dlq"]
        consumer = topology.consumer(queue.name)
        yield Row(
            word=queue.name,
            fifo=queue.fifo,
            lane=queue.lane.lane if queue.lane else None,
            share=_share(queue),
            beside=before is not None and queue.lane is not None and before.queue == queue.lane.queue,
            workflow=keys.get(queue.name),
            feeds=feeding(topology, rates, queue.name),
            work=work,
            dead=dead,
            undelivered=depths.get(f"{queue.name}-undelivered"),
            oldest=rates.oldest.get(work.name) if work.waiting or work.in_flight else None,
            state=view.consumers.get(work.name),
            done=rates.done.get(queue.name, 0),
            failed=rates.failed.get(queue.name, 0),
            limits=consumer.limits,
            limited=rates.limited.get(queue.name, 0),
            died=rates.died.get(queue.name, 0),
            missed=rates.undelivered.get(queue.name, 0),
            publishes=publishing(topology, rates, queue.name),
            allowed=view.allowed,
            troubles=wrong.get(queue.name, []),
            since=_since(view, queue.name),
            spark=_spark(view, queue.name, "messages in the queue"),
            dead_spark=_spark(view, f"{queue.name}-dlq", "dead letters"),
            worked=_worked(view, queue.name),
        )
        before = queue.lane


def _share(queue: Queue) -> str | None:
    if queue.lane is None or queue.lanes is None or is_closed(queue):
        return None
    return f"{queue.lanes.shares[queue.lane.lane]} of {sum(queue.lanes.shares.values())}"


def _since(view: View, word: str) -> float | None:
    points = view.history.get(word, [])
    return points[0][0] if points and points[0][0] > points[-1][0] - HOUR + YOUNG else None


def _worked(view: View, word: str) -> Markup:
    """Attempts that were done and that failed, a minute each, of the last hour."""
    minutes = view.minutes.get(word, {})
    if not any(map(any, minutes.values())):
        return Markup("")
    last = max(minute for each in view.minutes.values() for minute in each)
    first = max(last - MINUTES + 1, int(view.since) // 60)
    each = [minutes.get(minute, (0, 0)) for minute in range(first, last + 1)]
    done, failed = sum(count for count, _ in each), sum(count for _, count in each)
    most = max(map(max, each), default=0)
    whole = f"{done:,} done and {failed:,} failed in {len(each)} min, {most:,} in a minute at the most"
    return sparkline.pair([count for count, _ in each], [count for _, count in each], said=whole)


def _spark(view: View, word: str, what: str) -> Markup:
    points = view.history.get(word, [])
    if len({value for _, value in points}) < 2:  # a flat line says nothing
        return Markup("")
    end = points[-1][0]
    # What is known of less than an hour has the whole width: the start is said beside it.
    start = max(points[0][0], end - HOUR)
    most, last = max(value for _, value in points), points[-1][1]
    return sparkline.line(points, start=start, end=end, said=f"{what}: {most:,.0f} at the most, {last:,.0f} now")
