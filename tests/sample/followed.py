"""A map with a workflow: a van and a part for a visit, each of which is given back where the other is not to be had."""

from __future__ import annotations

from dataclasses import replace

from stacks.entry import Access, Consumer, Integration, Queue, Route, Step, Subscription, Table, Topology, Workflow
from tests.sample.visits import (
    PartMissing,
    PartReserved,
    PartReturnAsked,
    PartReturned,
    ReservePart,
    ReserveVan,
    VanReserved,
    VanReturnAsked,
    VanReturned,
    VisitOverdue,
    VisitReady,
    VisitUndone,
)

WITHIN = 24 * 60 * 60
SOON = 45

FOLLOWED = Topology(
    package="tests.sample",
    integrations=(
        Integration(
            "visits",
            workflows=(
                Workflow(
                    "plan_visit",
                    key="ticket_id",
                    steps=(
                        Step(done=PartReserved, failed=(PartMissing,), undo=PartReturnAsked, undone=PartReturned),
                        Step(done=VanReserved, dies="reserve_van", undo=VanReturnAsked, undone=VanReturned),
                    ),
                    within=WITHIN,
                    completes=VisitReady,
                    overdue=VisitOverdue,
                    reversed=VisitUndone,
                    on_overdue="undo",
                ),
            ),
            routes=(
                Route(path="/v1/vans", accepts=ReserveVan, queue="reserve_van", tenant="X-Tenant-Id", trusts=("iam",)),
                Route(
                    path="/v1/parts", accepts=ReservePart, queue="reserve_part", tenant="X-Tenant-Id", trusts=("iam",)
                ),
            ),
            queues=(
                Queue(name="reserve_van"),
                Queue(name="reserve_part"),
                Queue(name="return_van"),
                Queue(name="return_part"),
            ),
            consumers=(
                Consumer(
                    function="reserve_van",
                    access=(Access(table="vans", actions=("GetItem", "PutItem")),),
                    publishes=(VanReserved,),
                ),
                Consumer(
                    function="reserve_part",
                    access=(Access(table="parts", actions=("PutItem",)),),
                    publishes=(PartReserved, PartMissing),
                ),
                Consumer(
                    function="return_van",
                    access=(Access(table="vans", actions=("UpdateItem",)),),
                    publishes=(VanReturned,),
                ),
                Consumer(
                    function="return_part",
                    access=(Access(table="parts", actions=("UpdateItem",)),),
                    publishes=(PartReturned,),
                ),
            ),
            subscriptions=(
                Subscription(event=VanReturnAsked, queue="return_van"),
                Subscription(event=PartReturnAsked, queue="return_part"),
            ),
            tables=(Table(name="vans", key="ticket_id"), Table(name="parts", key="ticket_id")),
        ),
    ),
)


def sooner(within: int) -> Topology:
    """The same map, with another deadline."""
    visits, *others = FOLLOWED.integrations
    workflow = replace(visits.workflows[0], within=within)
    return replace(FOLLOWED, integrations=(replace(visits, workflows=(workflow,)), *others))


FOLLOWED_SOON = sooner(SOON)
"""What the flow tests deploy, so that a deadline comes while they wait."""
