"""What feeds every queue of any map is named, in the console as by `watch`, and what an event becomes is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from rich.console import Console

from ops.cli.flow_frame import frame
from ops.observe.feeding import Delivery, Feed, Publishing, feeding, publishing
from ops.observe.rates import Rates
from ops.observe.watch import Watch
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology
from tests.ops.console.tab import opened, text
from tests.ops.sight import Insights, Queues
from tests.ops.test_lanes import Mappings
from tests.sample.chained import chained
from tests.sample.delayed import DELAYED
from tests.sample.followed import FOLLOWED
from tests.sample.laned import LANED
from tests.sample.scheduled import SCHEDULED
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

NOTHING = Rates(measured=False)
MAPS = {
    "sample": SAMPLE,
    "delayed": DELAYED,
    "lanes": LANED,
    "followed": FOLLOWED,
    "scheduled": SCHEDULED,
    "chained": chained(3600),
}


def stage(topology: Topology, **clients: Any) -> Stage:
    clients = {"sqs": Queues(), "logs": Insights(statuses=["Complete"] * 99), "lambda": Mappings(), **clients}
    session = botocore.session.Session()
    return Stage(names.LOCAL, "us-east-1", "http://127.0.0.1:1", topology, session, _clients=clients)


@pytest.mark.parametrize("topology", MAPS.values(), ids=MAPS)
def test_nothing_is_said_to_be_fed_by_nothing(topology: Topology, home: Path) -> None:
    there = stage(topology)
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(frame(Watch(there).look(), topology, 200))
    assert "nothing" not in capture.get()
    with opened(there) as tab:
        assert 'data-label="Fed by"' in tab.get("/")
        for queue in topology.queues:
            assert feeding(topology, NOTHING, queue.name), queue.name
            assert "fed by nothing" not in text(tab.get(f"/queue/{queue.name}")), queue.name


def test_plans_and_delays_are_named_with_what_plans_them() -> None:
    assert feeding(DELAYED, NOTHING, "remind_ticket") == [
        Feed("route", "POST /v1/reminders", 0, through="plan_command"),
        Feed("plan", "plan_ticket", None, through="plan_command"),
    ]
    assert [each.name for each in feeding(DELAYED, NOTHING, "plan_command")] == ["plan_ticket", "remind_ticket"]


def test_a_retired_integration_is_fed_by_nothing_any_more() -> None:
    retired = replace(SAMPLE, integrations=tuple(replace(each, retired=True) for each in SAMPLE.integrations))
    assert feeding(retired, NOTHING, "open_ticket") == []


def test_what_nobody_counts_has_no_figure() -> None:
    told = Rates(
        measured=False,
        published={"open_ticket": {"TicketOpened": 3}},
        delivered={"mail_ticket on TicketOpened": 3},
    )
    assert publishing(SAMPLE, told, "open_ticket") == [
        Publishing("TicketOpened", 3, (Delivery("mail_ticket", 3), Delivery("assign_ticket", None)))
    ]
    on_aws = Rates(measured=True, delivered={"mail_ticket on TicketOpened": 3})
    assert publishing(SAMPLE, on_aws, "open_ticket") == [
        Publishing("TicketOpened", None, (Delivery("mail_ticket", 3), Delivery("assign_ticket", 0)))
    ]


def test_lanes_say_their_shares_and_stand_together(home: Path) -> None:
    with opened(stage(LANED)) as tab:
        page = tab.get("/")
        shown = text(page)
        assert shown.index("lane high 4 of 8") < shown.index("lane normal 2 of 8")
        assert "lane low 2 of 8" in shown
        assert page.count(' lanes"') == 3, "two of one queue, one of the other, below the first of each"


def test_a_workflow_and_a_status_are_named_where_they_hang(home: Path) -> None:
    with opened(stage(FOLLOWED)) as tab:
        assert "plan_visit workflow per ticket_id" in text(tab.get("/"))
        assert "workflow per ticket_id" in text(tab.get("/queue/plan_visit"))
    with opened(stage(STATUSES)) as tab:
        page = tab.get("/")
        assert "status GET /v1/tickets/{ticket_id} reads tickets , which open_ticket writes" in text(page)
