"""A stage at one moment, laid out as messages flow: edge and events, queues, consumers, dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli.screen import fits
from ops.depth import Depth
from ops.observe.feeding import Feed, feeding
from ops.observe.watch import Frame
from ops.span import span
from ops.visible import one_line
from stacks.entry import Integration, Topology
from stacks.names import PROJECT

EDGE = ("", "/min", "4xx", "5xx")
PUBLISHES = "publishes"
TITLES = (*EDGE, "", "queue", "waiting", "flight", "oldest", "", "done", "failed", "", "dead", "", PUBLISHES)
NARROW = ("", "/min", "waiting", "flight", "done", "failed", "dead")
ARROW = Text("→", "dim")

Row = list[Text]


def frame(now: Frame, topology: Topology, width: int, problem: str | None = None) -> Group:
    """The whole flow, integration by integration, a row for all that feeds a queue, and for each that nothing feeds.

    `width` are the columns of text there are: where they are too few, what is published is left out, and then each
    queue has a line of its own below what feeds it. `problem` says why the frame is not newer.
    """
    rows = [*_rows(now, topology)]
    layouts = (_table(TITLES, rows), _table(TITLES[:-2], rows), _narrow(rows))
    table = next((table for table in layouts if fits(table, width)), layouts[-1])
    return Group(_heading(now), Text(), table, Text(), *_verdict(now, problem))


def _table(titles: tuple[str, ...], rows: list[tuple[Row, Row]]) -> Table:
    table = _columns(titles)
    for feeds, queue in rows:
        table.add_row(*(feeds + queue)[: len(titles)])
    return table


def _narrow(rows: list[tuple[Row, Row]]) -> Table:
    """What feeds a queue and, in a row below it, the queue itself with the counts that matter most."""
    table = _columns(NARROW)
    for feeds, queue in rows:
        table.add_row(*feeds[:2])
        if queue:
            arrow, name, waiting, flight, *more = [*queue, *[Text()] * (len(TITLES) - len(EDGE) - len(queue))]
            _, _, done, failed, _, dead, *_ = more
            table.add_row(Text(" ").join([arrow, name]), Text(), waiting, flight, done, failed, dead)
    return table


def _columns(titles: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(title, justify="left" if title in ("", "queue", PUBLISHES) else "right", no_wrap=True)
    return table


def _heading(now: Frame) -> Text:
    at = datetime.fromisoformat(now.at)
    of = "CloudWatch's last full minute" if now.rates.measured else "the last 60 s of the logs"
    return Text.assemble(
        (f"{PROJECT} ", "bold"), (now.stage, "bold"), f"  {at:%H:%M:%S} UTC  ", (f"rates of {of}", "dim")
    )


def _rows(now: Frame, topology: Topology) -> Iterator[tuple[Row, Row]]:
    """What feeds a queue, and the queue: two parts of a row."""
    for number, integration in enumerate(topology.integrations):
        if number:
            yield [Text()], []
        retired = (" retired", "yellow") if integration.retired else ""
        yield [Text.assemble((integration.name, "bold cyan"), retired)], []
        told: set[str] = set()
        for word, feeds in _feeds(now, topology, integration):
            yield feeds, _queue(now, topology, word, told)


def _feeds(now: Frame, topology: Topology, integration: Integration) -> Iterator[tuple[str, Row]]:
    """The queues of an integration in the order of its flow, each as often as something feeds it.

    A route stands at the first of its lanes, and what it feeds besides below it.
    """
    fed: set[str] = set()
    routes = integration.open_routes()
    by_queue = {queue.name: feeding(topology, now.rates, queue.name) for queue in integration.queues}
    edges = {each.name: each for feeds in by_queue.values() for each in feeds if each.kind == "route"}
    for route in routes:
        first, *others = route.queues
        yield first, _edge(edges[route.name])
        yield from ((queue, [Text("its lanes" if others else ""), Text(), Text(), Text()]) for queue in others)
        fed |= {*route.queues}
    for queue, feeds in by_queue.items():
        for each in feeds:
            if each.kind != "route":
                fed.add(queue)
                yield queue, _other(each)
    for queue in by_queue:
        if queue not in fed:
            yield queue, [Text("nothing", "dim"), Text(), Text(), Text()]


def _edge(feed: Feed) -> Row:
    return [
        Text(feed.name),
        _count(feed.rate or 0),
        _count(feed.refused, "yellow"),
        _count(feed.faults, "bold red"),
    ]


def _other(feed: Feed) -> Row:
    rate = Text("-", "dim") if feed.rate is None else _count(feed.rate)
    kind = () if feed.kind == "event" else ((f"{feed.kind} ", "dim"),)
    return [Text.assemble(*kind, feed.name), rate, Text(), Text()]


def _queue(now: Frame, topology: Topology, word: str, told: set[str]) -> Row:
    """The queue with its consumer and its dead letters; a queue that several things feed is told once."""
    if word in told:
        return [ARROW, Text(f"{word}, as above", "dim")]
    told.add(word)
    work, dead = now.depths[word], now.depths[f"{word}-dlq"]
    undelivered = now.depths.get(f"{word}-undelivered")
    entry, publishes = topology.queue(word), topology.consumer(word).publishes
    return [
        ARROW,
        Text.assemble((word, "bold"), (" FIFO" if entry.fifo else f" {entry.lane.lane}" if entry.lane else "", "dim")),
        _count(work.waiting, "yellow"),
        _count(work.in_flight),
        Text(span(now.rates.oldest.get(work.name)) if work.waiting or work.in_flight else "-", "dim"),
        ARROW,
        _count(now.rates.done.get(word, 0), "green"),
        _count(now.rates.failed.get(word, 0), "yellow"),
        ARROW,
        _count(_held(dead) + (_held(undelivered) if undelivered is not None else 0), "bold red"),
        ARROW if publishes else Text(),
        Text(", ".join(event.__name__ for event in publishes), "dim"),
    ]


def _verdict(now: Frame, problem: str | None) -> Iterator[Text]:
    dead = {word: _held(depth) for word, depth in now.depths.items() if depth.kind != "work" and _held(depth)}
    if dead:
        each = ", ".join(f"{count:,} in {word}" for word, count in dead.items())
        yield Text(f"Dead letters: {each}. See: python -m ops dead --stage {now.stage}", "bold red")
    else:
        yield Text("No dead letters.", "green")
    if now.unmeasured is not None:
        yield Text(one_line(f"What happens in a minute is not known, and reads 0: {now.unmeasured}"), "yellow")
    if problem is not None:
        yield Text(one_line(f"Not newer than {now.at}: {problem}"), "bold red")


def _held(depth: Depth) -> int:
    return depth.waiting + depth.in_flight


def _count(number: int, style: str = "") -> Text:
    return Text(f"{number:,}", style if number else "dim")
