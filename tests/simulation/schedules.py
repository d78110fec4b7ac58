"""Runs of schedules, and what became of each: the auditor's own reading.

It knows which runs were sent, when a function first asked the table for a run's effect, whatever became of that, and
when the effect was there. From the one to the other, or to its death, a run is at work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.clock import EPOCH
from tests.simulation.evidence import Evidence
from tests.simulation.faults import Plan

QUEUES = ("rate_tickets",)
TABLE = "ratings"
SLACK, CALM = 3600.0, 300.0
"""Seconds around the work of a run within which another may be skipped for it: it may be a while until it is known that
it is over. The second is where nothing fails."""


@dataclass
class Run:
    """A run: its schedule, the time that it is for, when it was sent, and what became of it."""

    schedule: str
    time: str
    skips: bool
    sent: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    died: list[float] = field(default_factory=list)
    left: bool = False

    @property
    def name(self) -> str:
        """What names its effect."""
        return f"{self.schedule}@{self.time}"

    @property
    def at(self) -> float:
        """The time that it is for, in seconds since the scenario began."""
        return datetime.fromisoformat(self.time).timestamp() - EPOCH

    @property
    def end(self) -> float:
        """When it was over: its effect was there, or it was not attempted again; endless while its message is left."""
        if self.left:
            return float("inf")
        return min(self.done, default=self.begun[-1] if self.begun else 0)


def judge(evidence: Evidence, plan: Plan) -> Iterator[tuple[str, str]]:
    """What to count, with `accepted` and `effects` among it. `plan` says which services were away when."""
    runs = _runs(evidence)
    by_schedule: dict[str, list[Run]] = defaultdict(list)
    for run in runs.values():
        by_schedule[run.schedule].append(run)
        yield "accepted", run.name
        if run.done:
            yield "effects", run.name
        if len(run.done) > 1:
            yield "doubled", f"{run.name} at {run.done}"
        if run.died:
            yield "died", run.name
        if run.begun and run.begun[0] < run.at:
            yield "early", f"{run.name} at {run.begun[0]:.1f} s"
    for each in by_schedule.values():
        yield from _overlaps(each)
        yield from _missing(each, plan)


def _runs(evidence: Evidence) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for message in evidence.accepted:
        if message.queue in QUEUES:
            schedule, time, *skips = message.attributes["run"].split()
            run = runs.setdefault(f"{schedule}@{time}", Run(schedule, time, bool(skips)))
            run.sent.append(message.at)
    for attempt in evidence.attempts:
        for name, run in runs.items():
            if f'"{name}"' in attempt.text:
                run.begun.append(attempt.at)
    for write in evidence.history:
        if write.table.rpartition("-")[2] == TABLE and write.key in runs:
            runs[write.key].done.append(write.at)
    for death in evidence.deaths:
        if death.queue in QUEUES:
            runs["@".join(death.attributes["run"].split()[:2])].died.append(death.at)
    for waiting in evidence.left:
        if waiting.queue in QUEUES:
            runs["@".join(waiting.attributes["run"].split()[:2])].left = True
    return runs


def _overlaps(runs: list[Run]) -> Iterator[tuple[str, str]]:
    """Two runs of a schedule that skips are never at work at once."""
    begun = sorted((run for run in runs if run.skips and run.begun), key=lambda run: run.begun[0])
    for place, run in enumerate(begun):
        for other in begun[place + 1 :]:
            if other.begun[0] < run.end:
                yield "overlapped", f"{other.name} began at {other.begun[0]:.1f} s, {run.name} ended at {run.end:.1f} s"


def _missing(runs: list[Run], plan: Plan) -> Iterator[tuple[str, str]]:
    """Every run is done, is dead, or was skipped for another that was at work about then.

    Of one that begun, and is neither, a later one is done: it waited for longer than it could hold its schedule. What
    came while a service was away waited for its end, together with others.
    """
    slack = SLACK if plan.outages or plan.curses or plan.rates else CALM
    for run in runs:
        if run.done or run.died or run.left:
            continue
        others = [other for other in runs if other is not run and other.begun]
        back = max([run.sent[-1], *(each.start + each.seconds for each in plan.outages if each.start <= run.sent[-1])])
        near = [other for other in others if other.begun[0] < back + slack and other.end > run.at - slack]
        if run.begun:
            near = [other for other in others if other.at > run.at and other.done]
        if not run.skips or not near:
            yield "lost", run.name
