"""All rules, in the order of the flow."""

from __future__ import annotations

from stacks.invariants import access, callers, consumers, creation, doors, edge, events, queues, schedules, size

RULES = (
    *callers.RULES,
    *edge.RULES,
    *queues.RULES,
    *consumers.RULES,
    *events.RULES,
    *schedules.RULES,
    *access.RULES,
    *doors.RULES,
    *creation.RULES,
    *size.RULES,
)
