"""The sample with limits: one for a whole consumer, one per key, and a FIFO queue's."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from functions.contracts.limit import TABLE
from ops.stage import Stage
from stacks import names
from stacks.entry import Limit, Topology
from tests.ops.endpoint import Endpoint
from tests.ops.sight import Insights
from tests.sample.topology import SAMPLE

LIMITS = {
    "open_ticket": (Limit("crm", rate=0.1), Limit("tenant", rate=2, burst=5, at_once=3, per="tenant")),
    "change_ticket": (Limit("old", rate=1, retired=True), Limit("token", rate=1, in_code=True)),
    "mail_ticket": (Limit("mail", at_once=2),),
}


def limited() -> Topology:
    """The sample's map, of which three consumers have limits."""
    return replace(
        SAMPLE,
        integrations=tuple(
            replace(
                each,
                consumers=tuple(replace(one, limits=LIMITS.get(one.function, ())) for one in each.consumers),
            )
            for each in SAMPLE.integrations
        ),
    )


def stage_of(stage: Stage, aws: Endpoint, *lines: str) -> Stage:
    """The stage with these limits, its table of them empty, and these lines in its logs."""
    aws.tables[names.resource(names.LOCAL, TABLE)] = {}
    aws.insights = Insights([*lines], statuses=["Complete"])
    return replace(stage, topology=limited())


def count(aws: Endpoint, id_: str, **values: Any) -> None:
    """Puts an item into the table of limits: numbers and texts."""
    item = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in values.items()}
    aws.tables[names.resource(names.LOCAL, TABLE)][id_] = {"id": {"S": id_}, **item}


def ahead(seconds: float) -> int:
    """So many seconds from now, as a slot's time."""
    return int((time.time() + seconds) * 1_000_000)


def held(seconds: float = 60) -> str:
    """What stands in a place that is held for so long."""
    return f"{round((time.time() + seconds) * 1000):014} {'0' * 32}"


def waited(consumer: str, limit: str, at: int = 0) -> str:
    """The log line of a message that left to wait."""
    return json.dumps(
        {
            "level": "INFO",
            "message": "limited",
            "timestamp": "2026-11-26T12:00:00.000Z",
            "service": consumer,
            "correlation_id": "c",
            "message_id": f"m{at}",
            "attempt": 1,
            "error": f"Limited: Limit '{limit}' has its next slot in 12.0 s.",
        }
    )
