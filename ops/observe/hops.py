"""The path of a request as a person reads it: hop by hop with its outcome and times, and what is left to be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ops.dead_letters.cause import cut
from ops.observe.attempt import DONE, LIMITED, Attempt
from ops.observe.request_path import Delivery, Fact, Path, Request
from ops.redrive.command import command
from ops.visible import one_line

PARKED = "GroupParked: "
"""How the error of a message begins that was not attempted, because one before it in its group is dead."""
FRAMES = 3
"""Frames of an error's stack that are shown; `peek` shows all."""
ERROR = 240
"""Characters of an attempt's error that are shown; `peek` and --json show all."""
COMMAND = "command"
TONES = {
    "processed": "green",
    "duplicate": "green",
    "skipped": "green",
    "retried": "yellow",
    "redriven": "yellow",
    "dead": "bold red",
    "gone": "yellow",
    "working": "cyan",
}

UNDER_WAY = ("retried", "gone", "working")
"""The states of messages that are not done, and not seen dead."""


@dataclass
class Hop:
    """A hop and those below it. In milliseconds `waited` until it was on its queue, `took` from then, `at` (epoch).

    Tones are words such as `bold red`. `again` says that it is the message above, redriven;
    `begins` that `at` is when it began, where that of others is their end. `stack` is where an error
    came from, innermost call last. `release` is whose attempt it was, `handler` how long that one's handler
    worked, in words. What others wrote shows in each as one line.
    """

    what: str
    outcome: str = ""
    what_tone: str = ""
    tone: str = ""
    waited: int | None = None
    took: int | None = None
    at: int | None = None
    id: str = ""
    stack: tuple[str, ...] = ()
    below: list[Hop] = field(default_factory=list)
    again: bool = False
    begins: bool = False
    release: str | None = None
    handler: str = ""

    def __post_init__(self) -> None:
        self.what, self.outcome, self.id = one_line(self.what), one_line(self.outcome), one_line(self.id)
        self.stack = tuple(one_line(frame) for frame in self.stack[-FRAMES:])
        self.release = one_line(self.release) if self.release else None


class Releases:
    """The releases that attempted one message, one after another."""

    def __init__(self) -> None:
        self._last: str | None = None

    def change(self, release: str | None) -> str | None:
        """In words what changed since the last attempt, if that is known and was another release's."""
        before, self._last = self._last, release or self._last
        return one_line(f"release {before} \u2192 {release}") if before and release and before != release else None


def hops(path: Path) -> list[Hop]:
    """What happened, causes before effects; a release is named where not all attempts are of the same."""
    found = [*map(_request, path.requests), *(_delivery(each, None) for each in path.strays), *map(_fact, path.facts)]
    if _release(path) is not None:
        for row in every(found):
            row.release = None
    return found


def began(hops: list[Hop]) -> int:
    """When the first of it was, in epoch milliseconds."""
    return min((hop.at for hop in every(hops) if hop.at is not None), default=0)


def ended(hops: list[Hop]) -> int:
    """When the last of it was, in epoch milliseconds."""
    return max((hop.at for hop in every(hops) if hop.at is not None), default=began(hops))


def extent(path: Path) -> str:
    """How many requests, messages and events there are, and the release if all is of one, in words."""
    messages, events = sum(1 for _ in path.deliveries()), sum(1 for _ in path.events())
    counts = [_count(len(path.requests), "request"), _count(messages, "message"), _count(events, "event")]
    release = _release(path)
    return ", ".join(counts) + (f" by release {one_line(release)}" if release is not None else "")


def _release(path: Path) -> str | None:
    """The one that made all attempts; None where there are several, or where lines do not tell."""
    known = {attempt.release for each in path.deliveries() for attempt in each.attempts}
    return known.pop() if len(known) == 1 else None


def every(hops: list[Hop]) -> Iterator[Hop]:
    """Those and all below them, causes before effects."""
    for row in hops:
        yield row
        yield from every(row.below)


def settled(path: Path) -> bool:
    """Whether nothing of it is on its way: every message is done or dead, and none is awaited."""
    return not path.awaited() and not any(each.state in UNDER_WAY for each in path.deliveries())


