"""`ops scale`: what each hop needs and takes is what one would work out by hand, and follows the laws of limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.cli.capacity import following, sentence
from ops.cost.costing import Costing
from ops.cost.prices import Prices
from ops.cost.work import Assumptions
from ops.errors import UsageError
from ops.scale.basis import Traffic
from ops.scale.quotas import listed
from ops.scale.scaling import RATES, TOGETHER
from stacks.entry import Topology
from stacks.settings import ApiKeys, Jwt, Settings
from tests.ops.scale.places import CHANGE, OPEN, PROD, hop, limit, path, scaling, small
from tests.sample.topology import SAMPLE

PRICES = Prices.of("us-east-1")
TEN = Assumptions(fill=10, seconds={"open_ticket": 0.01, "mail_ticket": 0.1, "change_ticket": 0.02})
"""Batches of ten, whose messages take 10, 100 and 20 ms."""


def test_a_consumer_runs_as_many_batches_at_once_as_its_messages_take_seconds() -> None:
    found = path(scaling(small(), 1000, assume=TEN))
    # 100 batches a second of ten messages of 10 ms, so of 0.1 s: ten at once, of 1,250 that Lambda reads.
    opens = limit(found, "open_ticket", "batches at once")
    assert (opens.need, opens.most) == pytest.approx((10, 1250))
    assert found.full_at(opens) == pytest.approx(125_000)
    # 100 batches a second of a second each: a hundred at once, of five.
    mails = limit(found, "mail_ticket", "batches at once")
    assert (mails.need, mails.most) == pytest.approx((100, 5))
    assert mails.setting == "Consumer.concurrency"
    assert found.full_at(mails) == pytest.approx(50)
    assert hop(found, "mail_ticket").takes == pytest.approx(50)
    # 950 a second wait. The oldest waits longer by 0.95 s a second, and SQS deletes it after four days of that.
    assert mails.then == "950 more wait every second, and after 4.2 days SQS deletes the first"


def test_a_message_takes_as_long_as_ops_cost_assumes() -> None:
    # Five messages wait 5 ms each for the claim of a key and for a write, side by side, and for a PutEvents of 15 ms;
    # with 0.5 ms of a core each that is 27.5 ms.
    found = path(scaling(small(), 1000))
    assert limit(found, "open_ticket", "batches at once").need == pytest.approx(200 * 0.0275)
    # The two writes of each mail's record, side by side, and the mails one after the other: 10 + 5 * 15 + 5 * 0.5 ms.
    assert limit(found, "mail_ticket", "batches at once").need == pytest.approx(200 * 0.0875)


def test_messages_are_in_flight_while_their_batch_fills_and_runs() -> None:
    found = path(scaling(small(window=2), 1000, assume=TEN))
    assert limit(found, "queue open_ticket", "in flight").need == pytest.approx(1000 * (2 + 0.1))
    assert limit(found, "queue open_ticket", "in flight").most == 120_000


def test_a_group_has_one_batch_at_a_time_and_a_partition_so_many_sends() -> None:
    found = path(scaling(small(), 1000, assume=TEN, traffic=Traffic(hot=0.1)), CHANGE)
    group = limit(found, "change_ticket", "messages/s a group")
    assert (group.most, group.need) == pytest.approx((50, 100))
    assert group.setting == "Route.group"
    sends = limit(found, "queue change_ticket", "sends/s a group")
    assert (sends.most, sends.need) == pytest.approx((300, 100))
    assert limit(found, "queue change_ticket", "sends/s").most == 70_000
    assert found.binding()[0][1] == group


def test_the_edge_has_the_accounts_the_stages_and_the_routes_limits() -> None:
    found = path(scaling(small(rate=20), 1000))
    account, stage, route = (limit(found, name, "requests/s") for name in ("API Gateway", "API of the stage", OPEN))
    assert (account.most, account.burst, stage.most, stage.burst) == (10_000, 5_000, 1_000, 2_000)
    assert (route.most, route.burst) == (20, 40)
    assert found.full_at(route) == pytest.approx(20)
    assert all(each.need == 1000 for each in (account, stage, route))
    assert limit(path(scaling(small(), 1, region="eu-south-1")), "API Gateway", "requests/s").most == 2_500


def test_keys_have_a_rate_and_a_quota() -> None:
    keys = ApiKeys(clients=("erp", "shop"), rate=50, burst=100, quota=1_000_000, period="DAY")
    settings = Settings(stage="prod", email_sender="a@example.com", authorization="api_key", api_keys=keys)
    found = path(scaling(small(), 10, settings=settings))
    assert limit(found, "API keys", "requests/s").most == 100
    day = limit(found, "API keys", "requests a day")
    assert (day.need, day.most) == (864_000, 2_000_000)


def test_the_authorizer_runs_for_tokens_that_are_not_remembered() -> None:
    jwt = Jwt(issuer="https://issuer.example.com", audience="api")
    settings = Settings(stage="prod", email_sender="a@example.com", authorization="jwt", jwt=jwt)
    found = path(scaling(small(), 1000, settings=settings))
    # A tenth of a thousand requests, 20 ms each.
    assert limit(found, "authorize_caller", "runs at once").need == pytest.approx(2)
    without = limit(path(scaling(small(), 1000)), "all functions", "runs at once").need
    assert limit(found, "all functions", "runs at once").need == pytest.approx(without + 2)


def test_tables_have_the_units_of_every_consumer_that_uses_them() -> None:
    found = path(scaling(small(), 1000))
    assert limit(found, "table tickets", "writes/s").need == 1000
    assert limit(found, "table keys", "writes/s").need == 1000
    # Two writes of a message are one transaction, of two units each; so is what guards a mail, begun and completed.
    assert limit(found, "table agents", "writes/s").need == 2000
    assert limit(found, "table assignments", "writes/s at first").most == 4_000
    assert limit(found, "table once", "writes/s").need == 2000
    # A hundredth of the messages are about the busiest item.
    item = limit(found, "table agents", "writes/s an item")
    assert (item.need, item.most) == pytest.approx((20, 1_000))
    changes = path(scaling(small(), 1000), CHANGE)
    assert limit(changes, "table changes", "reads/s").need == 1000
    assert limit(changes, "table parked", "reads/s").need == 1000


def test_what_all_share_has_the_sum_of_all() -> None:
    found = path(scaling(small(), 1000))
    # 200 batches a second of 27.5 ms, 22.5 (which need not claim a key) and 87.5.
    at_once = 200 * (0.0275 + 0.0225 + 0.0875)
    assert limit(found, "all functions", "runs at once").need == pytest.approx(at_once)
    runs = limit(found, "all functions", "runs/s")
    assert (runs.need, runs.most) == pytest.approx((600, 10_000))
    assert limit(found, "event bus", "PutEvents/s").need == pytest.approx(400)
    assert limit(found, "event bus", "deliveries/s").need == 2000
    assert limit(found, "e-mail in SES's sandbox", "mails/s").need == 1000
    assert limit(found, "e-mail in SES's sandbox", "mails a day").need == 86_400_000
    assert limit(found, "logs", "calls/s").need == pytest.approx(600)
    assert limit(found, "table failures", "writes/s").need == pytest.approx(30)
    # A worker says at most twice a minute that a service is away; 18 of the busiest consumer run at once.
    assert limit(found, "queue pause_consumer", "sends/s a group").need == pytest.approx(17.5 / 30)


def test_secrets_and_the_key_are_asked_for_where_there_are_any() -> None:
    found = path(scaling(small(secrets=("crm",)), 1000))
    # Six workers, each every five minutes.
    assert limit(found, "secrets", "reads/s").need == pytest.approx(5.5 / 300)
    assert not [each for each in found.hops if each.name == "key"]
    sealed = path(scaling(small(), 1000, settings=Settings(stage="prod", email_sender="a@b.com", customer_key=True)))
    # Three messages and two events, each sealed and opened.
    assert limit(sealed, "key", "key calls/s").need == 2 * (3000 + 2000)


def test_routes_together_share_what_they_share() -> None:
    found = path(scaling(small(), 600, together=True), TOGETHER)
    assert limit(found, "API of the stage", "requests/s").need == 1200
    assert hop(found, "open_ticket").rate == hop(found, "change_ticket").rate == 600
    assert [each.name for each in scaling(small(), 600, only=(CHANGE,), together=True).paths()] == [CHANGE]


def test_what_is_told_of_messages_never_binds_before_what_holds_them_up() -> None:
    own = {"log_puts": 0.001, "secret_reads": 0.001}
    found = path(scaling(small(secrets=("crm",)), 1000, own=own))
    assert {each.name for each, _ in found.binding()}.isdisjoint({"logs", "secrets"})


def test_from_idle_a_consumer_needs_its_time() -> None:
    found = path(scaling(small(), 1000, assume=Assumptions(fill=1, seconds={"open_ticket": 0.605})))
    # 605 at once; five are there, and five more every second.
    assert hop(found, "open_ticket").ramp == pytest.approx(120)
    assert hop(found, "mail_ticket").ramp == 0, "it is at its end with the five that it begins with"


def test_the_sentence_says_what_binds_first_and_what_then() -> None:
    own = {"email_rate": 2000.0, "email_day": 200_000_000.0}
    found = path(scaling(SAMPLE, 1000, settings=PROD, own=own))
    assert sentence(found) == (
        "POST /v1/tickets: mail_ticket binds first, at 286 a second. It has 5 batches at once, and 1,000 a second take "
        "18. Beyond that 714 more wait every second, and after 5.6 days SQS deletes the first. To change: "
        "Consumer.concurrency."
    )
    assert following(found) == (
        "Then API of the stage (requests/s) at 1,000, table once (writes/s at first) at 2,000, table agents (writes/s "
        "at first) at 2,000."
    )
    webhooks = path(scaling(SAMPLE, 10, settings=PROD), "POST /v1/webhooks/{source}")
    assert sentence(webhooks) == (
        "POST /v1/webhooks/{source}: the route itself binds first, at 20 a second. It has 20 requests/s, and 10 a "
        "second take 10. Beyond that callers get a 429 and must ask again. To change: Route.rate."
    )
    sandbox = sentence(path(scaling(SAMPLE, 1000, settings=PROD)))
    assert sandbox.endswith("To change: quota L-804C8AE8, Sending quota of ses.")


def test_a_path_that_nothing_goes_through_binds_nowhere() -> None:
    shares = {"mail_ticket on TicketOpened": 0}
    found = path(scaling(small(), 1000, shares=shares))
    assert hop(found, "mail_ticket").tightest.share == 0
    assert {each.name for each, _ in found.binding()}.isdisjoint({"mail_ticket", "e-mail in SES's sandbox"})


def test_a_month_costs_what_ops_cost_says() -> None:
    rows = {row.name: row for row in Costing(small(), PROD, PRICES).rows()}
    months = {month.name: month.dollars for month in scaling(small()).months(PRICES)}
    for rate in RATES:
        millions = rate * 30 * 86_400 / 1e6
        assert months[OPEN][rate] == pytest.approx(millions * rows[OPEN].onward.total)
        assert months[CHANGE][rate] == pytest.approx(millions * rows[CHANGE].cost.total)


@pytest.mark.parametrize(
    ("more", "sentence_"),
    [
        (
            {"shares": {"TicketLost": 0.5}},
            "There is no event, subscription or planned command 'TicketLost'; choose of ",
        ),
        ({"only": ("GET /v1",)}, "There is no route 'GET /v1'; choose of POST /v1/tickets, "),
        ({"assume": Assumptions(seconds={"nobody": 1})}, "There is no consumer 'nobody'; choose of assign_ticket, "),
    ],
)
def test_what_is_not_in_the_map_is_refused(more: dict[str, object], sentence_: str) -> None:
    with pytest.raises(UsageError, match=sentence_):
        scaling(small(), 1000, **more)  # type: ignore[arg-type]


def names_of(topology: Topology) -> set[str]:
    """What of the map must be a hop somewhere; how much is delayed nobody says, so what plans is none."""
    mapped = [
        each for integration in topology.integrations if not integration.is_planning for each in integration.consumers
    ]
    consumers = {each.function for each in mapped}
    tables = {access.table for each in mapped for access in each.access}
    limited = {route.name for route in topology.routes if route.rate is not None}
    return (
        consumers
        | {f"queue {name}" for name in consumers}
        | {f"table {name}" for name in tables}
        | {each.name for each in topology.subscriptions}
        | limited
        | {"e-mail in SES's sandbox", "secrets", "event bus", "all functions", "API Gateway", "logs"}
    )


def test_no_hop_of_the_map_is_left_out() -> None:
    found = {each.name for path_ in scaling(SAMPLE, 1).paths() for each in path_.hops}
    assert names_of(SAMPLE) <= found
    (together,) = scaling(SAMPLE, 1, together=True).paths()
    assert names_of(SAMPLE) <= {each.name for each in together.hops}
    assert len({each.name for each in together.hops}) == len(together.hops), "a place is one hop"


rates = st.floats(min_value=0.001, max_value=1e6)


@given(rates)
def test_twice_the_rate_takes_twice_as_much_and_is_full_at_the_same_rate(rate: float) -> None:
    for one, two in zip(scaling(SAMPLE, rate).paths(), scaling(SAMPLE, 2 * rate).paths(), strict=True):
        for here, there in zip(one.hops, two.hops, strict=True):
            assert there.rate == pytest.approx(2 * here.rate)
            for before, after in zip(here.limits, there.limits, strict=True):
                assert after.need == pytest.approx(2 * before.need)
                assert after.most == before.most
                assert two.full_at(after) == pytest.approx(one.full_at(before))


@given(st.sampled_from(sorted(listed())), st.floats(min_value=0.001, max_value=1))
def test_capacity_never_grows_when_a_quota_shrinks(name: str, part: float) -> None:
    own = {name: listed()[name].value * part}
    for before, after in zip(scaling(SAMPLE).paths(), scaling(SAMPLE, own=own).paths(), strict=True):
        assert after.full_at(after.binding()[0][1]) <= before.full_at(before.binding()[0][1]) * (1 + 1e-9)
        for here, there in zip(before.hops, after.hops, strict=True):
            assert there.takes <= here.takes * (1 + 1e-9)


@given(st.integers(min_value=2, max_value=999))
def test_capacity_never_grows_when_a_consumers_concurrency_shrinks(concurrency: int) -> None:
    more, less = (path(scaling(small(each))) for each in (concurrency + 1, concurrency))
    assert hop(less, "mail_ticket").takes < hop(more, "mail_ticket").takes


@given(st.floats(min_value=1, max_value=1000))
def test_capacity_never_grows_when_the_stage_takes_less(throttle: float) -> None:
    settings = [replace_rate(each) for each in (throttle, 2 * throttle)]
    less, more = (hop(path(scaling(small(), settings=each)), "API of the stage").takes for each in settings)
    assert less == pytest.approx(throttle)
    assert less < more


def replace_rate(rate: float) -> Settings:
    return Settings(stage="prod", email_sender="a@example.com", throttle_rate=rate)
