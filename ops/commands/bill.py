"""What messages cost, as a table with everything that it rests on below it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cost import Cost, Costing, Row

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


WIDE = 140
"""Columns of text that the services take beside the totals."""


def bill(costing: Costing, width: int) -> Group:
    """One row a route and subscription: by service, in all, by the standard consumer, with a function in front.

    Where `width` columns of text are too few for the services, only the totals are shown.
    """
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("US dollars", no_wrap=wide)
    for title in COLUMNS.values() if wide else ():
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("total", "standard\nconsumer", "function\nin front", "with all\nthat follows"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in costing.rows():
        table.add_row(Text(row.name), *_cells(row, wide))
    told = () if wide else (Text(f"By service: from {WIDE} columns on, or with --json.", "dim"),)
    return Group(_heading(costing), Text(), table, *told, Text(), *_told(costing))


def _cells(row: Row, wide: bool) -> Iterator[Text]:
    for name in COLUMNS if wide else ():
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
            f"A message takes {assume.own:g} ms of its function, a write {assume.write:g} ms, a PutEvents "
            f"{assume.publish:g} ms, a SendMessage or an e-mail {assume.send:g} ms; on {architecture}.",
            "Each write of a consumer happens once a message, for one unit; several are a transaction, for two each.",
            f"{assume.keyed:.0%} of requests have an Idempotency-Key (--keyed), which is a write with the effect.",
            "A consumer that publishes tells one event a message; what follows is that of the first one it lists.",
            f"Events rest {days} days in the archive." if days else "The stage archives no events.",
            f"X-Ray records {assume.sampled:.0%} of requests and batches. Logs: {assume.access_line} bytes a request, "
            f"{assume.handled_line} a message, {assume.metrics_line + assume.platform_lines:,} a batch.",
            "Left out: free tiers, discounts, storage, data transfer, alarms, metrics, dashboards, idle polling.",
        )
    )
    yield Text("Compared", "bold")
    yield Text(
        "  Standard consumer: an idempotency record (two writes) and a PutEvents for each message, no transacted key."
    )
    yield Text("  Function in front: API Gateway → Lambda → SQS instead of API Gateway → SQS.")
    yield Text(f"Prices and their sources: ops/prices/{costing.prices.region}.toml", "dim")
