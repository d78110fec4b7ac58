"""`ops cost`: its arithmetic is what AWS's bill would say, by hand, and follows the laws that prices have."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from ops.cli.app import app
from ops.cli.bill import bill
from ops.cost.costing import Costing, Row
from ops.cost.prices import HERE, Prices
from ops.cost.work import Assumptions
from ops.errors import UsageError
from stacks.entry import Access, Consumer, Integration, Limit, Plan, Queue, Route, Subscription, Table, Topology
from stacks.settings import Settings
from tests.sample.contracts import OpenTicket, RemindTicket, TicketAssigned, TicketOpened
from tests.sample.delayed import DELAYED
from tests.sample.followed import FOLLOWED
from tests.sample.scheduled import SCHEDULED
from tests.sample.statuses import readable
from tests.sample.topology import SAMPLE
from tests.simulation.order_kinds import on_poison
from tests.simulation.sample import changed_consumer

PRICES = Prices.of("us-east-1")
PROD = Settings(stage="prod", email_sender="a@example.com")
TICKETS = Access(table="tickets", actions=("PutItem",))
AGENTS = (Access(table="agents", actions=("UpdateItem",)), Access(table="assignments", actions=("PutItem", "GetItem")))


def small(access: tuple[Access, ...] = (TICKETS,)) -> Topology:
    """A route, its consumer, and two subscribers of its event, one of which writes twice."""
    tickets = Integration(
        "tickets",
        routes=(Route(path="/v1/tickets", accepts=OpenTicket, queue="open_ticket"),),
        queues=(Queue(name="open_ticket"), Queue(name="assign_ticket"), Queue(name="mail_ticket")),
        consumers=(
            Consumer(function="open_ticket", access=access, publishes=(TicketOpened,)),
            Consumer(function="assign_ticket", access=AGENTS, publishes=(TicketAssigned,)),
            Consumer(function="mail_ticket", sends_email=True),
        ),
        subscriptions=(
            Subscription(event=TicketOpened, queue="assign_ticket"),
            Subscription(event=TicketOpened, queue="mail_ticket"),
        ),
        tables=(Table(name="tickets", key="k"), Table(name="agents", key="k"), Table(name="assignments", key="k")),
    )
    return Topology(integrations=(tickets,), package="tests.sample")


def rows(topology: Topology = SAMPLE, settings: Settings = PROD, messages: int = 1_000_000, **a: Any) -> dict[str, Row]:
    costing = Costing(topology, settings, PRICES, messages, Assumptions(**a))
    return {row.name: row for row in costing.rows()}


def test_a_million_messages_cost_what_the_price_list_says_by_hand() -> None:
    row = rows(small(), fill=10, size=1000, cpu=1)["POST /v1/tickets"]
    # 1 send, and for every ten messages 1 receive and 1 delete: 1.2 requests a message.
    assert row.cost.api == pytest.approx(3.50)
    assert row.cost.sqs == pytest.approx(1.2 * 0.40)
    # 100,000 invocations with a quarter of a GB: ten messages' work takes 10 * 1769 / 256 = 69.1 ms at that part of a
    # core, longer than a write, for which all ten wait at once, and a PutEvents. Each is billed 70 ms.
    assert row.cost.functions == pytest.approx(0.1 * 0.20 + 1750 * 0.0000133334)
    assert row.cost.tables == pytest.approx(0.625)
    assert row.cost.events == pytest.approx(1.00)
    assert row.cost.email == 0
    # A request's line, a message's, and a tenth of a batch's metrics and of Lambda's own lines.
    assert row.cost.logs == pytest.approx(0.50 * 1e6 * (540 + 400 + 50 + 50) / 1024**3)
    assert row.cost.traces == pytest.approx(5.00 * (0.05 + 0.05 / 10))
    assert row.cost.total == pytest.approx(6.4076, abs=0.0001)


def test_a_queue_that_parks_costs_a_read_a_batch_more() -> None:
    name = "POST /v1/tickets/{ticket_id}/changes"
    plain, parks = (rows(on_poison(word), fill=10, cpu=0)[name] for word in ("continue", "park"))
    # A read unit for the group of each message, and 5 ms a batch of a quarter of a GB.
    more = 0.125 + 0.1e6 * 0.25 * 0.005 * 0.0000133334
    assert parks.cost.total - plain.cost.total == pytest.approx(more)
    assert parks.standard.total == plain.standard.total


def test_a_limit_costs_a_write_a_slot_and_two_a_place() -> None:
    def dear(*limits: Limit) -> float:
        return rows(changed_consumer("open_ticket", limits=limits))["POST /v1/tickets"].cost.tables

    slot, place = Limit("crm", rate=1), Limit("crm", at_once=1)
    assert dear(slot) - dear() == pytest.approx(0.625)
    assert dear(place) - dear() == pytest.approx(1.25)
    assert dear(replace(slot, at_once=1)) - dear() == pytest.approx(1.875)


def test_a_tracked_route_costs_a_write_a_request() -> None:
    name = "POST /v1/tickets"
    plain, followed = (rows(topology)[name].cost for topology in (SAMPLE, readable(SAMPLE)))
    assert followed.tables - plain.tables == pytest.approx(0.625)
    assert followed.total - plain.total == pytest.approx(0.625)


def test_a_part_of_a_core_makes_the_work_longer_where_it_is_longer_than_the_calls() -> None:
    # 256 MB are 0.1447 of a core: ten messages of 0.5 ms take 34.6 ms, of which 20 ms are spent waiting anyway.
    row = rows(small(), fill=10, size=1000)["POST /v1/tickets"]
    assert row.cost.functions == pytest.approx(0.1 * 0.20 + 0.1e6 * 0.25 * 0.035 * 0.0000133334)
    # The calls of the standard consumer are longer than that: 10 * (5 + 10 + 15) ms, and 5 ms of a core.
    assert row.standard.functions == pytest.approx(0.1 * 0.20 + 0.1e6 * 0.25 * 0.305 * 0.0000133334)


def test_where_somebody_knows_how_long_a_message_takes_that_counts() -> None:
    row = rows(small(), fill=10, seconds={"open_ticket": 0.2})["POST /v1/tickets"]
    assert row.cost.functions == pytest.approx(0.1 * 0.20 + 0.1e6 * 0.25 * 2 * 0.0000133334)


def test_other_designs_cost_what_they_do_more() -> None:
    row = rows(small(), fill=10, size=1000, cpu=1)["POST /v1/tickets"]
    # Two writes more a message, and each PutEvents waited for alone: 10 * (1 + 15 + 15) = 310 ms a batch.
    more = 2 * 0.625 + 0.1e6 * 0.25 * (0.310 - 0.070) * 0.0000133334
    assert row.standard.total - row.cost.total == pytest.approx(more)
    # An invocation a request, 16 ms of a quarter of a GB, and its line.
    assert row.relayed is not None
    relay = 0.20 + 1e6 * 0.25 * 0.016 * 0.0000133334 + 0.50 * 1e6 * 400 / 1024**3
    assert row.relayed.total - row.cost.total == pytest.approx(relay)


def test_what_follows_a_request_is_the_sum_of_everything_downstream() -> None:
    found = rows(small())
    every = sum(row.cost.total for row in found.values())
    assert found["POST /v1/tickets"].onward.total == pytest.approx(every)
    assert found["assign_ticket on TicketOpened"].onward == found["assign_ticket on TicketOpened"].cost


def test_writes_of_one_transaction_take_twice_the_units() -> None:
    found = rows(small())
    assert found["assign_ticket on TicketOpened"].cost.tables == pytest.approx(4 * 0.625)
    assert found["mail_ticket on TicketOpened"].cost.tables == pytest.approx(2 * 0.625), "the record that guards it"
    assert found["mail_ticket on TicketOpened"].cost.email == pytest.approx(100)


def test_fifo_and_fair_queues_have_their_own_prices() -> None:
    found = rows(fill=10, size=1000)
    assert found["POST /v1/tickets/{ticket_id}/changes"].cost.sqs == pytest.approx(1.2 * 0.50)
    assert found["POST /v1/tickets"].cost.sqs == pytest.approx(1.2 * (0.40 + 0.10)), "tenants share its queue fairly"
    assert found["close_ticket on TicketAssigned"].cost.sqs == pytest.approx(1.2 * 0.40)


def test_every_64_kb_counts() -> None:
    two = rows(small(), fill=10, size=65 * 1024)["POST /v1/tickets"].cost
    # 2 chunks sent; ten messages of 65 KB are received as 11 chunks; one delete.
    assert two.sqs == pytest.approx(0.40 * (2 + 1.1 + 0.1))
    assert two.events == pytest.approx(2.00)


def test_a_run_costs_an_invocation_and_two_writes_where_runs_must_not_overlap() -> None:
    found = rows(SCHEDULED)
    queued, skipped = found["rate_each_minute"].cost, found["rate_at_six"].cost
    assert queued.events == pytest.approx(1.00)
    assert skipped.tables - queued.tables == pytest.approx(2 * 0.625)
    assert queued.api == 0, "nobody calls"


def test_what_is_planned_costs_an_ask_a_pass_of_plan_command_an_invocation_and_a_write() -> None:
    row = rows(DELAYED, fill=10, size=1000, cpu=0)["plan_ticket plans RemindTicket"]
    # Ten asks a SendMessageBatch, and for ten messages a receive and a delete of plan_command's queue; then a send by
    # Scheduler, and a receive and a delete again.
    assert row.cost.sqs == pytest.approx((0.1 + 0.2 + 1.2) * 0.40)
    # The item of the key, the write that says that it runs, and the reminder itself.
    assert row.cost.tables == pytest.approx(3 * 0.625)
    assert row.cost.events == pytest.approx(1.00)
    # Two batches of ten: a write and a schedule each, side by side, then a write.
    assert row.cost.functions == pytest.approx(2 * 0.1 * 0.20 + 0.1e6 * 0.25 * (0.020 + 0.005) * 0.0000133334)
    assert row.cost.api == 0


def test_a_request_that_waits_passes_its_queue_twice_and_its_effect_is_had_once() -> None:
    found = rows(DELAYED, fill=10, size=1000, cpu=0)
    plain, waits = found["POST /v1/reminders"].cost, found["POST /v1/reminders, delayed"].cost
    assert waits.api == plain.api
    assert waits.sqs - plain.sqs == pytest.approx((0.1 + 0.2 + 1.2) * 0.40)
    assert waits.tables - plain.tables == pytest.approx(2 * 0.625)
    assert waits.events - plain.events == pytest.approx(1.00)


def test_what_follows_a_plan_is_followed_around_a_circle_once() -> None:
    def planning(consumer: Consumer) -> Consumer:
        own = (Plan(RemindTicket, queue="remind_ticket"),)
        return replace(consumer, plans=own) if consumer.function == "remind_ticket" else consumer

    (reminders,) = (each for each in DELAYED.integrations if not each.is_planning)
    circle = replace(reminders, consumers=tuple(map(planning, reminders.consumers)))
    found = rows(replace(DELAYED, integrations=(circle,)))
    once = found["remind_ticket plans RemindTicket"]
    assert once.onward.total == pytest.approx(2 * once.cost.total)


def test_an_archive_has_its_price() -> None:
    archive = Settings(stage="prod", email_sender="a@example.com", archive_days=60)
    without, with_ = (rows(small(), each)["POST /v1/tickets"].cost.events for each in (PROD, archive))
    gigabytes = 1e6 * (1024 + 512) / 1024**3
    assert with_ - without == pytest.approx(gigabytes * (0.10 + 2 * 0.023))


def test_x86_costs_a_quarter_more_a_second() -> None:
    x86 = Settings(stage="prod", email_sender="a@example.com", architecture="x86_64")
    ours, theirs = (rows(small(), each)["POST /v1/tickets"].cost.functions - 0.04 for each in (PROD, x86))
    assert theirs / ours == pytest.approx(1.25, rel=0.001)


sizes = st.integers(min_value=1, max_value=1_000_000)
fills = st.floats(min_value=1, max_value=10)


@given(size=sizes, larger=sizes, fill=fills, fuller=fills)
def test_more_bytes_never_cost_less_and_a_fuller_batch_never_more(
    size: int, larger: int, fill: float, fuller: float
) -> None:
    (size, larger), (fill, fuller) = sorted((size, larger)), sorted((fill, fuller))
    here = rows(size=size, fill=fill)
    for name, row in rows(size=larger, fill=fill).items():
        assert row.cost.total >= here[name].cost.total - 1e-9
    for name, row in rows(size=1024, fill=fuller).items():
        at_most = rows(size=1024, fill=fill)[name]
        assert row.cost.functions <= at_most.cost.functions * 1.02, "but for the millisecond that Lambda rounds up to"
        assert row.cost.sqs <= at_most.cost.sqs + 1e-9


@given(st.integers(min_value=1, max_value=10**9))
def test_the_price_grows_with_the_messages(messages: int) -> None:
    for name, row in rows(messages=messages).items():
        assert row.cost.total == pytest.approx(rows()[name].cost.total * messages / 1e6)


def test_a_key_that_is_claimed_before_the_effect_is_one_write_and_no_work_of_the_standard_consumer() -> None:
    keyed = small((TICKETS, Access(table="keys", actions=("PutItem",))))
    row = rows(keyed)["POST /v1/tickets"]
    assert row.cost.tables == pytest.approx(2 * 0.625)
    assert rows(keyed, keyed=0)["POST /v1/tickets"].cost.tables == pytest.approx(0.625)
    assert row.standard.tables == pytest.approx(3 * 0.625)


def test_every_route_and_subscription_has_its_row_and_a_function_in_front_is_never_cheaper() -> None:
    found = rows()
    names = [*(route.name for route in SAMPLE.routes), *(each.name for each in SAMPLE.subscriptions)]
    names += ["POST /v1/tickets, delayed"]
    assert list(found) == names
    for row in found.values():
        assert row.cost.total > 0
        assert row.relayed is None or row.relayed.total > row.cost.total


@pytest.mark.parametrize("region", sorted(path.stem for path in HERE.glob("*.toml")))
def test_every_price_of_a_list_has_its_source(region: str) -> None:
    prices = Prices.of(region)
    assert prices.region == region
    for name in prices.__struct_fields__[2:]:
        price = getattr(prices, name)
        assert price.usd > 0 < price.per
        assert price.source.startswith("https://")
        assert price.of.startswith("20")


def test_a_region_without_a_list_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no price list of mars-1; there is: us-east-1"):
        Prices.of("mars-1")


def test_the_command_prints_prices_with_everything_they_rest_on() -> None:
    done = CliRunner().invoke(app, ["cost", "--per-million"], obj=SAMPLE, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for word in ("POST /v1/tickets", "close_ticket on TicketChanged", "Assumed", "5 messages a batch", "2026-11-21"):
        assert word in done.output
    told = json.loads(CliRunner().invoke(app, ["cost", "--messages", "10", "--json"], obj=SAMPLE).output)
    assert told["messages"] == 10
    assert len(told["rows"]) == len(SAMPLE.routes) + len(SAMPLE.subscriptions) + 1
    assert [each["consumer"] for each in told["memory"]] == [each.function for each in SAMPLE.consumers]
    both = CliRunner().invoke(app, ["cost", "--per-million", "--messages", "10"])
    assert both.exit_code == 2


@pytest.mark.parametrize(("width", "services"), [(80, False), (170, True)])
def test_no_figure_is_cut_off_however_narrow_the_screen(width: int, services: bool) -> None:
    settings = Settings(stage="prod", email_sender="desk@example.com")
    costing = Costing(SAMPLE, settings, Prices.of("us-east-1"), 1_000_000, Assumptions())
    screen = Console(width=width, record=True, file=StringIO())
    screen.print(bill(costing, width))
    shown = screen.export_text()
    assert "…" not in shown
    assert ("Lambda  tables" in shown) is services
    assert all(f"{row.cost.total:,.2f}" in shown for row in costing.rows())


def test_events_that_lead_back_to_who_told_them_are_counted_once() -> None:
    tickets = small().integrations[0]
    back = Subscription(event=TicketAssigned, queue="mail_ticket")
    turns = tuple(
        replace(each, publishes=(TicketOpened,)) if each.function == "mail_ticket" else each
        for each in tickets.consumers
    )
    ring = Topology(
        package="tests.sample",
        integrations=(replace(tickets, consumers=turns, subscriptions=(*tickets.subscriptions, back)),),
    )
    rows = {row.name: row for row in Costing(ring, PROD, PRICES).rows()}
    assert rows["POST /v1/tickets"].onward.total > rows["POST /v1/tickets"].cost.total


def test_a_workflow_costs_what_its_table_and_its_good_end_do() -> None:
    rows = {row.name: row for row in Costing(FOLLOWED, PROD, PRICES).rows()}
    fact = rows["plan_visit on VanReserved"].cost
    assert fact.tables > 0
    assert fact.events > 0
