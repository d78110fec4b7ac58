"""Looking without changing anything: `queues`, `dead`, `peek`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.text import Text

from ops.cli import completion, dead_watch
from ops.cli.inventory import tell_inventory
from ops.cli.options import (
    AsJson,
    Filter,
    Ids,
    InStage,
    OfCause,
    OlderThan,
    QueueName,
    opened,
    selection,
    topology,
    where,
)
from ops.cli.parked import tell_group
from ops.cli.screen import Line, out, print_json, said, sheet, tell, tell_aside, tell_lines
from ops.dead_letters.cause import Cause
from ops.dead_letters.inventory import inventory
from ops.dead_letters.peek import Dead, DeadWatch, Seen, dead_letters, look
from ops.dead_letters.redaction import Redaction, shortened
from ops.dead_letters.selection import in_words
from ops.depth import Depth, depths
from ops.errors import UsageError
from ops.observe.logs import ID
from ops.redrive.command import command
from ops.span import span
from stacks import names

GROUPS = 10
"""Parked groups that are told of one queue."""


def queues(stage: InStage = names.LOCAL, as_json: AsJson = False) -> None:
    """Every queue and dead-letter queue of the stage: what waits, what is in flight, for how long, and who is paused.

    Example: python -m ops queues
    """
    with said():
        rows = depths(opened(stage))
    if as_json:
        print_json(rows)
        return
    lines: list[Line] = []
    for whose, depths_ in groupby(rows, key=lambda row: row.integration):
        lines.append((_integration(whose), []))
        lines += [(_name(row), _figures(row)) for row in depths_]
    out.print(sheet(("queue", "waiting", "in flight", "delayed", "oldest"), lines, out.width))
    if any(row.is_off for row in rows):
        tell("Who is disabled takes nothing: a service is away, or a person said so. See docs/runbook.md.", "yellow")


def dead(
    queue: Annotated[
        str | None,
        typer.Option(autocompletion=completion.QUEUES, help="Only this queue, by word, name, URL or ARN, ours or not."),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Look at so many messages of a queue at the most.")] = 100,
    every: Annotated[
        bool, typer.Option("--all", help="Every DLQ of the account and region, ours or not, by what sends there.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until q or Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between two looks with --watch.")] = 5,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Every dead-letter queue that holds something, by cause.

    Where no cause is recorded, the consumer's log is asked for it: of 200 messages a queue at the most. With --watch
    the queues whose counts changed are looked at again; where the output is no terminal, a line tells of each change,
    with --json an object.

    With --all nothing is received: it is about depths, ages and what sends there, not about causes.

    Example: python -m ops dead
    """
    with said():
        if every and queue is not None:
            raise UsageError("Say --all or --queue, not both.")
        if every and watch:
            raise UsageError("Say --all or --watch, not both.")
        if not (every or queue is not None or names.STAGES):
            raise UsageError("Without a stage say --all, or --queue with a URL or ARN.")
        there = opened(stage)
        if every:
            tell_inventory(inventory(there), as_json=as_json)
            return
        if not there.staged and queue is None:
            raise UsageError("Without a stage say --all, or --queue with a URL or ARN.")
        if watch:
            dead_watch.watch(DeadWatch(there, queue, sample=sample), interval, _tell_found, as_json=as_json)
            return
        found = dead_letters(there, queue, sample=sample)
    if as_json:
        print_json(found)
        return
    _tell_found(found)


def _tell_found(found: Sequence[Dead]) -> None:
    for whose, queues_ in groupby(found, key=lambda each: each.integration):
        if whose is not None:
            out.print(_integration(whose))
        for each in queues_:
            _tell_dead(each)
    for remark in dict.fromkeys(each.remark for each in found if each.remark is not None):
        tell(remark, style="dim")
    if not found:
        tell("No dead letters.")


