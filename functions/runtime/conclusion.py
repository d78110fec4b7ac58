"""The conclusion of a batch: what was done is told, planned and noted, and what failed goes back to the queue.

A step that cannot be taken makes a failure of what was done, so that the message comes again and takes it then; what
must not cost the batch its answer is only logged.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.contracts.redaction import redact
from functions.runtime import clients
from functions.runtime.breaker import tell
from functions.runtime.deadline import Deadline, within
from functions.runtime.errors import OutOfTime
from functions.runtime.excerpt import writable
from functions.runtime.failures import note, unwritten
from functions.runtime.log import log
from functions.runtime.message import Intake
from functions.runtime.outcome import Done, Failure, Outcomes
from functions.runtime.publisher import publish
from functions.runtime.settings import Settings
from functions.runtime.unfinished import unfinished
from functions.runtime.visibility import hide_failures

if TYPE_CHECKING:
    from functions.runtime.limit import Limits
    from functions.runtime.park import Parking


def conclude(
    outcomes: Outcomes,
    intake: Intake,
    limits: Limits | None,
    parking: Parking | None,
    settings: Settings,
    deadline: Deadline,
) -> Outcomes:
    """Take every step that follows the handling; return the outcomes with what is a failure by that."""
    outcomes = outcomes | publish_all(outcomes, settings, deadline, but=limits.told if limits else frozenset())
    outcomes |= _plan_all(outcomes, settings, deadline)
    if parking:
        outcomes |= _leave(parking, outcomes, deadline)
    if any(one.record.skips for one in outcomes.values()):
        outcomes |= _let_next_run(outcomes, settings, deadline)
    if any(one.record.planned_for for one in outcomes.values()):
        _note_begun(outcomes, deadline)
    if limits:
        outcomes |= limits.leave(outcomes, deadline.left("reporting") / 2)
    if settings.tracked:
        from functions.runtime.requests import settle

        outcomes |= settle(outcomes, settings, deadline.left("reporting") / 2, intake)
    if settings.death_keys:
        outcomes |= _deaths(outcomes, intake, settings, deadline)
    return outcomes


def publish_all(outcomes: Outcomes, settings: Settings, deadline: Deadline, *, but: Set[str] = frozenset()) -> Outcomes:
    """Publish what was done tells, together; return as failures what of it could not be told."""
    done = [one for one in outcomes.values() if isinstance(one, Done) and one.record.id not in but]
    entries = [made for one in done for made in one.entries]
    try:
        problems = publish(entries, settings, seconds=deadline.left("publishing"))
    except Exception as error:  # such as a function without a bus
        problems = {made.record: error for made in entries}
    return {
        one.record.id: Failure(one.record, problem, text(problem, None), one.message, unpublished=True)
        for one in done
        if (problem := problems.get(one.record.id))
    }


def _plan_all(outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
    wanted = [one for one in outcomes.values() if isinstance(one, Done) and one.plans]
    if not wanted:
        return {}
    from functions.runtime.plans import send

    return send(wanted, settings, seconds=deadline.left("publishing"))


def _leave(parking: Parking, outcomes: Outcomes, deadline: Deadline) -> Outcomes:
    done = {outcome.record.id: outcome for outcome in outcomes.values() if isinstance(outcome, Done)}
    problems = parking.done([one.record for one in done.values()], deadline.left("reporting") / 2)
    return {
        id_: Failure(done[id_].record, problem, str(problem), done[id_].message) for id_, problem in problems.items()
    }


def _let_next_run(outcomes: Outcomes, settings: Settings, deadline: Deadline) -> Outcomes:
    """Say which runs are over. One that is done comes back where that cannot be said: it would hold up the next."""
    from functions.runtime.overlap import finish

    problems = finish(outcomes, settings, deadline.left("reporting") / 2)
    done = {id_: one for id_, one in outcomes.items() if isinstance(one, Done) and id_ in problems}
    return {
        id_: Failure(one.record, problems[id_], text(problems[id_], None), one.message) for id_, one in done.items()
    }


def _note_begun(outcomes: Outcomes, deadline: Deadline) -> None:
    from functions.runtime.plans import note_begun

    try_to("note what began", deadline.left("reporting") / 3, partial(note_begun, outcomes))


def _deaths(outcomes: Outcomes, intake: Intake, settings: Settings, deadline: Deadline) -> Outcomes:
    from functions.runtime.deaths import tell as tell_of

    told: Outcomes = {}
    seconds = deadline.left("reporting") / 3
    try_to("tell of messages that die", seconds, lambda: told.update(tell_of(outcomes, intake, settings, seconds)))
    return told


def send_back(failures: list[Failure], settings: Settings, deadline: Deadline) -> None:
    """Note the causes, and let what failed come back when its turn is."""
    if not failures and not unwritten() and not unfinished:
        return
    steps: list[tuple[str, float, Callable[[], None]]] = [
        ("record the causes", 0.4, lambda: note(failures, settings)),
        ("set the visibility", 0.6, lambda: hide_failures(failures, settings)),
        ("say that a service is away", 1.0, lambda: tell(failures, settings)),
    ]
    for what, share, step in steps:
        try_to(what, share * deadline.left("reporting"), step)


def try_to(what: str, seconds: float, step: Callable[[], None]) -> None:
    """Do a step that must not cost the batch its answer: what goes wrong is logged."""
    try:
        within(seconds, step)
    except OutOfTime:
        clients.replace()
        log("WARNING", f"no time to {what}")
    except Exception as error:
        log("ERROR", f"failed to {what}", error_type=type(error).__name__, error=text(error, None))


def text(error: BaseException, contract: Any) -> str:
    """What the error says, without secrets; its type where it cannot say anything."""
    try:
        return writable(redact(str(error), contract))
    except Exception:
        return f"{type(error).__name__}, which has no text"
