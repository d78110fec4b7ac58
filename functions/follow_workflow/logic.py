"""What becomes of a workflow by one more fact: the same however often the fact comes, and whole whatever comes before.

A step is done once its fact was seen, and from then on it is either part of a complete workflow, or it is undone.
Nothing is undone that was not seen to be done; what is seen late is undone late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from functions.contracts.workflow import StepRule, WorkflowRule

State = Literal["waiting", "overdue", "complete", "undoing", "undone"]
PLAN, UNPLAN = "+deadline", "-deadline"
"""Told like events: that the deadline is to be planned, and that it is not wanted any more."""


class Fact(Struct, frozen=True, kw_only=True):
    """What happened: the event `name`, the end of the consumer `died`, or neither, which is the deadline.

    `id` is the same however often it comes. `cause` is what it says of why, `fields` its fields as JSON.
    """

    id: str
    name: str | None = None
    died: str | None = None
    cause: str = ""
    fields: Mapping[str, str] = {}


class Progress(Struct, frozen=True, kw_only=True):
    """How far a workflow is. `deadline` is epoch seconds, `version` how many facts changed it.

    `done` and `undone` say of each step by which fact; a step is in one of them at the most. `undoing` is the step that
    is being undone, `asked` are those that were asked for. `late` is what was missing at the deadline. `told` is what
    each fact led to, so that it leads there again when it comes again. `fields` are those that something told needs.
    """

    deadline: int
    version: int = 0
    state: State = "waiting"
    cause: str = ""
    done: Mapping[str, str] = {}
    undone: Mapping[str, str] = {}
    undoing: str | None = None
    asked: tuple[str, ...] = ()
    late: tuple[str, ...] | None = None
    reversed: bool = False
    told: Mapping[str, tuple[str, ...]] = {}
    fields: Mapping[str, Mapping[str, str]] = {}

    @property
    def is_open(self) -> bool:
        """Whether it may still become complete."""
        return self.state in ("waiting", "overdue")


def follow(rule: WorkflowRule, progress: Progress | None, fact: Fact, now: float) -> Progress | None:
    """How far the workflow is with the fact; `progress` itself if that changes nothing, None if there is none.

    What follows from the fact is `told` of its id in what is returned.
    """
    if progress is not None and fact.id in progress.told:
        return progress
    if progress is None:
        if _is_nothing_yet(rule, fact):
            return None
        begun = Progress(deadline=int(now) + rule.within)
        changed, told = _changed(rule, begun, fact)
        told = (*((PLAN,) if changed.is_open else ()), *(each for each in told if each != UNPLAN))
    else:
        changed, told = _changed(rule, progress, fact)
        if changed is progress:
            return progress
    return replace(
        changed,
        version=changed.version + 1,
        told={**changed.told, fact.id: told},
    )


def missing(rule: WorkflowRule, progress: Progress) -> tuple[str, ...]:
    """The events that it waits for."""
    if progress.state == "undoing":
        return tuple(step.undone or "" for step in rule.steps if step.done == progress.undoing)
    return tuple(step.done for step in rule.steps if step.done not in progress.done) if progress.is_open else ()


def _is_nothing_yet(rule: WorkflowRule, fact: Fact) -> bool:
    """Whether the fact begins no workflow: the deadline of one that is forgotten, or an undo that nobody asked for."""
    deadline = fact.name is None and fact.died is None
    return deadline or any(fact.name is not None and fact.name == step.undone for step in rule.steps)


def _changed(rule: WorkflowRule, progress: Progress, fact: Fact) -> tuple[Progress, tuple[str, ...]]:
    if fact.name is None and fact.died is None:
        return _overdue(rule, progress)
    for step in rule.steps:
        if fact.name is not None and fact.name == step.done:
            return _done(rule, progress, step, fact)
        if fact.name is not None and fact.name == step.undone:
            return _undone(rule, progress, step)
        if fact.name in step.failed:
            return _failed(rule, progress, step, fact.cause)
        # One consumer may do several steps: it died of one that is not done.
        if fact.died is not None and fact.died == step.dies and step.done not in progress.done:
            return _failed(rule, progress, step, fact.cause)
    return progress, ()


def _done(rule: WorkflowRule, progress: Progress, step: StepRule, fact: Fact) -> tuple[Progress, tuple[str, ...]]:
    name = step.done
    # A step that the map got after the workflow was complete is no part of it.
    if name in progress.done or progress.state == "complete":
        return progress, ()
    progress = replace(
        progress,
        done={**progress.done, name: fact.id},
        undone={each: by for each, by in progress.undone.items() if each != name},
        fields={**progress.fields, name: fact.fields} if fact.fields else progress.fields,
    )
    if not progress.is_open:
        return _undo_next(rule, progress)
    # By name, since the map may have had other steps when this one began.
    if all(each.done in progress.done for each in rule.steps):
        return replace(progress, state="complete"), (rule.completes, UNPLAN)
    ready = [
        each
        for each in rule.steps
        if each.asks
        and each.done not in (*progress.done, *progress.asked)
        and all(other in progress.done for other in each.after)
    ]
    asked = (*progress.asked, *(each.done for each in ready))
    return replace(progress, asked=asked), tuple(each.asks for each in ready if each.asks)


def _failed(rule: WorkflowRule, progress: Progress, step: StepRule, cause: str) -> tuple[Progress, tuple[str, ...]]:
    # What is done is done: that another attempt at it failed, or one before it, changes nothing.
    if step.done in progress.done or not progress.is_open:
        return progress, ()
    changed, told = _undo_next(rule, replace(progress, cause=cause))
    return changed, (*told, UNPLAN)


def _undone(rule: WorkflowRule, progress: Progress, step: StepRule) -> tuple[Progress, tuple[str, ...]]:
    name = step.done
    # What nobody asked for may be a part of it only, such as a customer who gives something back.
    if progress.undoing != name:
        return progress, ()
    return _undo_next(
        rule,
        replace(
            progress,
            undoing=None,
            done={each: by for each, by in progress.done.items() if each != name},
            undone={**progress.undone, name: progress.done[name]},
        ),
    )


def _overdue(rule: WorkflowRule, progress: Progress) -> tuple[Progress, tuple[str, ...]]:
    if progress.state != "waiting":
        return progress, ()
    late = missing(rule, progress)
    progress = replace(progress, late=late)
    # What stays may be under way, or there: then there is only one way, and that is on.
    if not rule.undoes or any(step.stays and step.done in (*progress.asked, *progress.done) for step in rule.steps):
        return replace(progress, state="overdue"), (rule.overdue,)
    changed, told = _undo_next(rule, replace(progress, cause=f"It waited too long for {', '.join(late)}."))
    return changed, (rule.overdue, *told)


def _undo_next(rule: WorkflowRule, progress: Progress) -> tuple[Progress, tuple[str, ...]]:
    """Undo what was listed last of what is done, once nothing else is being undone; at the end say so, once."""
    if progress.undoing is not None:
        return replace(progress, state="undoing"), ()
    step = next((each for each in reversed(rule.steps) if each.undo and each.done in progress.done), None)
    if step is not None and step.undo:
        return replace(progress, state="undoing", undoing=step.done), (step.undo,)
    told = (rule.reversed,) if rule.reversed and not progress.reversed else ()
    return replace(progress, state="undone", reversed=True), told
