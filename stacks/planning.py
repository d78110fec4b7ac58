"""The platform's own integration that plans commands: it comes by itself, wherever a topology delays any."""

from __future__ import annotations

from functions.contracts.plan import KEY, PLAN_COMMAND, PLANNED
from stacks import names
from stacks.entry import Access, Consumer, Grant, Integration, Queue, Table

_PLANS = names.resource("{stage}", names.PLANS)
PLANNING = Integration(
    names.PLANNING,
    queues=(Queue(name=PLAN_COMMAND),),
    consumers=(
        Consumer(
            function=PLAN_COMMAND,
            access=(Access(table=PLANNED, actions=("UpdateItem",)),),
            grants=(
                Grant(
                    actions=("scheduler:CreateSchedule", "scheduler:DeleteSchedule"),
                    resources=(f"arn:{{partition}}:scheduler:{{region}}:{{account}}:schedule/{_PLANS}/*",),
                ),
            ),
        ),
    ),
    tables=(Table(name=PLANNED, key=KEY, expires=True),),
)
"""The platform's own: what plans commands, wherever a topology delays any."""
