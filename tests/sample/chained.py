"""The map of visits with a third step, which is asked for last because nothing undoes it."""

from __future__ import annotations

from dataclasses import replace

from stacks.entry import Access, Consumer, Queue, Step, Subscription, Table, Topology
from tests.sample.followed import FOLLOWED
from tests.sample.visits import AgentAsked, AgentSent, PartReserved, VanReserved


def chained(within: int) -> Topology:
    """The map, with that deadline."""
    visits, *_ = FOLLOWED.integrations
    workflow = visits.workflows[0]
    step = Step(done=AgentSent, asks=AgentAsked, after=(PartReserved, VanReserved))
    consumer = Consumer(
        function="send_agent",
        access=(Access(table="journeys", actions=("PutItem",)),),
        publishes=(AgentSent,),
    )
    changed = replace(
        visits,
        workflows=(replace(workflow, within=within, steps=(*workflow.steps, step)),),
        queues=(*visits.queues, Queue(name="send_agent")),
        consumers=(*visits.consumers, consumer),
        subscriptions=(*visits.subscriptions, Subscription(event=AgentAsked, queue="send_agent")),
        tables=(*visits.tables, Table(name="journeys", key="ticket_id")),
    )
    return Topology(package=FOLLOWED.package, integrations=(changed,))
