"""A route that makes no sense is refused with one sentence that names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.contracts.orders import PlaceOrder
from stacks import settings as stages
from stacks.entry import Route, Topology, TopologyError
from stacks.topology import TOPOLOGY
from tests.stacks.templates import context


def topology(queue: str, **changes: Any) -> Topology:
    """The real one, the route to that queue changed."""
    routes = tuple(replace(route, **changes) if route.queue == queue else route for route in TOPOLOGY.routes)
    return replace(TOPOLOGY, routes=routes)


@pytest.mark.parametrize(
    ("queue", "changes", "sentence"),
    [
        ("accept_order", {"tenant": "X Tenant"}, "tenant 'X Tenant' is neither 'caller' nor a header's name"),
        ("apply_payment", {"delay": True}, "a FIFO queue takes no delay of a single message"),
        ("accept_order", {"rate": 5.0}, "rate and burst limit together"),
        ("accept_order", {"senders": {"github": "github"}}, "senders and the contract ReceiveWebhook go together"),
        ("receive_webhook", {"senders": {}}, "senders and the contract ReceiveWebhook go together"),
        ("receive_webhook", {"path": "/v1/webhooks"}, "write {source} in its path"),
        ("receive_webhook", {"authorization": "iam"}, "authorized by its signatures; drop authorization"),
        ("receive_webhook", {"senders": {"GitHub": "github"}}, "sender 'GitHub' is not lower_case_words"),
        (
            "receive_webhook",
            {"senders": {"github": "md5"}},
            "signs by 'md5'; choose one of github, stripe, shopify, hmac",
        ),
        ("receive_webhook", {"senders": {"gitlab": "hmac"}}, "add 'gitlab_webhook' to the secrets of consumer"),
    ],
)
def test_a_route_that_makes_no_sense_is_refused_in_words(queue: str, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TopologyError, match=r"^Route POST /v1/") as refused:
        topology(queue, **changes)
    assert sentence in str(refused.value)


def test_a_route_may_take_its_tenant_from_the_caller() -> None:
    assert topology("accept_order", tenant="caller")


def test_a_route_needs_nothing_but_path_contract_and_queue() -> None:
    route = Route(path="/v1/orders", accepts=PlaceOrder, queue="accept_order")
    assert (route.tenant, route.delay, route.authorization, dict(route.senders)) == (None, False, None, {})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"authorization": "jwt"}, "needs the setting jwt"),
        ({"jwt": {"issuer": "http://plain.example", "audience": "x"}}, "issuer"),
        ({"api_keys": {"quota": 0}}, "quota"),
        ({"vpc_endpoints": ["vpc-1"]}, "vpc_endpoints"),
        ({"web_acl_arn": "waf"}, "web_acl_arn"),
        ({"authorization": "open"}, "authorization"),
    ],
)
def test_a_wrong_setting_of_the_edge_is_refused_in_words(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(stages.SettingsError, match="stage 'dev'") as refused:
        stages.read("dev", context("dev", **settings)["stages"])
    assert sentence in str(refused.value)
