"""What is planned goes through `plan_command`, Scheduler and its queue, at the rate at which it is asked for."""

from __future__ import annotations

import pytest

from ops.cost.costing import Costing
from ops.cost.prices import Prices
from ops.scale.basis import Basis
from ops.scale.quotas import Quotas
from ops.scale.scaling import MONTH, Scaling
from tests.ops.scale.places import PROD
from tests.sample.delayed import DELAYED

PLANS = "POST /v1/plans"
BASIS = Basis(DELAYED, PROD, Quotas("eu-central-1"))


def of(rate: float = 100, **shares: float) -> Scaling:
    return Scaling(BASIS, rate, shares, (PLANS,))


def test_a_planned_command_reaches_what_plans_it_and_its_own_queue() -> None:
    (load,) = of().loads(100).values()
    assert load.consumers == {"plan_ticket": 100, "plan_command": 100, "remind_ticket": 100}
    assert load.planned == {"remind_ticket": 100}
    (half,) = of(RemindTicket=0.5).loads(100).values()
    assert half.consumers == {"plan_ticket": 100, "plan_command": 50, "remind_ticket": 50}


def test_scheduler_and_the_table_of_what_is_planned_have_their_limits() -> None:
    (path,) = of().paths()
    hops = {hop.name: hop for hop in path.hops}
    made, fired = hops["EventBridge Scheduler"].limits
    assert (made.need, made.most, made.quota) == (100, 1000, "schedules_made")
    assert (fired.need, fired.most, fired.quota) == (100, 1000, "schedules_fired")
    # The item of the key, and the write that says that it runs.
    assert hops["table planned"].limits[0].need == 200
    (reminders,) = Scaling(BASIS, 100, {}, ("POST /v1/reminders",)).paths()
    assert "EventBridge Scheduler" not in {hop.name for hop in reminders.hops}, "what does not wait needs none"


def test_a_month_counts_what_is_planned() -> None:
    prices = Prices.of("us-east-1")
    rows = {row.name: row for row in Costing(DELAYED, PROD, prices, 1_000_000, BASIS.assume).rows()}
    (month,) = of().months(prices)
    a_million = rows[PLANS].cost.total + rows["plan_ticket plans RemindTicket"].cost.total
    assert rows[PLANS].onward.total == pytest.approx(a_million)
    assert month.dollars[10] == pytest.approx(10 * MONTH / 1e6 * a_million)
