"""The sample with what can be read of it: a ticket, and every request for one or for a change of one."""

from __future__ import annotations

from dataclasses import replace

from stacks.entry import Status, Topology
from tests.sample.contracts import OpenTicket, TicketStatus
from tests.sample.topology import SAMPLE

TICKET = Status(path="/v1/tickets/{ticket_id}", of=OpenTicket, table="tickets", answers=TicketStatus)


def readable(topology: Topology) -> Topology:
    """The sample's map with the statuses, its tenants' routes tracked, and a consumer that says its progress."""
    return replace(
        topology,
        integrations=tuple(
            replace(
                each,
                statuses=(TICKET,) if each.name == "tickets" else (),
                routes=tuple(replace(route, tracked=route.tenant is not None) for route in each.routes),
                consumers=tuple(
                    replace(one, handler="open_ticket_slowly") if one.function == "open_ticket" else one
                    for one in each.consumers
                ),
            )
            for each in topology.integrations
        ),
    )


STATUSES = readable(SAMPLE)
