"""The judge of workflows: each visit is whole, or nothing of it is left and it says why; neither happens twice.

It reads what is in the tables and what was told, and shares no line with the function that follows workflows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.auditor import BULKY, Verdict
from tests.simulation.effects import key
from tests.simulation.evidence import Evidence

THINGS = ("vans", "parts")
ENDS = ("VisitReady", "VisitUndone")


@dataclass
class Visit:
    """What became of one: the states that each thing went through, and the ids under which each event was told."""

    states: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    item: str | None = None
    journeys: int = 0

    def has(self, thing: str) -> bool:
        """Whether the thing is set aside in the end."""
        return self.states[thing][-1:] == ["reserved"]


def audit(evidence: Evidence) -> Verdict:
    """Judge a scenario of which nothing is left to do."""
    verdict = Verdict(accepted=len(evidence.accepted), spent=evidence.spent)
    for one in evidence.left:
        verdict.note("stuck", f"{one.queue} {one.body[:80]}")
    for worker, reason in evidence.killed.items():
        if reason == "timed out":
            verdict.note("timed_out", worker)
    for line in evidence.unreadable:
        verdict.note("unreadable", line)
    for death in evidence.deaths:
        known = death.error or evidence.causes.get(death.id, {}).get("error_type")
        verdict.causes[str(known or "none")] += 1
        verdict.note("explained" if known else "unexplained", death.id)
    for name, visit in _visits(evidence).items():
        verdict.effects += bool(visit.told["VisitReady"])
        for wrong, why in _wrong(visit):
            verdict.note(wrong, f"{name}: {why}")
    for write in evidence.history:
        if len(json.dumps(write.after)) > BULKY:
            verdict.note("bulky", f"{write.table} {write.key}")
    return verdict


def _wrong(visit: Visit) -> Iterator[tuple[str, str]]:
    for thing in THINGS:
        states = [state for place, state in enumerate(visit.states[thing]) if state not in visit.states[thing][:place]]
        if visit.states[thing] != states:
            yield "doubled", f"{thing} went {' '.join(visit.states[thing])}"
    if visit.journeys > 1:
        yield "doubled", f"somebody went {visit.journeys} times"
    for kind in (*ENDS, "VisitOverdue", "VanReturnAsked", "PartReturnAsked", "AgentAsked"):
        if len(visit.told[kind]) > 1:
            yield "renamed", f"{kind} was told {len(visit.told[kind])} times"
    ready, undone = (bool(visit.told[kind]) for kind in ENDS)
    both = all(visit.has(thing) for thing in THINGS)
    some = [thing for thing in THINGS if visit.has(thing)]
    asked = [kind for kind in ("VanReturnAsked", "PartReturnAsked") if visit.told[kind]]
    if ready and undone:
        yield "half", "told as ready and as undone"
    elif ready and (not both or asked):
        yield "half", f"ready with {' '.join(some) or 'nothing'}, and {' '.join(asked) or 'nothing'} told"
    elif visit.journeys and not ready:
        yield "half", "somebody is on the way, and it is not ready"
    elif undone and some:
        yield "half", f"undone, and {' '.join(some)} set aside"
    elif undone and not all(visit.told["VisitUndone"].values()):
        yield "untold", "undone without a cause"
    elif not ready and not undone and (some or visit.told):
        yield "half", f"neither ready nor undone, with {' '.join(some) or 'nothing'}"
    said = {"complete"} if ready else {"undone"} if undone else {None}
    if visit.item not in said:
        yield "half", f"its item says {visit.item}, and it was told {' '.join(k for k in ENDS if visit.told[k])}"


def _visits(evidence: Evidence) -> dict[str, Visit]:
    visits: dict[str, Visit] = defaultdict(Visit)
    for write in evidence.history:
        table = write.table.rpartition("-")[2]
        after = write.after or {}
        if table in THINGS and "state" in after:
            visits[write.key].states[table].append(after["state"]["S"])
        elif table == "journeys":
            visits[write.key].journeys += 1
        elif table == "plan_visit":
            visits[write.key].item = after["state"]["S"]
    for told in evidence.told:
        data = told.detail.get("data", {})
        if told.type == "MessageDied" or "ticket_id" not in data:
            continue
        visit = visits[key(told.detail.get("tenant"), data["ticket_id"])]
        visit.told[told.type][str(told.detail.get("id"))] = str(data.get("cause", ""))
    return visits
