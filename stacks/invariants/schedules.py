"""Rules for schedules."""

from __future__ import annotations

from collections.abc import Iterator

from stacks.invariants.assembly import Assembly, last_word
from stacks.invariants.rule import Finding, rule

GUIDE = "https://docs.aws.amazon.com/scheduler/latest/UserGuide"
SCHEDULE = "AWS::Scheduler::Schedule"


@rule(fix="Add Target.DeadLetterConfig with a standard queue.", source=f"{GUIDE}/configuring-schedule-dlq.html")
def schedule_dead_letter_queue(assembly: Assembly) -> Iterator[Finding]:
    """Every schedule has a dead-letter queue, a standard one, because Scheduler takes no other."""
    for found in assembly.of(SCHEDULE):
        dead = found.properties.get("Target", {}).get("DeadLetterConfig", {}).get("Arn")
        if dead is None:
            yield found, "it has none"
        elif last_word(dead).endswith(".fifo"):
            yield found, "that is FIFO"


@rule(
    fix="Add Target.RetryPolicy.",
    source="https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html",
)
def schedule_retry(assembly: Assembly) -> Iterator[Finding]:
    """Every schedule says how often and how long a run is attempted."""
    for found in assembly.of(SCHEDULE):
        said = found.properties.get("Target", {}).get("RetryPolicy", {})
        if {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"} - said.keys():
            yield found, "it does not"


@rule(fix="Name the stage's group in GroupName.", source=f"{GUIDE}/managing-schedule-group.html")
def schedule_group(assembly: Assembly) -> Iterator[Finding]:
    """No schedule is in the account's default group, whose schedules no role of ours serves."""
    for found in assembly.of(SCHEDULE):
        if found.properties.get("GroupName", "default") == "default":
            yield found, "it is"


RULES = (schedule_dead_letter_queue, schedule_retry, schedule_group)
