"""The path of a request as a tree: beside each hop its outcome and times, or below it where the screen is narrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli.screen import fits, wrapped
from ops.cli.visible import one_line
from ops.dead_letters.cause import cut
from ops.observe.request_path import DONE, LIMITED, Attempt, Delivery, Fact, Path, Request

PARKED = "GroupParked: "
"""How the error of a message begins that was not attempted, because one before it in its group is dead."""
FRAMES = 3
"""Frames of an error's stack that are shown; `peek` shows all."""
ERROR = 240
"""Characters of an attempt's error that are shown; `peek` and --json show all."""
READABLE = 40
"""Columns in which a sentence is still read with ease."""
TIED = "\u00a0"
"""A space at which no line ends."""
STYLES = {
    "processed": "green",
    "duplicate": "green",
    "skipped": "green",
    "retried": "yellow",
    "redriven": "yellow",
    "dead": "bold red",
    "gone": "yellow",
    "working": "cyan",
}


@dataclass
class _Row:
    """A row and those below it. In milliseconds `waited` until it was on its queue, `took` from then, `at` (epoch).

    `stack` is where an error came from, innermost call last. What others wrote shows in each as one line.
    """

    what: Text
    outcome: Text = field(default_factory=Text)
    waited: int | None = None
    took: int | None = None
    at: int | None = None
    id: str = ""
    stack: tuple[str, ...] = ()
    below: list[_Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = one_line(self.id)
        self.stack = tuple(one_line(frame) for frame in self.stack[-FRAMES:])


@dataclass(frozen=True)
class _Guided:
    """A row with the lines that join it to what it belongs to, and those that go on below it."""

    guide: str
    onward: str
    row: _Row


def tree(path: Path, width: int) -> Group:
    """The path as a person reads it: what happened, how it ended, and how long each hop took.

    `width` are the columns of text there are: where they are too few the ids are left out, and then an outcome that
    has no room beside its hop stands below it.
    """
    rows = [*map(_request, path.requests), *(_delivery(each, None) for each in path.strays), *map(_fact, path.facts)]
    start = min((row.at for row in _all(rows) if row.at is not None), default=0)
    guided = [*_guided(rows)]
    layouts = (_table(guided, start, ids=True), _table(guided, start, ids=False))
    slack = _slack([each.row for each in guided])
    table = next((table for table in layouts if fits(table, width + slack)), None)
    told = [table] if table is not None else [*_narrow(guided, start, width)]
    return Group(_heading(path, start, rows, width), Text(), *told, *_verdict(path))


def _table(guided: list[_Guided], start: int, *, ids: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("path", no_wrap=True)
    table.add_column("outcome")
    for title in ("to queue", "to outcome", "since start"):
        table.add_column(title, justify="right", no_wrap=True)
    if ids:
        table.add_column("message or event", style="dim", no_wrap=True)
    for each in guided:
        row = each.row
        cells = (
            _head(each),
            row.outcome,
            _span(row.waited),
            _span(row.took),
            _since(row, start),
        )
        table.add_row(*cells, *([row.id] if ids else []))
        for frame in row.stack:
            table.add_row(Text(each.onward, "dim"), Text(frame, "dim"))
    return table


def _slack(rows: list[_Row]) -> int:
    """By how many columns the outcomes may be narrowed: to a readable width, and never inside a word."""
    told = [line for row in rows for line in (row.outcome.plain, *row.stack)]
    longest = max(map(cell_len, told), default=0)
    return max(longest - max(READABLE, *(cell_len(word) for line in told for word in line.split()), 0), 0)


def _narrow(guided: list[_Guided], start: int, width: int) -> Iterator[Text]:
    """What happened and when since the start; how it ended where there is room, else below."""
    for each in guided:
        row = each.row
        since = _since(row, start).rjust(12)
        head = _head(each)
        long = head.cell_len
        room = width - long - len(since) - 2
        beside = row.outcome if row.outcome.cell_len <= room else Text()
        gap = Text(" " * max(width - long - 2 - beside.cell_len - len(since), 1))
        if long + len(since) <= width:
            yield Text.assemble(head, "  ", beside, gap, since)
        elif long <= width:
            yield head
        else:
            yield from (Text(line, row.what.style) for line in wrapped(row.what.plain, width, each.guide, each.onward))
        below = [] if beside else wrapped(row.outcome.plain, width, each.onward)
        for line in below if row.outcome else ():
            yield Text(line, row.outcome.style)
        for frame in row.stack:
            yield from (Text(line, "dim") for line in wrapped(frame, width, each.onward))


def _heading(path: Path, start: int, rows: list[_Row], width: int) -> Text:
    end = max((row.at for row in _all(rows) if row.at is not None), default=start)
    messages, events = sum(1 for _ in path.deliveries()), sum(1 for _ in path.events())
    began = datetime.fromtimestamp(start / 1000, UTC)
    counts = [_count(len(path.requests), "request"), _count(messages, "message"), _count(events, "event")]
    id_ = one_line(path.correlation_id)
    took = f"{(end - start) / 1000:.3f}{TIED}s from {began:%Y-%m-%d %H:%M:%S}{TIED}UTC"
    told = Text("\n".join(wrapped(f"{id_}  {', '.join(counts)} in {took}", width)).replace(TIED, " "))
    told.stylize("bold", 0, len(id_))
    return told


def _verdict(path: Path) -> Iterator[Text]:
    dead = [each for each in path.deliveries() if each.state == "dead"]
    back = [each for each in path.deliveries() if each.state == "retried"]
    gone = [each for each in path.deliveries() if each.state == "gone"]
    at_work = [each for each in path.deliveries() if each.state == "working"]
    awaited = path.awaited()
    yield Text()
    for queue in dict.fromkeys(each.dlq for each in dead):
        letters = _count(sum(each.dlq == queue for each in dead), "dead letter")
        yield Text(f"{letters} in {queue}. Once the cause is fixed:", "bold red")
        yield Text(f"  python -m ops redrive {queue} --yes", "bold red")
    if at_work:
        yield Text(f"At work: {_names(each.queue for each in at_work)}.", "cyan")
    if back:
        yield Text(
            f"{_count(len(back), 'message')} will be attempted again: {_names(each.queue for each in back)}.", "yellow"
        )
    if gone:
        yield Text(
            f"Of {_names(each.queue for each in gone)} every attempt failed, and no dead-letter queue shows the "
            "message: it is on its way there, or somebody took it out.",
            "yellow",
        )
    if awaited:
        yield Text(f"Nothing is known yet of {_names(awaited)}: still waiting, or not searchable yet.", "yellow")
    if path.unseen:
        yield Text(f"Not looked through, because they hold too much: {', '.join(path.unseen)}.", "yellow")
    if not (dead or at_work or back or gone or awaited):
        accepted = any(True for _ in path.deliveries())
        yield Text("Nothing of it is left to be done." if accepted else "No message came of it.", "green")


def _request(request: Request) -> _Row:
    good = request.status.startswith("2")
    error = f" {cut(request.error, ERROR)}" if request.error else ""
    whom = f" for {cut(request.tenant, ERROR)}" if request.tenant else ""
    whom += f" by {cut(request.caller, ERROR)}" if request.caller else ""
    outcome = _text(f"{request.status}{error}{whom}", "green" if good else "bold red")
    row = _Row(_text(request.route, "bold"), outcome, took=request.latency, at=request.at, id=request.trace_id or "")
    row.below = [_delivery(each, request.at) for each in request.deliveries] + _silent(request.awaited)
    return row


def _fact(fact: Fact) -> _Row:
    if fact.again:
        return _Row(_text(fact.type, "cyan"), Text("published again, as above", "dim"), id=fact.id)
    row = _Row(_text(fact.type, "cyan"), at=None, id=fact.id)
    row.below = [_delivery(each, fact.at) for each in fact.deliveries] + _silent(fact.awaited)
    return row


def _silent(queues: list[str]) -> list[_Row]:
    return [_Row(Text(queue, "bold"), Text("not heard of yet", "yellow")) for queue in queues]


def _delivery(delivery: Delivery, since: int | None) -> _Row:
    """A message; with more than one attempt, or one that failed, each attempt has a row of its own."""
    sent, end = delivery.sent, delivery.at
    row = _Row(
        _text(delivery.queue, "bold"),
        _text(_outcome(delivery), STYLES[delivery.state]),
        waited=None if sent is None or since is None else max(sent - since, 0),
        took=None if sent is None or not delivery.attempts else max(end - sent, 0),
        at=end or None,
        id=delivery.message_id,
        stack=() if any(each.stack for each in delivery.attempts) else delivery.stack,
    )
    if len(delivery.attempts) > 1 or _known(delivery):
        row.below = [
            _attempts(list(same), sent)
            for _, same in groupby(delivery.attempts, key=lambda each: (each.outcome, each.error, each.stack))
        ]
    if not _known(delivery):
        row.below += [
            _Row(Text("failed", "dim"), _text(cut(told, ERROR), "yellow"))
            for told in (delivery.first, delivery.last)
            if told
        ]
    if delivery.standing:
        row.below.append(_Row(Text("workflow", "dim"), _text(cut(delivery.standing, ERROR), "")))
    row.below += map(_fact, delivery.events)
    for copy in delivery.copies:
        below = _delivery(copy, end)
        below.what = Text.assemble("↻ ", below.what)
        row.below.append(below)
    return row


def _known(delivery: Delivery) -> bool:
    """Whether its attempts tell how it failed."""
    return any(each.error for each in delivery.attempts if each.outcome != LIMITED)


def _attempts(same: list[Attempt], sent: int | None) -> _Row:
    """Attempts in a row that ended alike."""
    first, last = same[0], same[-1]
    # What is parked was received and not attempted, so that its receives run out.
    parked = last.error is not None and last.error.startswith(PARKED)
    word = "receive" if parked else "wait before attempt" if last.outcome == LIMITED else "attempt"
    what = f"{word} {first.number}" if first.number == last.number else f"{word}s {first.number} to {last.number}"
    error = cut(last.error, ERROR) if last.error else None
    told = (error if parked else f"{last.outcome}: {error}") if error else last.outcome
    return _Row(
        Text(what, "dim"),
        _text(told, "green" if last.outcome in DONE else "yellow"),
        took=None if sent is None else max(last.at - sent, 0),
        at=last.at,
        stack=last.stack,
    )


def _outcome(delivery: Delivery) -> str:
    attempts = f" at attempt {delivery.attempts[-1].number}" if len(delivery.attempts) > 1 else ""
    redriven = ""
    if delivery.replayed:
        redriven = f", replayed{f' by {delivery.replayed_by}' if delivery.replayed_by else ''} ({delivery.replayed})"
    if delivery.redriven:
        run = delivery.redriven.partition(" ")[2]
        redriven += f", redriven by {delivery.redriven_by} ({run})" if delivery.redriven_by else f", redriven ({run})"
    match delivery.state:
        case "dead":
            return f"is in {delivery.dlq}{'' if _known(delivery) else f': {delivery.cause}'}{redriven}"
        case "retried":
            said = f", was at {delivery.progress}" if delivery.progress else ""
            return f"will be attempted again{said}{redriven}"
        case "redriven":
            return f"died, was redriven{redriven}"
        case "gone":
            sent = f", redriven as {delivery.sent_by}" if delivery.sent_by else ""
            return f"died{sent}{redriven}"
        case "working":
            return f"at work, {delivery.progress}{redriven}"
        case state:
            return f"{state}{attempts}{redriven}"


def _all(rows: list[_Row]) -> Iterator[_Row]:
    for row in rows:
        yield row
        yield from _all(row.below)


def _guided(rows: list[_Row], trunk: str | None = None) -> Iterator[_Guided]:
    """The rows in order, causes before effects."""
    for number, row in enumerate(rows, start=1):
        last = number == len(rows)
        guide = "" if trunk is None else trunk + ("└─ " if last else "├─ ")
        below = "" if trunk is None else trunk + ("   " if last else "│  ")
        yield _Guided(guide, below + ("│  " if row.below else "  "), row)
        yield from _guided(row.below, below)


def _text(text: str, style: str) -> Text:
    """What somebody else wrote, as one line."""
    return Text(one_line(text), style)


def _head(each: _Guided) -> Text:
    return Text.assemble((each.guide, "dim"), each.row.what)


def _since(row: _Row, start: int) -> str:
    return "" if row.at is None else f"+{(row.at - start) / 1000:.3f} s"


def _span(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(words: Iterator[str] | list[str]) -> str:
    return ", ".join(dict.fromkeys(map(one_line, words)))
