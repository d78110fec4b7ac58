"""Dead letters: every queue that holds some, by cause; and those of one queue, to be searched and chosen from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from ops.console import looks, sparkline
from ops.console.asked import Asked, number
from ops.dead_letters.filter import containing
from ops.dead_letters.redaction import Redaction
from ops.dead_letters.sample import Group, Sample
from ops.dead_letters.selection import EVERYTHING, Selection, seconds
from ops.depth import depth
from ops.errors import UsageError
from ops.queue import Queue, find_dead
from ops.redrive.command import command, selection_words
from stacks.entry import Topology

SAMPLE = 100
"""Messages of a queue that are looked at unasked."""
SIZES = (100, 1_000)
FOUND = 500
"""Messages that a search through a whole queue finds at the most."""
ROWS = 100
"""Messages of a page."""
BEGINNING = 1_000
EXCERPT = 200
"""Characters of a body that are looked at and shown in a list."""
TOGETHER = 10
"""Seconds within which messages were sent together."""


def page(asked: Asked) -> Response:
    """Every dead-letter queue of the stage that holds something; the causes come by themselves, or are asked for."""
    desk = asked.desk
    if not desk.stage.staged:  # the account's own page has them all
        return asked.to("account")
    view = desk.look()
    held = [each for each in view.frame.depths.values() if each.kind != "work" and (each.waiting or each.in_flight)]
    kept = {each.queue: _fresh(asked, find_dead(desk.stage, each.queue)) for each in held}
    return asked.page("dead.html", "dead", view=view, held=held, kept=kept, drawn=drawn, shell=_dead_command(asked))


def part(asked: Asked) -> Response:
    """The causes of one queue, of its last sample, or of one that is taken now."""
    queue = find_dead(asked.desk.stage, asked.path["queue"])
    sample = _fresh(asked, queue) or asked.desk.samples.take(asked.desk.stage, asked.path["queue"], limit=SAMPLE)
    return asked.page("dead_groups.html", "dead", sample=sample, word=queue.word, drawn=drawn)


def queue(asked: Asked) -> Response:
    """The dead letters of one queue that were looked at, those that are searched for, by page."""
    desk, text = asked.desk, asked.path["queue"]
    there = find_dead(desk.stage, text)
    counts = depth(desk.stage, there)
    sample = desk.samples.kept(there)
    looking = desk.jobs.looking(there)
    if sample is None and counts.waiting and looking is None:
        sample = desk.samples.take(desk.stage, text, limit=SAMPLE)
    chosen = selected(asked)
    shown, unfit = _chosen(sample, chosen, asked.said("group"))
    start = number(asked.query.get("from", "0")) or 0
    group = sample.group(group_) if sample is not None and (group_ := asked.said("group")) else None
    meant = group.selection if group is not None and chosen.everything else chosen
    return asked.page(
        "dead_queue.html",
        "dead",
        word=there.word,
        text=text,
        counts=counts,
        looking=looking,
        sample=sample,
        group=group,
        rows=shown[start : start + ROWS],
        found=len(shown),
        start=start,
        more=start + ROWS if start + ROWS < len(shown) else None,
        unfit=unfit,
        chosen=chosen,
        meant=meant,
        words=_words(meant),
        sizes=SIZES,
        most=FOUND,
        drawn=drawn,
        excerpt=_excerpts(desk.stage.topology),
        shell=command("peek", text, *selection_words(meant), where=desk.where),
    )


def look(asked: Asked) -> Response:
    """Takes a sample anew, or searches the whole queue for what is meant, and shows it."""
    text, chosen = asked.path["queue"], selected(asked)
    back = {**_words(chosen), "group": asked.said("group")}
    selection, limit = chosen, FOUND
    if not asked.said("whole") or chosen.everything:
        size = asked.said("size") or str(SAMPLE)
        if size not in map(str, SIZES):
            raise UsageError(f"A sample has {' or '.join(map(str, SIZES))} messages.")
        selection, limit = EVERYTHING, int(size)
    return looks.begin(asked, selection, limit, lambda _: asked.to("dead", text, **back), **back)


def selected(asked: Asked) -> Selection:
    """The messages that the person says. Raises `UsageError` for what makes no sense."""
    text, filter_ = asked.said("contains"), asked.said("filter")
    both = [f"({each})" for each in (filter_, containing(text) if text is not None else None) if each is not None]
    older_than, ids = asked.said("older_than"), [id_ for each in asked.every("ids") for id_ in each.split(",") if id_]
    return Selection(
        filter=" && ".join(both) if len(both) > 1 else (filter_ or (containing(text) if text is not None else None)),
        older_than=seconds(older_than) if older_than is not None else None,
        cause=asked.said("cause"),
        ids=tuple(dict.fromkeys(ids)) or None,
    )


def drawn(group: Group) -> Any:
    """When the messages of a group were sent, as a chart; nothing where they were sent together."""
    if (group.newest - group.oldest).total_seconds() < TOGETHER:
        return ""
    return sparkline.bars(group.trend, said=f"sent between {group.oldest:%H:%M} and {group.newest:%H:%M}")


def _words(chosen: Selection) -> dict[str, Any]:
    """A selection as the query of a page says it."""
    return {
        "filter": chosen.filter,
        "older_than": f"{chosen.older_than}s" if chosen.older_than is not None else None,
        "cause": chosen.cause,
        "ids": ",".join(chosen.ids) if chosen.ids is not None else None,
    }


def _chosen(sample: Sample | None, chosen: Selection, group: str | None) -> tuple[list[Any], int]:
    """Those of the sample that are meant, and how many the filter does not fit; nothing is received for it."""
    if sample is None:
        return [], 0
    told = [(each, chosen.means(each.message, each.cause)) for each in sample.seen if group in (None, each.pile)]
    return [each for each, meant in told if meant], sum(meant is None for _, meant in told)


def _excerpts(topology: Topology) -> Callable[[str], str]:
    """What a list shows of a body, its secrets hidden."""
    redaction = Redaction(topology)
    return lambda body: redaction.text(body[:BEGINNING])[:EXCERPT]


def _fresh(asked: Asked, queue: Queue) -> Sample | None:
    """The last sample of that queue if nobody chose what is in it."""
    kept = asked.desk.samples.kept(queue)
    return kept if kept is not None and kept.selection == EVERYTHING else None


def _dead_command(asked: Asked) -> str:
    return command("dead", where=asked.desk.where)
