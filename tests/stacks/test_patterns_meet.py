"""Lanes, statuses and workflows in one map: what holds for a consumer holds for each of its lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.contracts.workflow import MessageDied
from stacks import status, workflow
from stacks.entry import Lanes, Limit, Topology, TopologyError
from tests.sample.followed import FOLLOWED
from tests.sample.statuses import STATUSES

VAN_LANES = ("reserve_van_high", "reserve_van")


def laned(topology: Topology, queue: str, lane: str) -> Topology:
    """The map with two lanes of the queue, which a header of its route chooses."""
    return replace(
        topology,
        integrations=tuple(
            replace(
                each,
                queues=tuple(
                    replace(one, lanes=Lanes(high=1, normal=1)) if one.name == queue else one for one in each.queues
                ),
                routes=tuple(replace(one, lane=lane) if one.queue == queue else one for one in each.routes),
                consumers=tuple(
                    replace(one, concurrency=4) if one.function == queue else one for one in each.consumers
                ),
            )
            for each in topology.integrations
        ),
    )


def test_a_message_that_dies_in_any_lane_is_told_under_the_name_that_the_workflow_knows() -> None:
    topology = laned(FOLLOWED, "reserve_van", "X-Priority")
    told = {name: workflow.keys(topology.consumer(name), topology) for name in VAN_LANES}
    assert told == dict.fromkeys(VAN_LANES, "reserve_van ticket_id")
    assert all(MessageDied in topology.consumer(name).publishes for name in VAN_LANES)
    (died,) = [each for each in topology.subscriptions if each.event is MessageDied]
    assert died.filter == {"consumer": ["reserve_van"]}
    assert MessageDied not in topology.consumer("reserve_part").publishes


def test_a_step_dies_by_the_name_of_all_lanes() -> None:
    topology = laned(FOLLOWED, "reserve_van", "X-Priority")
    (visits,) = (each for each in topology.integrations if each.workflows)
    (plan,) = visits.workflows
    steps = (plan.steps[0], replace(plan.steps[1], dies="reserve_van_high"))
    with pytest.raises(TopologyError) as refused:
        replace(topology, integrations=(replace(visits, workflows=(replace(plan, steps=steps),)),))
    assert str(refused.value) == (
        "Workflow 'plan_visit': 'reserve_van_high' is a lane of 'reserve_van', by whose name its messages die; write "
        "dies='reserve_van'."
    )


def test_a_request_is_tracked_in_every_lane() -> None:
    topology = laned(STATUSES, "open_ticket", "X-Priority")
    tickets = topology.integration("tickets")
    found = [status.variable(tickets, name) for name in ("open_ticket_high", "open_ticket")]
    assert found[0] is not None
    assert found[0] == found[1]
    assert status.variable(tickets, "assign_ticket") is None


def test_a_map_of_all_of_it_is_the_same_however_often_it_is_made() -> None:
    limited = replace(
        FOLLOWED,
        integrations=tuple(
            replace(
                each,
                consumers=tuple(
                    replace(one, limits=(Limit("vans", rate=10, burst=4),)) if one.function == "reserve_van" else one
                    for one in each.consumers
                ),
            )
            for each in FOLLOWED.integrations
        ),
    )
    once = laned(limited, "reserve_van", "X-Priority")
    assert replace(once) == once
    assert replace(once, integrations=once.integrations) == once
    assert [limit.rate for name in VAN_LANES for limit in once.consumer(name).limits] == [5, 5]
