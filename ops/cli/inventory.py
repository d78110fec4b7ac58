"""Every dead-letter queue of an account's region, as a person reads it: `dead --all`."""

from __future__ import annotations

from rich.text import Text

from ops.cli.screen import Line, out, print_json, sheet, tell, tell_aside
from ops.dead_letters.inventory import DeadQueue, Inventory
from ops.errors import OpsError
from ops.span import span
from ops.visible import one_line

FEW = 3
"""Sources that are named of one queue; --json names all."""


def tell_inventory(found: Inventory, *, as_json: bool) -> None:
    """Prints it as a table with each queue's sources below it, and beside it what could not be asked.

    Raises `OpsError` afterwards where there may be more queues than it shows.
    """
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if not found.whole:
        raise OpsError(f"The list is not whole; not asked: {', '.join(sorted(found.not_asked))}.")


def _tell(found: Inventory) -> None:
    count = f"{len(found.queues):,} dead-letter queue{'' if len(found.queues) == 1 else 's'}"
    if not found.whole:
        count = f"at least {count}" if found.queues else "no dead-letter queue was found, but not everything was asked"
    tell(f"Account {found.account or 'unknown'}, region {found.region}: {count}.")
    lines: list[Line] = [(_name(each), _figures(each)) for each in found.queues]
    if lines:
        out.print(sheet(("queue", "waiting", "in flight", "oldest"), lines, out.width))
    for each in found.queues:
        tell(each.arn, style="dim")
        for source in each.sources[:FEW]:
            tell(f"from {source}", prefix="  ")
        if len(each.sources) > FEW:
            tell(f"and {len(each.sources) - FEW:,} more: --json names them", prefix="  ", style="dim")
        if each.problem is not None:
            tell(each.problem, prefix="  ", style="yellow")
    for what, why in sorted(found.not_asked.items()):
        tell_aside(f"not asked: {what} ({why})")


def _name(each: DeadQueue) -> Text:
    return Text(one_line(each.name), "bold red" if each.waiting or each.in_flight else "dim")


def _figures(each: DeadQueue) -> list[Text]:
    counts = [f"{count:,}" if count is not None else "-" for count in (each.waiting, each.in_flight)]
    return [Text(figure) for figure in (*counts, span(each.oldest_seconds))]
