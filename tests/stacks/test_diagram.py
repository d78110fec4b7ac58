"""The picture of the flow shows what the topology holds."""

from __future__ import annotations

import pytest

from stacks.diagram import END, START, draw, redrawn
from stacks.topology import TOPOLOGY


def test_every_route_queue_function_and_subscription_is_in_the_picture() -> None:
    picture = draw(TOPOLOGY)
    for route in TOPOLOGY.routes:
        assert f'(["{route.name}"]) --> {route.queue}_queue' in picture
    for consumer in TOPOLOGY.consumers:
        assert f'{consumer.function}["{consumer.function}"]' in picture
    for subscription in TOPOLOGY.subscriptions:
        assert f"{subscription.event.__name__} --> {subscription.queue}_queue" in picture


def test_the_picture_replaces_what_stands_between_its_markers_and_nothing_else() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert redrawn(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
    assert redrawn(redrawn(page, "new"), "new") == redrawn(page, "new")


def test_a_page_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="flow:start"):
        redrawn("nothing", "new")
