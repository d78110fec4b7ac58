"""What messages cost, as a table with everything that it is built on below it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli.screen import sheet
from ops.cost.costing import Cost, Costing, Row
from ops.cost.memory import memory
from ops.cost.work import ABREAST, CORE

COLUMNS = {
    "api": "API",
    "sqs": "SQS",
    "functions": "Lambda",
    "tables": "tables",
    "events": "events",
    "logs": "logs",
    "traces": "X-Ray",
    "email": "e-mail",
}

WORTH = 0.005
"""The least share of a function's cost that is worth showing."""


def bill(costing: Costing, width: int) -> Group:
    """One line a route and subscription: by service, in all, by the standard consumer, with a function in front.

    Where `width` columns of text are too few for the services, only the totals are shown.
    """
    whole = _sheet(costing, width, services=True)
    rest = (Text(), _memory(costing, width), Text(), *_told(costing))
    if isinstance(whole, Table):
        return Group(_heading(costing), Text(), whole, *rest)
    told = Text("By service: on a wider screen, or with --json.", "dim")
    return Group(_heading(costing), Text(), _sheet(costing, width, services=False), told, *rest)


def _memory(costing: Costing, width: int) -> Table | Group:
    """What each consumer's memory makes of its time, and the memory with which its time costs least."""
    titles = ("", "MB", "of a\ncore", "ms\nwaiting", "ms\nCPU", "ms a\nbatch", "best\nMB", "its\ncost")
    lines = [
        (
            Text(each.consumer),
            [
                Text(f"{each.memory:,}"),
                Text(f"{each.core:.0%}"),
                Text(f"{each.waits:,.0f}"),
                Text(f"{each.cpu:,.0f}"),
                Text(f"{each.milliseconds:,.0f}"),
                Text(f"{each.best:,}", "" if each.saves < WORTH else "bold"),
                Text(f"{-each.saves:+.0%}" if each.saves >= WORTH else "", "" if each.saves < WORTH else "bold"),
            ],
        )
        for each in memory(costing.topology, costing.assume)
    ]
    return sheet(titles, lines, width)


def _sheet(costing: Costing, width: int, *, services: bool) -> Table | Group:
    totals = ("total", "standard\nconsumer", "function\nin front", "with all\nthat follows")
    titles = ("US dollars", *(COLUMNS.values() if services else ()), *totals)
    return sheet(titles, [(Text(row.name), [*_cells(row, services)]) for row in costing.rows()], width)


def _cells(row: Row, services: bool) -> Iterator[Text]:
    for name in COLUMNS if services else ():
        yield _dollars(getattr(row.cost, name))
    yield Text(f"{row.cost.total:,.2f}", "bold")
    yield _more(row.standard, row.cost)
    yield _more(row.relayed, row.cost) if row.relayed is not None else Text("")
    yield _dollars(row.onward.total) if row.relayed is not None else Text("")


def _dollars(value: float) -> Text:
    return Text(f"{value:,.2f}") if value else Text("-", "dim")


def _more(other: Cost, ours: Cost) -> Text:
    return Text(f"{other.total:,.2f} ({other.total / ours.total - 1:+.0%})")


def _heading(costing: Costing) -> Text:
    return Text(
        f"{costing.messages:,} messages through each route and subscription, stage {costing.settings.stage}, "
        f"{costing.prices.region}, list prices as of {costing.prices.read}",
        "bold",
    )


def _told(costing: Costing) -> Iterator[Text]:
    assume = costing.assume
    days = costing.settings.archive_days
    architecture = "x86_64" if costing.settings.architecture == "x86_64" else "arm64"
    yield Text("Assumed", "bold")
    yield from (
        Text(f"  {line}")
        for line in (
            f"{assume.fill:g} messages a batch (--fill), {assume.size:,} bytes a message (--size), nothing fails.",
            f"A message takes {assume.cpu:g} ms of a whole core, a write {assume.write:g} ms, a PutEvents "
            f"{assume.publish:g} ms, a SendMessage, CreateSchedule or e-mail {assume.send:g} ms; on {architecture}.",
            f"A function has its memory's part of a core, of which {CORE:,} MB have all: a batch takes as long as its "
            "calls and its work, or as its work alone at that part, whichever is longer.",
            f"Of a standard queue {ABREAST} messages wait for their writes side by side; e-mails, and messages of a "
            "FIFO group, one after the other.",
            "Each write of a consumer happens once a message, for one unit; several are a transaction, for two each.",
            f"{assume.keyed:.0%} of requests have an Idempotency-Key (--keyed), which is a write before the effect.",
            "What is planned waits for more than 15 minutes, under a key; requests that wait have a line of their own.",
            "A consumer that publishes tells one event a message; what follows is that of the first one it lists.",
            f"Events are kept {days} days in the archive." if days else "The stage archives no events.",
            f"X-Ray records {assume.sampled:.0%} of requests and batches. Logs: {assume.access_line} bytes a request, "
            f"{assume.handled_line} a message, {assume.metrics_line + assume.platform_lines:,} a batch.",
            "The best memory is the fastest of those with which the time costs least; the code must fit into it, and "
            "with less of it starts more slowly.",
            "Left out: free tiers, discounts, storage, data transfer, alarms, metrics, dashboards, idle polling.",
        )
    )
    yield Text("Compared", "bold")
    yield Text(
        "  Standard consumer: an idempotency record (two writes) and a PutEvents for each message, no transacted key."
    )
    yield Text("  Function in front: API Gateway → Lambda → SQS instead of API Gateway → SQS.")
    yield Text(f"Prices and their sources: ops/cost/prices/{costing.prices.region}.toml", "dim")