def peek(
    queue: QueueName,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Annotated[int, typer.Option(min=1, help="So many messages at the most.")] = 10,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Hide nothing of the messages.")] = False,
    work: Annotated[bool, typer.Option("--work", help="Look at the work queue itself, not at its DLQ.")] = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Shows messages with their attributes and cause, and leaves them where they are.

    A look counts as a receive, and hides the message from others for a moment.

    Example: python -m ops peek open_ticket --limit 1
    """
    with said():
        chosen = selection(filter_, older_than, cause, ids)
        found = look(opened(stage), queue, selection=chosen, limit=limit, dead=not work)
        redaction = None if show_secrets else Redaction(topology())
    seen = found.seen
    shown = [_plain(each, redaction) for each in seen]
    if found.remark is not None:
        tell_aside(found.remark)
    if (left := in_words(found.unfit)) is not None:
        tell_aside(left)
    if as_json:
        print_json(shown)
        return
    limited = {consumer.function for consumer in topology().consumers if consumer.limits}
    for each, plain in zip(seen, shown, strict=True):
        _tell_message(each, plain, limited=queue.removesuffix("-dlq") in limited)
    if not seen:
        tell("No such message.")


def _integration(name: str | None) -> Text:
    """The heading of an integration's queues, which says if it is retired."""
    retired = name is not None and topology().integration(name).retired
    return Text.assemble((name or "", "bold cyan"), (" retired", "yellow") if retired else "")


def _name(depth: Depth) -> Text:
    """The queue, and that nobody takes its messages."""
    off = f" {(depth.consumer or '').lower()}" if depth.is_off else ""
    lane = f" {depth.lane}" if depth.lane and depth.kind == "work" else ""
    return Text.assemble((depth.queue, _style(depth)), (lane, "dim"), (off, "bold yellow"))


def _style(depth: Depth) -> str:
    return "" if depth.kind == "work" else "bold red" if depth.waiting or depth.in_flight else "dim"


def _figures(depth: Depth) -> list[Text]:
    counts = [f"{count:,}" for count in (depth.waiting, depth.in_flight, depth.delayed)]
    return [Text(figure, _style(depth)) for figure in (*counts, span(depth.oldest_seconds))]


def _tell_dead(each: Dead) -> None:
    flight = f", {each.in_flight:,} in flight" if each.in_flight else ""
    oldest = f", the oldest sent {_ago(each.oldest)} ago" if each.oldest else ""
    tell(f"{each.queue}: {each.waiting:,} waiting{flight}{oldest}", style="bold red")
    for pile in each.piles:
        tell(pile.cause, prefix=f"  {pile.count:>6,}  ")
        tell(", ".join(pile.samples), style="dim", prefix=" " * 10)
    for group in each.parked[:GROUPS]:
        tell_group(group, prefix="  parked: ")
    if each.parked_problem is not None:
        tell(f"  What is parked could not be read: {each.parked_problem}", style="dim")
    if len(each.parked) > GROUPS:
        work = each.parked[0].queue
        tell(f"  {len(each.parked) - GROUPS:,} more groups: {command('parked', work, where=where())}", style="dim")
    if each.seen < each.waiting:
        tell(f"  The causes are those of {each.seen:,} messages; --sample looks at more.", style="dim")


def _plain(each: Seen, redaction: Redaction | None) -> dict[str, Any]:
    """A message as it is shown."""
    message = each.message
    attributes = {name: value.text for name, value in message.message_attributes.items()}
    return {
        "message_id": message.message_id,
        "sent_at": message.sent_at.isoformat(timespec="milliseconds"),
        "receives": message.receives,
        "group": message.group,
        "from": message.source,
        "correlation_id": each.correlation_id,
        "attributes": redaction.of(attributes)
        if redaction
        else {name: shortened(told) for name, told in attributes.items()},
        "cause": each.cause,
        "body": redaction.body(message.body) if redaction else shortened(message.body),
    }


def _tell_message(each: Seen, plain: dict[str, Any], *, limited: bool) -> None:
    tell(plain["message_id"], style="bold")
    sent, received = plain["sent_at"], plain["receives"]
    spare = "; its queue has a limit, so that not each was an attempt" if limited else ""
    tell(f"  sent {_ago(sent)} ago ({sent}), received {received} times, this look included{spare}")
    for name in ("group", "from"):
        if plain[name]:
            tell(f"  {name}: {plain[name]}")
    for name, value in plain["attributes"].items():
        tell(f"  {name} = {value}")
    if each.cause is None:
        tell("  cause: unexplained")
    else:
        _tell_cause(each.cause)
    if named := plain["correlation_id"]:
        id_ = named if ID.fullmatch(named) else plain["message_id"]
        tell(f"  path:  {command('trace', id_, where=where())}", style="dim")
    tell_lines(plain["body"], prefix="  | ")
    tell("")


def _tell_cause(cause: Cause) -> None:
    tell(f"  cause: {cause.words}", style="red")
    where = {
        name: getattr(cause, name)
        for name in ("function", "version", "attempts", "failed_at", "stack_digest", "rule", "target")
    }
    tell(", ".join(f"{name} {value}" for name, value in where.items() if value), style="dim", prefix=" " * 9)
    for frame in cause.stack:
        tell(frame, style="dim", prefix=" " * 9)
    for which, beside in (("first", cause.first), ("last", cause.last)):
        if beside is not None:
            tell(beside.told(which), style="red", prefix="  ")


def _ago(moment: str) -> str:
    return span(max((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds(), 0))
