"""A plan that makes no sense is one sentence; what plans is there where something is delayed, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.plan import PLAN_COMMAND
from stacks import names
from stacks.entry import Consumer, Integration, Plan, Queue, Topology, TopologyError
from tests.sample.contracts import ChangeTicket, RemindTicket, TicketOpened
from tests.sample.delayed import DELAYED
from tests.sample.topology import SAMPLE
from tests.stacks.templates import statements, synthesize

(REMINDERS,) = (each for each in DELAYED.integrations if not each.is_planning)


def planning(*plans: Any, **changes: Any) -> Topology:
    planner, reminder = REMINDERS.consumers
    changes.setdefault("consumers", (replace(planner, plans=plans), reminder))
    return Topology(package=DELAYED.package, integrations=(replace(REMINDERS, **changes),))


@pytest.mark.parametrize(
    ("plans", "changes", "sentence"),
    [
        (
            (Plan(RemindTicket, queue="nowhere"),),
            {},
            "Consumer 'plan_ticket' plans RemindTicket to queue 'nowhere', which 'reminders' does not list; add",
        ),
        (
            (Plan(RemindTicket, queue="remind_ticket"), Plan(RemindTicket, queue="remind_ticket")),
            {},
            "Consumer 'plan_ticket' plans RemindTicket twice; remove one.",
        ),
        ((Plan(TicketOpened, queue="remind_ticket"),), {}, "which is no command; name the class"),  # type: ignore[arg-type]
        ((Plan(ChangeTicket, queue="remind_ticket"),), {}, "which takes a field from the path of a request"),
        (
            (Plan(RemindTicket, queue="plan_ticket"),),
            {
                "queues": (Queue(name="plan_ticket", fifo=True), Queue(name="remind_ticket")),
                "routes": tuple(route for route in REMINDERS.routes if route.queue != "plan_ticket"),
            },
            "to FIFO queue 'plan_ticket', which takes no delay of one message",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_one_sentence_that_names_it(
    plans: tuple[Plan, ...], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TopologyError) as refused:
        planning(*plans, **changes)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_queue_may_be_fed_by_plans_alone() -> None:
    alone = planning(Plan(RemindTicket, queue="remind_ticket"), routes=REMINDERS.routes[:1])
    assert list(alone.delayed()) == ["remind_ticket"]


def test_what_plans_comes_by_itself_once_and_only_where_something_is_delayed() -> None:
    assert [each.name for each in DELAYED.integrations] == ["reminders", names.PLANNING]
    again = replace(DELAYED, integrations=tuple(replace(each) for each in DELAYED.integrations))
    assert [each.name for each in again.integrations] == ["reminders", names.PLANNING]
    prompt = tuple(replace(each, routes=()) for each in DELAYED.integrations if not each.is_planning)
    with pytest.raises(TopologyError, match="fed by nothing"):
        replace(DELAYED, integrations=prompt)
    none = planning(routes=tuple(replace(route, delay=False) for route in REMINDERS.routes))
    assert [each.name for each in none.integrations] == ["reminders"]
    assert PLAN_COMMAND not in {queue.name for queue in none.queues}


def test_who_delays_nothing_has_nothing_of_it(tmp_path: Path) -> None:
    tickets, *others = (each for each in SAMPLE.integrations if not each.is_planning)
    prompt = replace(tickets, routes=tuple(replace(route, delay=False) for route in tickets.routes))
    templates = synthesize(tmp_path, "dev", replace(SAMPLE, integrations=(prompt, *others)))
    assert names.PLANNING not in templates.stacks
    whole = str(templates.stacks)
    for word in ("scheduler", "plan_command", "PLAN_QUEUE_URL", "TABLE_PLANNED", "deliver_at"):
        assert word not in whole


def test_scheduler_sends_to_queues_of_delays_only_and_for_this_group_only(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, "dev", DELAYED)
    (role,) = (each for each in templates.properties("AWS::IAM::Role", names.PLANNING) if "RoleName" in each)
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = f"schedule-group/{names.resource('dev', 'plans')}"
    assert group in str(trust["Condition"]["StringEquals"]["aws:SourceArn"])
    (policy,) = (
        each for each in templates.properties("AWS::IAM::Policy", names.PLANNING) if "PlanGroup" in each["PolicyName"]
    )
    (statement,) = statements(policy)
    assert statement["Action"] == "sqs:SendMessage"
    assert len(statement["Resource"]) == 2
    assert names.resource("dev", "remind_ticket") in str(statement["Resource"])


def test_an_integration_of_that_name_is_refused() -> None:
    with pytest.raises(TopologyError, match="a stack of that name is everybody's"):
        Topology(
            package="tests.sample",
            integrations=(
                Integration(
                    names.PLANNING,
                    queues=(Queue(name="remind_ticket"),),
                    consumers=(Consumer(function="remind_ticket"),),
                ),
            ),
        )
