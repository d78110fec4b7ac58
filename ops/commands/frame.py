"""A stage at one moment, laid out as messages flow: edge, queues, consumers, events, subscribers, dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.commands.screen import span
from ops.depth import Depth
from ops.watch import Frame
from stacks.entry import Route, Subscription
from stacks.topology import TOPOLOGY

TITLES = ("", "/min", "4xx", "5xx", "", "queue", "waiting", "flight", "oldest", "", "done", "failed", "", "dead", "")
PUBLISHES = "publishes"
# What there is room for, by the terminal's columns.
WIDE, NARROW = 150, 116
NARROWEST = ("", "/min", "queue", "waiting", "flight", "done", "failed", "dead")
ARROW = Text("→", "dim")


def frame(now: Frame, width: int, problem: str | None = None) -> Group:
    """The whole flow, a row for each route and subscription; `problem` says why it is not newer."""
    titles = (*TITLES, PUBLISHES) if width >= WIDE else TITLES[:-1]
    kept = [at for at, title in enumerate(titles) if width >= NARROW or (title in NARROWEST and (title or at == 0))]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for at in kept:
        left = titles[at] in ("", "queue", PUBLISHES)
        table.add_column(titles[at], justify="left" if left else "right", no_wrap=titles[at] != PUBLISHES)
    if width < NARROW:
        table.columns[0].max_width = max(width - 60, 8)
    for cells in _rows(now):
        table.add_row(*(cells[at] for at in kept if at < len(cells)))
    return Group(_heading(now), Text(), table, Text(), *_verdict(now, problem))


def _heading(now: Frame) -> Text:
    at = datetime.fromisoformat(now.at)
    of = "CloudWatch's last full minute" if now.rates.measured else "the last 60 s of the logs"
    return Text.assemble(
        ("headrace ", "bold"), (now.stage, "bold"), f"  {at:%H:%M:%S} UTC  ", (f"rates of {of}", "dim")
    )


def _rows(now: Frame) -> Iterator[list[Text]]:
    yield [Text("edge", "bold cyan")]
    told: set[str] = set()
    for route in TOPOLOGY.routes:
        yield [*_edge(now, route), *_queue(now, route.queue, told)]
    yield [Text()]
    yield [Text("events", "bold cyan")]
    order = {queue.name: position for position, queue in enumerate(TOPOLOGY.queues)}
    for subscription in sorted(TOPOLOGY.subscriptions, key=lambda each: order[each.queue]):
        yield [*_event(now, subscription), *_queue(now, subscription.queue, told)]


def _edge(now: Frame, route: Route) -> list[Text]:
    name, rates = route.name, now.rates
    return [
        Text(name),
        _count(rates.requests.get(name, 0)),
        _count(rates.refused.get(name, 0), "yellow"),
        _count(rates.faults.get(name, 0), "bold red"),
        ARROW,
    ]


def _event(now: Frame, subscription: Subscription) -> list[Text]:
    delivered = now.rates.delivered.get(subscription.name)
    rate = Text("-", "dim") if delivered is None else _count(delivered)
    return [Text(subscription.event.__name__), rate, Text(), Text(), ARROW]


def _queue(now: Frame, word: str, told: set[str]) -> list[Text]:
    """The queue with its consumer and its dead letters; a queue that several things feed is told once."""
    if word in told:
        return [Text(f"{word}, as above", "dim")]
    told.add(word)
    work, dead = now.depths[word], now.depths[f"{word}-dlq"]
    undelivered = now.depths.get(f"{word}-undelivered")
    entry = TOPOLOGY.queue(word)
    return [
        Text.assemble((word, "bold"), (" FIFO" if entry.fifo else "", "dim")),
        _count(work.waiting, "yellow"),
        _count(work.in_flight),
        Text(span(now.rates.oldest.get(work.name)) if work.waiting or work.in_flight else "-", "dim"),
        ARROW,
        _count(now.rates.done.get(word, 0), "green"),
        _count(now.rates.failed.get(word, 0), "yellow"),
        ARROW,
        _count(_held(dead) + (_held(undelivered) if undelivered is not None else 0), "bold red"),
        ARROW if TOPOLOGY.consumer(word).publishes else Text(),
        Text(", ".join(event.__name__ for event in TOPOLOGY.consumer(word).publishes), "dim"),
    ]


def _verdict(now: Frame, problem: str | None) -> Iterator[Text]:
    dead = {word: _held(depth) for word, depth in now.depths.items() if depth.kind != "work" and _held(depth)}
    if dead:
        each = ", ".join(f"{count:,} in {word}" for word, count in dead.items())
        yield Text(f"Dead letters: {each}. See: python -m ops dead --stage {now.stage}", "bold red")
    else:
        yield Text("No dead letters.", "green")
    if problem is not None:
        yield Text(f"Not newer than {now.at}: {problem}", "bold red")


def _held(depth: Depth) -> int:
    return depth.waiting + depth.in_flight


def _count(number: int, style: str = "") -> Text:
    return Text(f"{number:,}", style if number else "dim")
