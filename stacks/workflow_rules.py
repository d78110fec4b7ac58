"""What a workflow must keep to, one sentence a broken rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec
from msgspec.inspect import Metadata, StrType

from functions.contracts.contract import Command, Event
from functions.contracts.path import FromPath
from functions.contracts.plan import PLAN_COMMAND
from functions.contracts.redaction import is_secret
from functions.contracts.workflow import CAUSE, FOLLOW_WORKFLOW, ITEM, WAITING_FOR, WorkflowRule, written
from stacks.workflow import Step, Workflow

if TYPE_CHECKING:
    from stacks.entry import Topology

WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
YEAR = 365 * 24 * 60 * 60
LARGEST = 2500
"""Bytes of a workflow as its function is told it: all variables of a function have 4 KB.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
OWN: dict[str, Any] = {CAUSE: str, WAITING_FOR: tuple[str, ...]}
"""The types of the fields that a workflow fills itself."""


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the workflows of a topology that is expanded already, and how to mend it."""
    workflows = topology.workflows
    named = {each.name for each in workflows}
    for consumer in topology.consumers:
        if consumer.folder == FOLLOW_WORKFLOW and consumer.function not in named:
            yield f"Consumer {consumer.function!r}: {FOLLOW_WORKFLOW} follows workflows; write a Workflow instead."
    twice = [name for name, times in Counter(each.name for each in workflows).items() if times > 1]
    if twice:
        yield f"Workflow {twice[0]!r} is listed twice; remove one or rename it."
    for workflow in workflows:
        for sentence in _alone(workflow):
            yield f"Workflow {workflow.name!r}{sentence}"
        for sentence in _among_others(workflow, topology):
            yield f"Workflow {workflow.name!r}{sentence}"
    yield from _cycles(workflows)


def _alone(workflow: Workflow) -> Iterator[str]:
    """What is wrong with it whatever else there is; nothing after the first that is too odd to look further."""
    if not isinstance(workflow.name, str) or not WORD.fullmatch(workflow.name) or len(workflow.name) > 40:
        yield ": a name is at most 40 characters of lower_case_words; rename it."
    if not workflow.steps:
        yield " has no steps; list what must be done."
    for word, event in _roles(workflow):
        if not (isinstance(event, type) and issubclass(event, Event)):
            yield f": {word} is {event!r}, and an event's class belongs there."
            return
    # By name, as its function knows them.
    uses = Counter(event.__name__ for word, event in _roles(workflow) if word != "after")
    twice = [name for name, times in uses.items() if times > 1]
    if twice:
        yield f" uses {twice[0]} twice, and could not tell what it means; make a second event of it."
        return
    if type(workflow.within) is not int:
        yield f": within is {workflow.within!r}; write a whole number of seconds."
        return
    if not 0 < workflow.within <= YEAR:
        yield f": within is {workflow.within} s; choose more than 0 and at most a year."
    if workflow.on_overdue not in ("wait", "undo"):
        yield f": on_overdue is {workflow.on_overdue!r}; choose 'wait' or 'undo'."
    places = {step.done: place for place, step in enumerate(workflow.steps)}
    for place, step in enumerate(workflow.steps):
        for sentence in (*_step(step), *_order(step, place, places, workflow)):
            yield f", step {step.done.__name__}{sentence}"
            return
    yield from _compensation(workflow)
    size = len(written(workflow.rule()).encode())
    if size > LARGEST:
        yield (
            f" takes {size:,} bytes of its function's variables, of at most {LARGEST:,}; make two of it, the second of "
            "which begins with what the first one completes."
        )


def _roles(workflow: Workflow) -> Iterator[tuple[str, Any]]:
    """Every event, and what it is there for."""
    for step in workflow.steps:
        yield "done", step.done
        for word in ("failed", "after"):
            yield from ((word, event) for event in getattr(step, word))
        for word in ("undo", "undone", "asks"):
            if getattr(step, word) is not None:
                yield word, getattr(step, word)
    yield "completes", workflow.completes
    yield "overdue", workflow.overdue
    if workflow.reversed is not None:
        yield "reversed", workflow.reversed


def _step(step: Step) -> Iterator[str]:
    if (step.undo is None) != (step.undone is None):
        yield ": undo and undone go together, since what was before it waits for undone; set both or neither."
    if (step.asks is None) == bool(step.after):
        yield ": asks and after go together, since asks is told once those are done; set both or neither."
    if step.dies is not None and not isinstance(step.dies, str):
        yield f": dies is {step.dies!r}, and a consumer's name belongs there."
    if step.harmless and step.undo is not None:
        yield " has an undo and is harmless; drop one of the two."


def _order(step: Step, place: int, places: dict[type[Event], int], workflow: Workflow) -> Iterator[str]:
    for event in step.after:
        if event not in places:
            yield f" comes after {event.__name__}, which is the done of no step; name one that is."
        elif step.done in _all_before(event, workflow, set()):
            yield f" comes after {event.__name__}, and that after it, so neither would ever begin; drop one after."
        elif places[event] >= place:
            yield f" comes after {event.__name__}, which is listed later; list it before."


def _all_before(event: type[Event], workflow: Workflow, seen: set[type[Event]]) -> set[type[Event]]:
    if event not in seen:
        seen.add(event)
        for step in workflow.steps:
            if step.done is event:
                for each in step.after:
                    _all_before(each, workflow, seen)
    return seen


def _compensation(workflow: Workflow) -> Iterator[str]:
    """Nothing that cannot be undone is done while something else may still fail."""
    rule = workflow.rule()
    fails = [step for step in rule.steps if step.failed or step.dies]
    if (fails or rule.undoes) and rule.reversed is None:
        yield " can be undone, and tells nothing then; set reversed."
    if not (fails or rule.undoes):
        if rule.reversed is not None:
            yield " is never undone, so nothing would tell reversed; drop it, or say which step can fail."
        useless = next((step for step in rule.steps if step.undo), None)
        if useless is not None:
            yield (
                f", step {useless.done} is never undone, since no step can fail; drop its undo, or say what fails: "
                "failed, dies, or on_overdue='undo'."
            )
    dies = next((step for step in rule.steps if step.dies), None)
    if dies is not None and not rule.undoes:
        yield (
            f", step {dies.done}: a worker that is killed at its last attempt tells nobody, and then only the deadline "
            "knows; set on_overdue='undo'."
        )
    for step in rule.steps:
        if not step.stays:
            continue
        advice = f"; add undo and undone to {step.done}, or say that it is harmless=True."
        before = {each.done for each in rule.before(step)}
        other = next((each for each in fails if each is not step and each.done not in before), None)
        if step.dies:
            yield f": what {step.done} does cannot be undone, and a redrive of {step.dies!r} may do it late{advice}"
        elif other is not None:
            yield f": what {step.done} does cannot be undone where {other.done} fails later{advice}"
        elif rule.undoes and not step.asks:
            yield f": what {step.done} does cannot be undone where it comes after the deadline{advice}"


def _among_others(workflow: Workflow, topology: Topology) -> Iterator[str]:
    for event in workflow.facts():
        if "." not in event.source and event not in topology.events:
            yield (
                f": no consumer publishes {event.__name__}, so it would wait for ever; add it to one's publishes, or "
                f"write its source in full if another project does, such as 'billing.{event.source}'."
            )
    for step in workflow.steps:
        for word, told in (("undo", step.undo), ("asks", step.asks)):
            if told is not None:
                yield from _taken(workflow, told, f"{told.__name__}, the {word} of {step.done.__name__}", topology)
    yield from _key(workflow, topology)
    yield from _fields(workflow)


def _taken(workflow: Workflow, told: type[Event], name: str, topology: Topology) -> Iterator[str]:
    """Whether somebody takes what it tells, as long as it is not on its way out itself."""
    takers = [each for each in topology.integrations if any(entry.event is told for entry in each.subscriptions)]
    ends = any(each.retired and workflow in each.workflows for each in topology.integrations)
    if not takers:
        yield f": no queue takes {name}; add a Subscription."
    elif not ends and all(each.retired for each in takers):
        yield (
            f": {name}, is taken by {takers[0].name!r} alone, which is retired; retire the workflow's integration "
            "first, or let another queue take it."
        )


def _key(workflow: Workflow, topology: Topology) -> Iterator[str]:
    key = workflow.key
    if key in ITEM:
        yield f": the item says {key!r} of each of them itself; choose another field for the key, or rename it."
        return
    types = {event: _types(event).get(key) for event in (*workflow.facts(), *workflow.told())}
    first = workflow.steps[0].done
    own = types[first]
    if own is None:
        yield f": {first.__name__} has no field {key!r}, by which it would know what belongs together; choose another."
        return
    kind = msgspec.inspect.type_info(own)
    if not isinstance(kind.type if isinstance(kind, Metadata) else kind, StrType):
        yield f": {key!r} of {first.__name__} is no text; choose a field that is."
        return
    if is_secret(own):
        yield f": {key!r} is secret, and a key is seen in logs and by operators; choose another field."
    for event, found in types.items():
        if found is None:
            yield f": {event.__name__} has no field {key!r}, so nobody knows which one it is about; add it."
        elif found != own:
            yield f": {key!r} is of one type in {first.__name__} and another in {event.__name__}; make them the same."
    consumers = {each.function: each for each in topology.consumers}
    lanes = {each.name: each.lane.queue for each in topology.queues if each.lane}
    for name in workflow.dies:
        if (whole := lanes.get(name, name)) != name:
            yield f": {name!r} is a lane of {whole!r}, by whose name its messages die; write dies={whole!r}."
        if name not in consumers or name == PLAN_COMMAND or consumers[name].folder == FOLLOW_WORKFLOW:
            yield f": there is no consumer {name!r} of which it could be told that it dies; correct the name."
            continue
        for contract in _contracts(name, topology):
            if _types(contract).get(key) != own:
                yield (
                    f": {contract.__name__}, a message of {name!r}, has no field {key!r} of the type of "
                    f"{first.__name__}'s, so nobody knows whose step has died; add it."
                )


def _contracts(queue: str, topology: Topology) -> Iterator[type[Command] | type[Event]]:
    """What a message of the queue may say."""
    for each in topology.integrations:
        yield from (route.accepts for route in each.routes if route.queue == queue)
        yield from (entry.event for entry in each.subscriptions if entry.queue == queue)
        yield from (type(entry.sends) for entry in each.schedules if entry.queue == queue)
        yield from (plan.command for consumer in each.consumers for plan in consumer.plans if plan.queue == queue)


def _types(contract: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: _own(field.type) for field in msgspec.structs.fields(contract)}


def _own(kind: Any) -> Any:
    """The type without the mark that it comes from a path, which says nothing of its values."""
    if get_origin(kind) is not Annotated:
        return kind
    own, *marks = get_args(kind)
    marks = [mark for mark in marks if mark != FromPath]
    return Annotated[(own, *marks)] if marks else own


def _fields(workflow: Workflow) -> Iterator[str]:
    """Whether everything that it tells can be filled from what is known when it is told."""
    rule = workflow.rule()
    classes = {event.__name__: event for event in workflow.facts()}
    for told in workflow.told():
        for field in msgspec.structs.fields(told):
            if field.name != workflow.key:
                for sentence in _field(rule, told, field, classes):
                    yield f": {told.__name__}.{field.name}{sentence}"


def _field(
    rule: WorkflowRule, told: type[Event], field: msgspec.structs.FieldInfo, classes: dict[str, type[Event]]
) -> Iterator[str]:
    if field.name in rule.words(told.__name__):
        if field.type != OWN[field.name]:
            yield f" is filled by the workflow, as {_shown(OWN[field.name])}; make it that, or rename it."
        return
    sources = rule.sources(told.__name__)
    source = next((name for name in sources if field.name in _types(classes[name])), None)
    if source is None:
        if field.required:
            known = f"and {', '.join(sources)} do not say it" if sources else "and no fact is sure to be there by then"
            yield f" is required, {known}; add it to one of its facts, or give it a default."
    elif _types(classes[source])[field.name] != _own(field.type):
        yield f" is of another type in {source}, which fills it; make them the same."


def _shown(kind: Any) -> str:
    return "text" if kind is str else "tuple[str, ...]"


def _cycles(workflows: tuple[Workflow, ...]) -> Iterator[str]:
    """Workflows of which one's compensation makes another fail, and so on, back to the first."""
    ends = {each.name: {step.undo for step in each.steps} | {each.reversed, each.overdue} for each in workflows}
    fails = {each.name: {event for step in each.steps for event in step.failed} for each in workflows}
    leads = {name: [other for other in fails if ends[name] & fails[other]] for name in ends}
    for workflow in workflows:
        path = _way(workflow.name, workflow.name, leads, ())
        if path:
            yield (
                f"Workflow {workflow.name!r}: its compensation makes {' fail, and that of '.join(map(repr, path))} "
                "fail again; let a step fail by what is no compensation."
            )
            return


def _way(start: str, end: str, leads: dict[str, list[str]], seen: tuple[str, ...]) -> tuple[str, ...]:
    for other in leads[start]:
        if other == end:
            return (*seen, other)
        if other not in seen and (found := _way(other, end, leads, (*seen, other))):
            return found
    return ()
