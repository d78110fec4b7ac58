"""What is counted of limits: `limits`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened
from ops.cli.screen import Line, out, print_json, said, sheet, tell, tell_aside
from ops.limits.bucket import Bucket
from ops.limits.counted import Counted, Found, Limited, counted
from ops.span import span
from ops.visible import one_line
from stacks import names

TITLES = ("limit", "waited\nlast min", "would go\nnow", "promised\nahead", "next in", "at once")
WHOLE = "the whole consumer"


def limits(
    name: Annotated[
        str | None,
        typer.Argument(metavar="CONSUMER", autocompletion=completion.LIMITED, help="Only this consumer's limits."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Look up this key alone: a tenant, a field's value.")] = None,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Each limit as it is counted now: what would go at once, how far ahead slots are promised, places, who waited.

    Of limits that count each key, one page of their table is read, 1,000 items at the most. --key looks up one.

    Example: python -m ops limits update_contact --key acme
    """
    with said():
        found = counted(opened(stage), name, key)
    if as_json:
        print_json(found)
        return
    _tell(found)


def _tell(found: Found) -> None:
    if found.consumers:
        out.print(sheet(TITLES, [*_lines(found)], out.width))
    else:
        tell("The map has no limits.")
    for sentence in found.remarks():
        tell_aside(sentence)


def _lines(found: Found) -> Iterator[Line]:
    for consumer in found.consumers:
        yield _of_queue(consumer), []
        for each in consumer.limits:
            waited = Text("-" if each.waited is None else f"{each.waited:,}", "yellow" if each.waited else "dim")
            yield (
                Text(f"  {each.name}: {each.rule}" + (" (retired)" if each.retired else "")),
                [
                    waited,
                    *[Text()] * (len(TITLES) - 2),
                ],
            )
            yield from _buckets(each)


def _of_queue(consumer: Limited) -> Text:
    held = f"{consumer.in_flight:,} in flight" if consumer.fifo else f"{consumer.delayed:,} delayed"
    return Text.assemble((consumer.consumer, "bold"), (f"  {consumer.waiting:,} waiting, {held}", "dim"))


def _buckets(limit: Counted) -> Iterator[Line]:
    if limit.retired:
        yield Text("    lets everything through", "dim"), []
    elif not limit.buckets or not any(each.counted for each in limit.buckets):
        yield Text("    nothing counted yet", "dim"), []
    for each in limit.buckets:
        if each.counted:
            yield Text(f"    {WHOLE if each.key is None else one_line(each.key)}"), [Text(), *_figures(each)]
    if limit.more:
        yield Text(f"    {limit.more:,} more keys", "dim"), []


def _figures(each: Bucket) -> list[Text]:
    style = "bold red" if each.holds_back else "yellow" if each.promised else ""
    return [
        _count(each.left),
        Text("-" if each.promised is None else f"{each.promised:,}", style or "dim"),
        Text("-" if each.next is None else "now" if each.next <= 0 else _seconds(each.next), style),
        _count(each.taken),
    ]


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else span(value)


def _count(number: int | None) -> Text:
    return Text("-" if number is None else f"{number:,}", "dim" if not number else "")
