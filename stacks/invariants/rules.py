"""All rules, in the order of the flow."""

from __future__ import annotations

from stacks.invariants import access, consumers, creation, edge, events, queues, size

RULES = (*edge.RULES, *queues.RULES, *consumers.RULES, *events.RULES, *access.RULES, *creation.RULES, *size.RULES)
