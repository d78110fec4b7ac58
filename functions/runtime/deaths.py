"""What a workflow is told of messages that have had their last attempt: they are dead once SQS receives them again.

Loaded only by consumers that a workflow names. It is told after the attempt, so a worker that is killed in it tells
nothing, and nor does one that cannot reach EventBridge; then the workflow learns it at its deadline.
"""

from __future__ import annotations

from functions.contracts.workflow import MessageDied
from functions.runtime.errors import Limited, Spent
from functions.runtime.excerpt import excerpt
from functions.runtime.log import log
from functions.runtime.message import Intake
from functions.runtime.outcome import Failure, Outcomes
from functions.runtime.publisher import Entry, entry, publish
from functions.runtime.settings import Settings


def tell(outcomes: Outcomes, read: Intake, settings: Settings, seconds: float) -> Outcomes:
    """The failures that were their messages' last, each with the event that says so, where that was published."""
    told: dict[str, tuple[Failure, Entry]] = {}
    for id_, one in outcomes.items():
        if isinstance(one, Failure) and _is_last(one, settings):
            made = _entry(one, read, settings)
            if made is not None:
                told[id_] = (one, made)
    problems = publish([made for _, made in told.values()], settings, seconds=seconds)
    for id_, problem in problems.items():
        log("WARNING", "workflow not told of a message that dies", message_id=id_, error=excerpt(str(problem)))
    return {id_: one.telling(made) for id_, (one, made) in told.items() if id_ not in problems}


def _is_last(failure: Failure, settings: Settings) -> bool:
    attempt = failure.record.attempt
    if isinstance(failure.error, Spent):
        return attempt == settings.receives + 1
    return attempt >= settings.receives and not isinstance(failure.error, Limited)


def _entry(failure: Failure, read: Intake, settings: Settings) -> Entry | None:
    """The event; None of a message that does not say which workflow it belongs to."""
    named, *wanted = (settings.death_keys or "").split()
    try:
        contract, message = read(failure.record)
        keys = {word: value for word in wanted if isinstance(value := getattr(contract, word, None), str)}
        if not keys:
            return None
        cause = f"{type(failure.error).__name__}: {excerpt(failure.text)}"
        return entry(MessageDied(consumer=named, keys=keys, cause=cause), message, 0, settings)
    except Exception as error:
        log(
            "WARNING",
            "a message that dies does not say whose it is",
            message_id=failure.record.id,
            error_type=type(error).__name__,
        )
        return None
