"""The path of a request as a table whose first column is a tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.path import DONE, Delivery, Fact, Path, Request, Try

WIDE = 120
STYLES = {
    "processed": "green",
    "duplicate": "green",
    "retried": "yellow",
    "redriven": "yellow",
    "dead": "bold red",
    "gone": "yellow",
}


@dataclass
class _Row:
    """A row and those below it. In milliseconds `waited` until it was on its queue, `took` from then, `at` (epoch)."""

    what: Text
    outcome: Text = field(default_factory=Text)
    waited: int | None = None
    took: int | None = None
    at: int | None = None
    id: str = ""
    below: list[_Row] = field(default_factory=list)


def tree(path: Path, width: int = WIDE) -> Group:
    """The path as a person reads it: what happened, how it ended, and how long each hop took.

    On a terminal less than `WIDE` columns wide the ids are left out.
    """
    rows = [*map(_request, path.requests), *(_delivery(each, None) for each in path.strays), *map(_fact, path.facts)]
    start = min((row.at for row in _all(rows) if row.at is not None), default=0)
    guided = [(Text(guide, "dim") + row.what, row) for guide, row in _guided(rows)]
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("path", no_wrap=True, min_width=max((len(what) for what, _ in guided), default=0))
    table.add_column("outcome", overflow="fold", min_width=12)
    for title in ("to queue", "to outcome", "since start"):
        table.add_column(title, justify="right", no_wrap=True, min_width=len(title))
    if wide:
        table.add_column("message or event", style="dim", no_wrap=True)
    for what, row in guided:
        since = "" if row.at is None else f"+{(row.at - start) / 1000:.3f} s"
        cells = (what, row.outcome, _span(row.waited), _span(row.took), since)
        table.add_row(*cells, *([row.id] if wide else []))
    return Group(_heading(path, start, rows), Text(), table, *_verdict(path))


def _heading(path: Path, start: int, rows: list[_Row]) -> Text:
    end = max((row.at for row in _all(rows) if row.at is not None), default=start)
    messages, events = sum(1 for _ in path.deliveries()), sum(1 for _ in path.events())
    began = datetime.fromtimestamp(start / 1000, UTC)
    counts = [_count(len(path.requests), "request"), _count(messages, "message"), _count(events, "event")]
    return Text.assemble(
        (path.correlation_id, "bold"),
        f"  {', '.join(counts)} in {(end - start) / 1000:.3f} s from {began:%Y-%m-%d %H:%M:%S} UTC",
    )


def _verdict(path: Path) -> Iterator[Text]:
    dead = [each for each in path.deliveries() if each.state == "dead"]
    back = [each for each in path.deliveries() if each.state == "retried"]
    gone = [each for each in path.deliveries() if each.state == "gone"]
    awaited = path.awaited()
    yield Text()
    for queue in dict.fromkeys(each.rests_in for each in dead):
        waiting = _count(sum(each.rests_in == queue for each in dead), "dead letter")
        yield Text(f"{waiting} in {queue}. Once the cause is mended: python -m ops redrive {queue} --yes", "bold red")
    if back:
        yield Text(
            f"{_count(len(back), 'message')} will be tried again: {_names(each.queue for each in back)}.", "yellow"
        )
    if gone:
        yield Text(
            f"Of {_names(each.queue for each in gone)} every try failed, and no dead-letter queue shows the message: "
            "it is on its way there, or somebody took it out.",
            "yellow",
        )
    if awaited:
        yield Text(f"Nothing is known yet of {_names(awaited)}: still waiting, or not searchable yet.", "yellow")
    if path.unseen:
        yield Text(f"Not looked through, because they hold too much: {', '.join(path.unseen)}.", "yellow")
    if not (dead or back or gone or awaited):
        accepted = any(True for _ in path.deliveries())
        yield Text("Nothing of it is left to be done." if accepted else "No message came of it.", "green")


def _request(request: Request) -> _Row:
    good = request.status.startswith("2")
    outcome = Text(f"{request.status}{f' {request.error}' if request.error else ''}", "green" if good else "bold red")
    row = _Row(Text(request.route, "bold"), outcome, took=request.latency, at=request.at, id=request.trace_id or "")
    row.below = [_delivery(each, request.at) for each in request.deliveries] + _silent(request.awaited)
    return row


def _fact(fact: Fact) -> _Row:
    if fact.again:
        return _Row(Text(fact.type, "cyan"), Text("published again, as above", "dim"), id=fact.id)
    row = _Row(Text(fact.type, "cyan"), at=None, id=fact.id)
    row.below = [_delivery(each, fact.at) for each in fact.deliveries] + _silent(fact.awaited)
    return row


def _silent(queues: list[str]) -> list[_Row]:
    return [_Row(Text(queue, "bold"), Text("not heard of yet", "yellow")) for queue in queues]


def _delivery(delivery: Delivery, since: int | None) -> _Row:
    """A message; with more than one try, or one that failed, each try has a row of its own."""
    sent, end = delivery.sent, delivery.at
    row = _Row(
        Text(delivery.queue, "bold"),
        Text(_outcome(delivery), STYLES[delivery.state]),
        waited=None if sent is None or since is None else max(sent - since, 0),
        took=None if sent is None or not delivery.tries else max(end - sent, 0),
        at=end or None,
        id=delivery.message_id,
    )
    if len(delivery.tries) > 1 or any(each.error for each in delivery.tries):
        row.below = [
            _tries(list(same), sent) for _, same in groupby(delivery.tries, key=lambda x: (x.outcome, x.error))
        ]
    row.below += map(_fact, delivery.events)
    for copy in delivery.copies:
        below = _delivery(copy, end)
        below.what = Text.assemble("↻ ", below.what)
        row.below.append(below)
    return row


def _tries(same: list[Try], sent: int | None) -> _Row:
    """Tries in a row that ended alike."""
    first, last = same[0], same[-1]
    what = f"try {first.number}" if first is last else f"tries {first.number} to {last.number}"
    told = f"{last.outcome}: {last.error}" if last.error else last.outcome
    return _Row(
        Text(what, "dim"),
        Text(told, "green" if last.outcome in DONE else "yellow"),
        took=None if sent is None else max(last.at - sent, 0),
        at=last.at,
    )


def _outcome(delivery: Delivery) -> str:
    tries = f" at try {delivery.tries[-1].number}" if len(delivery.tries) > 1 else ""
    home = ""
    if delivery.redriven:
        run = delivery.redriven.partition(" ")[2]
        home = f", redriven by {delivery.redriven_by} ({run})" if delivery.redriven_by else f", redriven ({run})"
    match delivery.state:
        case "dead":
            known = any(each.error for each in delivery.tries)
            return f"rests in {delivery.rests_in}{'' if known else f': {delivery.cause}'}{home}"
        case "retried":
            return f"will be tried again{home}"
        case "redriven":
            return f"died, was redriven{home}"
        case "gone":
            sent = f", sent home by {delivery.sent_home}" if delivery.sent_home else ""
            return f"died{sent}{home}"
        case state:
            return f"{state}{tries}{home}"


def _all(rows: list[_Row]) -> Iterator[_Row]:
    for row in rows:
        yield row
        yield from _all(row.below)


def _guided(rows: list[_Row], trunk: str | None = None) -> Iterator[tuple[str, _Row]]:
    """The rows in order, each with the lines that join it to the row that it belongs to."""
    for number, row in enumerate(rows, start=1):
        last = number == len(rows)
        if trunk is None:
            yield "", row
            yield from _guided(row.below, "")
        else:
            yield trunk + ("└─ " if last else "├─ "), row
            yield from _guided(row.below, trunk + ("   " if last else "│  "))


def _span(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(words: Iterator[str] | list[str]) -> str:
    return ", ".join(dict.fromkeys(words))
