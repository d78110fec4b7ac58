"""Looking without changing anything: `queues`, `dead`, `peek`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from functions.contracts.envelope import CORRELATION_ID
from ops.commands.options import AsJson, Filter, Ids, InStage, OfCause, OlderThan, QueueName, StageName, selection
from ops.commands.screen import out, print_json, said, span, tell
from ops.depth import depths
from ops.peek import Dead, Seen, dead_letters
from ops.peek import peek as look
from ops.redaction import redact, redact_body
from ops.selection import document
from ops.stage import Stage


def queues(stage: InStage = StageName.LOCAL, as_json: AsJson = False) -> None:
    """Every queue and dead-letter queue of the stage: what waits, what is in flight, and for how long.

    Example: python -m ops queues
    """
    with said():
        rows = depths(Stage.open(stage))
    if as_json:
        print_json(rows)
        return
    table = Table("queue", "waiting", "in flight", "delayed", "oldest", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        style = "" if row.kind == "work" else "bold red" if row.waiting or row.in_flight else "dim"
        counts = (f"{count:,}" for count in (row.waiting, row.in_flight, row.delayed))
        table.add_row(row.queue, *counts, span(row.oldest_seconds), style=style)
    out.print(table)


def dead(
    queue: Annotated[str | None, typer.Option(help="Only this queue, by word, name, URL or ARN, ours or not.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Look at so many messages of a queue at the most.")] = 100,
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Every dead-letter queue that holds something, by cause.

    Example: python -m ops dead
    """
    with said():
        found = dead_letters(Stage.open(stage), queue, sample=sample)
    if as_json:
        print_json(found)
        return
    for each in found:
        _tell_dead(each)
    if not found:
        tell("No dead letters.")


def peek(
    queue: QueueName,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Annotated[int, typer.Option(min=1, help="So many messages at the most.")] = 10,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Hide nothing.")] = False,
    work: Annotated[bool, typer.Option("--work", help="Look at the work queue itself, not at its DLQ.")] = False,
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Shows messages with their attributes and cause, and leaves them where they are.

    A look counts as a receive, and hides the message from others for a moment.

    Example: python -m ops peek accept_order --limit 1
    """
    with said():
        chosen = selection(filter_, older_than, cause, ids)
        seen = look(Stage.open(stage), queue, selection=chosen, limit=limit, dead=not work)
    shown = [_plain(each, secrets=show_secrets) for each in seen]
    if as_json:
        print_json(shown)
        return
    for each, plain in zip(seen, shown, strict=True):
        _tell_message(each, plain)
    if not seen:
        tell("No such message.")


def _tell_dead(each: Dead) -> None:
    flight = f", {each.in_flight:,} in flight" if each.in_flight else ""
    oldest = f", the oldest sent {_ago(each.oldest)} ago" if each.oldest else ""
    tell(f"{each.queue}: {each.waiting:,} waiting{flight}{oldest}", style="bold red")
    for pile in each.piles:
        tell(f"  {pile.count:>6,}  {pile.cause}")
        tell(f"          {', '.join(pile.samples)}", style="dim")
    if each.seen < each.waiting:
        tell(f"  The causes are those of {each.seen:,} messages; --sample looks at more.", style="dim")
    if each.problem is not None:
        tell(f"  Recorded causes could not be read: {each.problem}", style="dim")


def _plain(each: Seen, *, secrets: bool) -> dict[str, Any]:
    """A message as it is shown."""
    message = each.message
    attributes = {name: value.text for name, value in message.message_attributes.items()}
    return {
        "message_id": message.message_id,
        "sent_at": message.sent_at.isoformat(timespec="milliseconds"),
        "receives": message.receives,
        "group": message.group,
        "from": message.source,
        "correlation_id": _correlation(each),
        "attributes": attributes if secrets else redact(attributes),
        "cause": each.cause,
        "body": message.body if secrets else redact_body(message.body),
    }


def _tell_message(each: Seen, plain: dict[str, Any]) -> None:
    tell(plain["message_id"], style="bold")
    sent, received = plain["sent_at"], plain["receives"]
    tell(f"  sent {_ago(sent)} ago ({sent}), received {received} times, this look included")
    for name in ("group", "from"):
        if plain[name]:
            tell(f"  {name}: {plain[name]}")
    for name, value in plain["attributes"].items():
        tell(f"  {name} = {value}")
    if each.cause is None:
        tell("  cause: unexplained")
    else:
        tell(f"  cause: {each.cause.error_type}: {each.cause.error_message}", style="red")
        where = {
            name: getattr(each.cause, name)
            for name in ("function", "version", "attempts", "failed_at", "stack_digest", "rule", "target")
        }
        tell("         " + ", ".join(f"{name} {value}" for name, value in where.items() if value), style="dim")
    if plain["correlation_id"]:
        tell(f"  path:  python -m ops trace {plain['correlation_id']}", style="dim")
    for line in plain["body"].splitlines() or [""]:
        tell(f"  | {line}")
    tell("")


def _correlation(each: Seen) -> str | None:
    """The id under which `trace` shows the message's path, as the cause, the sender or the event tells it."""
    if each.cause is not None and each.cause.correlation_id:
        return each.cause.correlation_id
    told = document(each.message, None)
    body = told["body"] if isinstance(told["body"], dict) else {}
    detail = body.get("detail")
    found = told["attributes"].get(CORRELATION_ID) or (detail.get(CORRELATION_ID) if isinstance(detail, dict) else None)
    return str(found) if found else None


def _ago(moment: str) -> str:
    return span(max((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds(), 0))
