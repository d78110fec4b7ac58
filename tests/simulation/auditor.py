"""The judge: whether every accepted message had one effect or is one dead letter with its cause, and the rest of it.

It reads what is left of a scenario and nothing else; no line of it is shared with the runtime, and it believes no
account that a consumer gives of itself but the cause of a failure, which is what it is there for.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields

from tests.simulation import plans, schedules
from tests.simulation.effects import Effect, Reading, key
from tests.simulation.evidence import PERSON, Death, Evidence
from tests.simulation.faults import Plan
from tests.simulation.hours import Hours
from tests.simulation.requests import TIMED, Request, requests

BULKY = 16 * 1024
"""Bytes of an item that no item of ours has cause to reach."""
CALM = Plan()
PARKED = "GroupParked"
Most = tuple[str, int, float]
NEVER_ATTEMPTED = {"GroupBlocked", "NotAttempted"}


@dataclass
class Verdict:
    """How many of what; every count but `accepted`, `effects` and `explained` is zero where its promise holds.

    `explained` are deaths with their true cause, `unexplained` those without a cause or with another one, and `causes`
    counts all by what is recorded. `died` are good requests that were dead at any time: `unattempted` those that nobody
    ever attempted, `dead_though_done` those whose effect is there with all that follows from it, `still_dead` those
    that a redrive did not help. `untold` effects lack their event, `renamed` events were told under two ids, `late`
    effects came after they were due. `timed_out` are invocations that Lambda ended, `bulky` items larger than any
    should be, `unreadable` lines of the log that are not one short JSON object. `shut` are groups that stay parked
    although nothing of them is dead. `spent` are invocations while a service had been away for a minute, which nothing
    promises to be few. `crowded` are effects of one key that came with more of its like than a limit lets through.
    `overruled` are mappings that a person had disabled, and something else enabled. Of what was planned, `early` came
    before its time, `unwanted` after it was taken back, `altered` not as it was asked for; `overlapped` are runs of a
    schedule that must not, and did. `half` are workflows that ended
    neither whole nor undone, as `workflow_auditor` has it.
    """

    accepted: int = 0
    effects: int = 0
    explained: int = 0
    timed_out: int = 0
    unexplained: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    renamed: int = 0
    untold: int = 0
    died: int = 0
    unattempted: int = 0
    dead_though_done: int = 0
    still_dead: int = 0
    late: int = 0
    bulky: int = 0
    unreadable: int = 0
    spent: int = 0
    stuck: int = 0
    shut: int = 0
    overruled: int = 0
    crowded: int = 0
    early: int = 0
    unwanted: int = 0
    altered: int = 0
    overlapped: int = 0
    half: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Every count by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.type == "int"}

    def note(self, name: str, example: str) -> None:
        """Count one, and remember the first as an example."""
        setattr(self, name, getattr(self, name) + 1)
        self.examples.setdefault(name, example)


def audit(
    evidence: Evidence,
    *,
    parked: bool = False,
    by: float | None = None,
    most: Most | None = None,
    settle: float = 3600,
    plan: Plan = CALM,
) -> Verdict:
    """Judge a scenario. `parked` says that order holds through dead letters; `by` when every good effect is due.

    `most` is how many effects a limit lets through in how many seconds, of one key of which queue. `settle` is how many
    seconds what is asked for later may take until it holds, `plan` says how far clocks are off and Scheduler is late.
    """
    verdict = Verdict(spent=evidence.spent)
    for one in evidence.left:
        verdict.note("stuck", f"{one.queue} {one.body[:80]}")
    reading = Reading(evidence)
    all_requests = list(requests(evidence).values())
    outcomes = [(request, reading.of(request)) for request in all_requests]
    verdict.accepted = len(all_requests)
    for worker, reason in evidence.killed.items():
        if reason == "timed out":
            verdict.note("timed_out", worker)
    for request, effects in outcomes:
        good = (request.queue, request.subject) not in evidence.poison
        _effects(verdict, request, effects, by if good else None)
        _deaths(verdict, request, evidence)
        if request.deaths and good:
            verdict.note("died", _name(request))
            if _never_attempted(request, evidence):
                verdict.note("unattempted", _name(request))
            if effects and not _missing(reading, effects):
                verdict.note("dead_though_done", _name(request))
        dropped = any(death.id in evidence.dropped for death in request.deaths)
        dead = any(death.id in evidence.dead for death in request.deaths)
        if not effects and not request.left and not dead and not dropped:
            verdict.note("lost", _name(request))
        if evidence.redriven_at and not effects and dead:
            verdict.note("still_dead", _name(request))
        if effects and _missing(reading, effects) and not request.deaths and not request.left:
            verdict.note("untold", _name(request))
    for (kind, about), told in reading.told.items():
        if len({event.detail.get("id") for event in told}) > 1:
            verdict.note("renamed", f"{kind} {about}")
    for group in _shut(evidence):
        verdict.note("shut", group)
    for line in evidence.unreadable:
        verdict.note("unreadable", line)
    for table, item, size in _sizes(evidence):
        if size > BULKY:
            verdict.note("bulky", f"{table} {item} has {size:,} bytes")
    _switches(verdict, evidence)
    _hours(verdict, evidence, all_requests)
    _order(verdict, outcomes, evidence, parked=parked)
    _timed(verdict, evidence, settle, plan)
    if most:
        _crowds(verdict, outcomes, *most)
    return verdict


def _timed(verdict: Verdict, evidence: Evidence, settle: float, plan: Plan) -> None:
    planned = plans.judge(evidence, settle=settle, skew=plan.skew, tardy=plan.tardy)
    for name, example in (*planned, *schedules.judge(evidence, plan)):
        verdict.note(name, example)
    for death in evidence.deaths:
        if death.queue in TIMED:
            verdict.causes[_last_cause(death, evidence)] += 1
            name = "explained" if _causes(death, evidence) else "unexplained"
            verdict.note(name, f"{death.queue} {death.body[:80]}")


def _crowds(
    verdict: Verdict, outcomes: list[tuple[Request, list[Effect]]], queue: str, many: int, seconds: float
) -> None:
    times: dict[str | None, list[float]] = defaultdict(list)
    for request, effects in outcomes:
        if request.queue == queue and effects:
            times[request.group or request.tenant].append(effects[0].at)
    for name, each in times.items():
        each.sort()
        for place, at in enumerate(each[many:]):
            if at - each[place] < seconds:
                verdict.note("crowded", f"{queue} of {name}: {many + 1} from {each[place]:.2f} s to {at:.2f} s")


def _effects(verdict: Verdict, request: Request, effects: list[Effect], by: float | None) -> None:
    if effects:
        verdict.effects += 1
        if by is not None and effects[0].at > by:
            verdict.note("late", f"{_name(request)} at {effects[0].at:.0f} s")
    if sum(not effect.excused for effect in effects) > 1:
        verdict.note("doubled", f"{_name(request)}: {', '.join(f'{e.name} at {e.at:.1f} s' for e in effects)}")


def _deaths(verdict: Verdict, request: Request, evidence: Evidence) -> None:
    true = evidence.poison.get((request.queue, request.subject))
    for death in request.deaths:
        types = _causes(death, evidence)
        verdict.causes[_last_cause(death, evidence)] += 1
        # What follows a dead one of its group is never attempted, so nobody knows what is wrong with it.
        if types and (true is None or true in types or PARKED in types):
            verdict.explained += 1
        else:
            said = f"says {', '.join(sorted(types))}, not {true}" if types else "says nothing"
            verdict.note("unexplained", f"{_name(request)} {said}")


def _causes(death: Death, evidence: Evidence) -> set[str]:
    # The record may keep the first failure beside the last.
    cause = evidence.causes.get(death.id, {})
    types = {str(value) for name, value in cause.items() if name.endswith("error_type") and value}
    return types | ({death.error} if death.error else set())


def _last_cause(death: Death, evidence: Evidence) -> str:
    return death.error or str(evidence.causes.get(death.id, {}).get("error_type", "none"))


def _never_attempted(request: Request, evidence: Evidence) -> bool:
    return any((types := _causes(death, evidence)) and types <= NEVER_ATTEMPTED for death in request.deaths)


def _missing(reading: Reading, effects: list[Effect]) -> bool:
    return any(effect.follows is not None and effect.follows not in reading.told for effect in effects)


def _sizes(evidence: Evidence) -> list[tuple[str, str, int]]:
    items = {(write.table, write.key): write.after for write in evidence.history}
    return [(table, key, len(json.dumps(item))) for (table, key), item in items.items() if item]


def _shut(evidence: Evidence) -> list[str]:
    last = {write.key: write.after or {} for write in evidence.history if write.table.rpartition("-")[2] == "parked"}
    parked = {key for key, item in last.items() if any(name[1:].isdigit() for name in item)}
    dead = {f"{death.queue}/{death.group}" for death in evidence.deaths if death.id in evidence.dead}
    return sorted(parked - dead - {f"{one.queue}/{one.group}" for one in evidence.left})


def _switches(verdict: Verdict, evidence: Evidence) -> None:
    """Whom a person disabled nobody else enables, and nobody else is off in the end.

    Where it was off already, the person changed nothing.
    """
    off: set[str] = set()
    for one in sorted(evidence.switched, key=lambda each: each.at):
        if one.who == PERSON:
            off = off - {one.function} if one.on else off | ({one.function} if one.was else set())
        elif one.on and one.function in off:
            verdict.note("overruled", f"{one.function} at {one.at:.0f} s by {one.who}")
    for word in sorted(evidence.off - off):
        verdict.note("stuck", f"{word} is off, and nobody is there to enable it")


def _hours(verdict: Verdict, evidence: Evidence, all_requests: list[Request]) -> None:
    """Hours of agents are neither taken twice nor lost, at any time: they are left, held for a ticket, or assigned."""
    hours = Hours(evidence)
    for write in evidence.history:
        wrong = hours.follow(write)
        if wrong:
            verdict.note("doubled", wrong)
    for wrong in hours.untrue():
        verdict.note("lost", wrong)
    unfinished = {key(r.tenant, r.subject) for r in all_requests if r.queue == "assign_ticket" and (r.deaths or r.left)}
    for agent, ticket in hours.undecided():
        if ticket not in unfinished:
            verdict.note("stuck", f"{agent} has hours held for {ticket}, of which no message is left")


def _order(verdict: Verdict, outcomes: list[tuple[Request, list[Effect]]], evidence: Evidence, *, parked: bool) -> None:
    """Within a group, what was accepted before has its effect before, unless it died; with `parked`, even then."""
    groups: dict[tuple[str, str], list[tuple[Request, list[Effect]]]] = defaultdict(list)
    for request, effects in outcomes:
        if request.group is not None and request.queue == "change_ticket":
            groups[request.queue, request.group].append((request, effects))
    for members in groups.values():
        for place, (request, effects) in enumerate(members):
            if not effects or (evidence.poison.get((request.queue, request.subject))):
                continue
            at = effects[0].at
            if not parked and evidence.redriven_at is not None and at >= evidence.redriven_at:
                continue
            before = [each for each in members[:place] if (each[0].queue, each[0].subject) not in evidence.poison]
            alive = [each for each in before if parked or not any(death.at <= at for death in each[0].deaths)]
            overtook = any(not theirs or theirs[0].at > at for _, theirs in alive)
            # A step is declined only where one before it is missing.
            if overtook or (effects[0].name == "declined" and len(alive) == len(before)):
                verdict.note("reordered", f"{_name(request)} {effects[0].name} at {at:.1f} s")


def _name(request: Request) -> str:
    return f"{request.queue} {request.subject}"
