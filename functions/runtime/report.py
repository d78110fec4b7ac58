"""What a batch leaves in the log: a line for each record, and one with the consumer's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.contracts.log_line import LONGEST_KEY, Handled, Published
from functions.contracts.redaction import redacted
from functions.runtime.errors import Limited, Reject, Spent
from functions.runtime.excerpt import excerpt
from functions.runtime.failures import shortened, stack, stack_digest
from functions.runtime.log import is_on, log, metrics, now, write
from functions.runtime.message import Message
from functions.runtime.outcome import Done, Failure, Outcomes, Waiting
from functions.runtime.settings import Settings


def log_body(contract: Any, message: Message) -> None:
    """At level DEBUG only, what the message says, without its secrets."""
    if is_on("DEBUG"):
        log("DEBUG", "received", message_id=message.id, correlation_id=message.correlation_id, body=redacted(contract))


def report(outcomes: Outcomes, settings: Settings, started: float, worked: Mapping[str, float]) -> None:
    """Log every outcome, and the metrics of the batch that `started` at that time (epoch seconds).

    `worked` is for how many seconds each record's handler did, by the record's id.
    """
    done = [outcome for outcome in outcomes.values() if isinstance(outcome, Done)]
    back = [outcome for outcome in outcomes.values() if isinstance(outcome, Failure)]
    limited = [outcome.failure for outcome in outcomes.values() if isinstance(outcome, Waiting)]
    limited += [failure for failure in back if isinstance(failure.error, Limited)]
    failures = [failure for failure in back if not isinstance(failure.error, Limited | Spent)]
    handled = [one for one in done if not one.skipped]
    skipped = len(done) - len(handled)
    attempted: list[Done | Failure] = [*handled, *failures]
    rejected = sum(isinstance(failure.error, Reject) for failure in failures)
    for one in done:
        published = [Published(made.entry["DetailType"], made.id) for made in one.entries]
        outcome = "skipped" if one.skipped else "duplicate" if one.duplicate else "processed"
        more = {"untold": one.untold, "skipped": one.skipped, "planned": len(one.plans)}
        _line("INFO", outcome, one, settings, worked, published=published, **more)
    for failure in limited:
        _line("INFO", "limited", failure, settings, worked, error=excerpt(failure.text))
    for failure in failures:
        _failure(failure, settings, worked)
    metrics(
        settings,
        {
            "Processed": len(handled),
            "Retried": len(failures) - rejected,
            "Rejected": rejected,
            "Duplicates": sum(one.duplicate for one in done),
            "PublishFailures": sum(failure.unpublished for failure in failures),
            **({"Limited": len(limited)} if settings.limits else {}),
            **({"Skipped": skipped} if skipped else {}),
        },
        # Of what only waits, the age says nothing of the consumer.
        [round((started - one.record.first_sent) * 1000) for one in attempted if one.record.first_sent],
    )


def _failure(failure: Failure, settings: Settings, worked: Mapping[str, float]) -> None:
    rejected = isinstance(failure.error, Reject)
    _line(
        "ERROR" if rejected else "WARNING",
        "rejected" if rejected else "retried",
        failure,
        settings,
        worked,
        error_type=type(failure.error).__name__,
        error=excerpt(failure.text),
        published=[Published(made.entry["DetailType"], made.id) for made in failure.entries],
        stack_digest=stack_digest(failure.error),
        stack=shortened(stack(failure.error)),
    )


def _keys(message: Message | None, group: str | None) -> dict[str, Any]:
    """What people call it, as keys of its tenant, each once."""
    told: dict[str, str] = {}
    if message is not None:
        for name, own in (("key", message.business_key), ("idempotency_key", message.idempotency_key)):
            if own and len(own) <= LONGEST_KEY and (key := message.scoped(own)) not in (group, *told.values()):
                told[name] = key
    return told


def _line(
    level: str, outcome: str, one: Done | Failure, settings: Settings, worked: Mapping[str, float], **more: Any
) -> None:
    record, message, seconds = one.record, one.message, worked.get(one.record.id)
    write(
        Handled(
            level=level,
            outcome=outcome,
            timestamp=now(),
            service=settings.service,
            correlation_id=message.correlation_id if message else record.correlation_id,
            message_id=record.id,
            event_id=message.causation_id if message and message.causation_id != record.origin else None,
            group=record.group,
            **_keys(message, record.group),
            attempt=record.attempt,
            received_at=record.received_at,
            sent=round(record.sent * 1000) or None,
            origin=record.origin if record.waited else None,
            redriven=record.redriven,
            replayed=message.replayed if message else None,
            release=settings.release,
            duration_ms=None if seconds is None else round(seconds * 1000),
            **more,
        )
    )