def verdict(path: Path, where: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """What is left to be done of it, each sentence with its tone; that of a command to type is `COMMAND`.

    `where` are the options that say where the path is.
    """
    dead = [each for each in path.deliveries() if each.state == "dead"]
    back = [each for each in path.deliveries() if each.state == "retried"]
    gone = [each for each in path.deliveries() if each.state == "gone"]
    at_work = [each for each in path.deliveries() if each.state == "working"]
    awaited = path.awaited()
    for queue in dict.fromkeys(each.dlq for each in dead):
        letters = _count(sum(each.dlq == queue for each in dead), "dead letter")
        yield (f"{letters} in {queue}. Once the cause is fixed:", "bold red")
        yield (command("redrive", str(queue), "--yes", where=where), COMMAND)
    if at_work:
        yield (f"At work: {_names(each.queue for each in at_work)}.", "cyan")
    if back:
        yield (
            f"{_count(len(back), 'message')} will be attempted again: {_names(each.queue for each in back)}.",
            "yellow",
        )
    if gone:
        yield (
            f"Of {_names(each.queue for each in gone)} every attempt failed, and no dead-letter queue shows the "
            "message: it is on its way there, or somebody took it out.",
            "yellow",
        )
    if awaited:
        yield (f"Nothing is known yet of {_names(awaited)}: still waiting, or not searchable yet.", "yellow")
    if path.unseen:
        yield (f"Not looked through, because they hold too much: {', '.join(path.unseen)}.", "yellow")
    if not (dead or at_work or back or gone or awaited):
        accepted = any(True for _ in path.deliveries())
        yield ("Nothing of it is left to be done." if accepted else "No message came of it.", "green")


def _request(request: Request) -> Hop:
    good = request.status.startswith("2")
    error = f" {cut(request.error, ERROR)}" if request.error else ""
    whom = f" for {cut(request.tenant, ERROR)}" if request.tenant else ""
    whom += f" by {cut(request.caller, ERROR)}" if request.caller else ""
    outcome, tone = f"{request.status}{error}{whom}", "green" if good else "bold red"
    row = Hop(
        request.route,
        outcome,
        "bold",
        tone,
        took=request.latency,
        at=request.at,
        id=request.trace_id or "",
        begins=True,
    )
    row.below = [_delivery(each, request.at) for each in request.deliveries] + _silent(request.awaited)
    return row


def _fact(fact: Fact) -> Hop:
    if fact.again:
        return Hop(fact.type, "published again, as above", "cyan", "dim", id=fact.id)
    row = Hop(fact.type, what_tone="cyan", at=None, id=fact.id)
    row.below = [_delivery(each, fact.at) for each in fact.deliveries] + _silent(fact.awaited)
    return row


def _silent(queues: list[str]) -> list[Hop]:
    return [Hop(queue, "not heard of yet", "bold", "yellow") for queue in queues]


def _delivery(delivery: Delivery, since: int | None, releases: Releases | None = None) -> Hop:
    """A message; with more than one attempt, or one that failed, each attempt has a row of its own.

    `releases` are those that attempted what it was redriven from.
    """
    releases = releases or Releases()
    sent, end = delivery.sent, delivery.at
    row = Hop(
        delivery.queue,
        _outcome(delivery),
        "bold",
        TONES[delivery.state],
        waited=None if sent is None or since is None else max(sent - since, 0),
        took=None if sent is None or not delivery.attempts else max(end - sent, 0),
        at=end or None,
        id=delivery.message_id,
        stack=() if any(each.stack for each in delivery.attempts) else delivery.stack,
    )
    if len(delivery.attempts) > 1 or _known(delivery):

        def alike(each: Attempt) -> tuple[object, ...]:
            return each.outcome, each.error, each.stack, each.release

        for same in [list(group) for _, group in groupby(delivery.attempts, key=alike)]:
            row.below += [*_change(releases, same[0]), attempts(same, sent)]
    else:
        for each in delivery.attempts:
            row.below += _change(releases, each)
            row.release, row.handler = each.release, _worked([each])
    if not _known(delivery):
        row.below += [
            Hop("failed", cut(told, ERROR), "dim", "yellow") for told in (delivery.first, delivery.last) if told
        ]
    if delivery.standing:
        row.below.append(Hop("workflow", cut(delivery.standing, ERROR), "dim"))
    row.below += map(_fact, delivery.events)
    for copy in delivery.copies:
        below = _delivery(copy, end, releases)
        below.again = True
        row.below.append(below)
    return row


def _change(releases: Releases, attempt: Attempt) -> Iterator[Hop]:
    if change := releases.change(attempt.release):
        yield Hop(change, what_tone="bold cyan")


def _known(delivery: Delivery) -> bool:
    """Whether its attempts tell how it failed."""
    return any(each.error for each in delivery.attempts if each.outcome != LIMITED)


def attempts(same: list[Attempt], sent: int | None) -> Hop:
    """Attempts in a row that ended alike, of the message that was sent at `sent` (epoch milliseconds)."""
    first, last = same[0], same[-1]
    # What is parked was received and not attempted, so that its receives run out.
    parked = last.error is not None and last.error.startswith(PARKED)
    word = "receive" if parked else "wait before attempt" if last.outcome == LIMITED else "attempt"
    what = f"{word} {first.number}" if first.number == last.number else f"{word}s {first.number} to {last.number}"
    error = cut(last.error, ERROR) if last.error else None
    told = (error if parked else f"{last.outcome}: {error}") if error else last.outcome
    return Hop(
        what,
        told,
        "dim",
        "green" if last.outcome in DONE else "yellow",
        took=None if sent is None else max(last.at - sent, 0),
        at=last.at,
        stack=last.stack,
        release=last.release,
        handler=_worked(same),
    )


def _worked(attempts: Iterable[Attempt]) -> str:
    times = [each.duration_ms / 1000 for each in attempts if each.duration_ms is not None]
    if not times:
        return ""
    least, most = min(times), max(times)
    return f"{most:.3f} s" if least == most else f"{least:.3f} to {most:.3f} s"


def _outcome(delivery: Delivery) -> str:
    which = f" at attempt {delivery.attempts[-1].number}" if len(delivery.attempts) > 1 else ""
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
            return f"{state}{which}{redriven}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(words: Iterator[str] | list[str]) -> str:
    return ", ".join(dict.fromkeys(map(one_line, words)))
