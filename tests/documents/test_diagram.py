"""The picture of the flow shows what the topology holds, in Mermaid that renders."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest

from documents.diagram import END, START, draw, redrawn
from functions.contracts.contract import Event
from stacks.entry import Consumer, Integration, Limit, Queue, Subscription, Topology
from tests.sample.contracts import TicketOpened
from tests.sample.topology import SAMPLE
from tests.simulation.sample import changed_consumer

# What a line of the picture may be, in the part of Mermaid's flowcharts that we use.
# https://mermaid.js.org/syntax/flowchart.html
NODE = r"\w+(?:\(\[\"[^\"]+\"\]\)|\[/\"[^\"]+\"/\]|\[\"[^\"]+\"\]|\{\{\"[^\"]+\"\}\}|>\"[^\"]+\"\])?"
EDGE = rf"{NODE}(?:(?: -- \"[^\"]+\")? --> {NODE})?"
LINE = re.compile(rf"flowchart LR|subgraph \w+\[\"[^\"]+\"\]|end|{EDGE}|classDef \w+ [\w:#,]+|class [\w,]+ \w+")
WORDS = {"end", "default", "style", "class", "click", "graph", "subgraph", "flowchart", "direction"}


def lines(picture: str) -> list[str]:
    """The picture's lines without its fence."""
    first, *inner, last = picture.splitlines()
    assert (first, last) == ("```mermaid", "```")
    return [line.strip() for line in inner]


def assert_renders(picture: str) -> None:
    """Every line is one that Mermaid knows, every node and box is described once, every edge joins described nodes."""
    assert [line for line in lines(picture) if not LINE.fullmatch(line)] == []
    described = Counter(re.findall(r"(?:^|--> |subgraph )(\w+)[\[({>]", "\n".join(lines(picture)), re.MULTILINE))
    assert [name for name, times in described.items() if times > 1] == []
    for line in lines(picture):
        if " --> " in line:
            for end in line.split(" --> "):
                match = re.match(r"\w+", end)
                assert match is not None
                assert match[0] in described, line
    assert not described.keys() & WORDS
    assert lines(picture).count("end") == sum(line.startswith("subgraph") for line in lines(picture))


def test_every_route_queue_function_and_subscription_is_in_the_picture() -> None:
    picture = draw(SAMPLE)
    assert_renders(picture)
    for route in SAMPLE.routes:
        assert f'(["{route.name}"]) --> {route.queue}_queue' in picture
    for consumer in SAMPLE.consumers:
        assert f'{consumer.function}_function["{consumer.function}"]' in picture
    for subscription in SAMPLE.subscriptions:
        assert f"{subscription.event.__name__}_event --> {subscription.queue}_queue" in picture


def test_each_integration_is_a_box_with_its_own_queues() -> None:
    boxes = re.findall(r'subgraph \w+\["([^"]+)"\]\n(.*?)\n  end', draw(SAMPLE), re.DOTALL)
    assert [title for title, _ in boxes] == [integration.name for integration in SAMPLE.integrations]
    for (_, inside), integration in zip(boxes, SAMPLE.integrations, strict=True):
        assert re.findall(r"(\w+)_queue\[/", inside) == [queue.name for queue in integration.queues]


def test_a_retired_integration_says_so_and_shows_neither_routes_nor_subscriptions() -> None:
    tickets, *others = SAMPLE.integrations
    picture = draw(replace(SAMPLE, integrations=(replace(tickets, retired=True), *others)))
    assert_renders(picture)
    assert '["tickets (retired)"]' in picture
    assert "/v1/tickets" not in picture
    assert "TicketOpened_event --> mail_ticket_queue" not in picture
    assert "TicketOpened_event --> assign_ticket_queue" in picture


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("crm", rate=2.5, at_once=1, per="tenant"), "crm: 2.5 a second, 1 at once, per tenant"),
        (Limit("crm", rate=1 / 60), "crm: 1 in 60 s"),
        (Limit("host", at_once=3, in_code=True), "host: 3 at once, per key"),
    ],
)
def test_what_a_limit_lets_through_stands_on_the_way_to_its_function(limit: Limit, words: str) -> None:
    picture = draw(changed_consumer("open_ticket", limits=(limit,)))
    assert_renders(picture)
    assert f'open_ticket_queue[/"queue, DLQ after 5"/] -- "{words}" --> open_ticket_function["open_ticket"]' in picture


def test_a_topology_without_integrations_is_a_picture_as_well() -> None:
    assert_renders(draw(Topology()))


class Theirs(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "billing.invoices"


def test_words_that_mean_something_to_mermaid_and_names_that_repeat_do_not_break_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stacks.rules.check", lambda topology: None)

    def integration(name: str, queue: str) -> Integration:
        return Integration(
            name,
            queues=(Queue(name=queue),),
            consumers=(Consumer(function=queue, publishes=(TicketOpened,), sends_email=True),),
            subscriptions=(Subscription(event=Theirs, queue=queue), Subscription(event=TicketOpened, queue=queue)),
        )

    names = (("end", "end"), ("class-of-2", "class"), ("tickets", "style"), ("style", "tickets"), ("mail", "end_mail"))
    picture = draw(Topology(integrations=tuple(integration(*pair) for pair in names)))
    assert_renders(picture)
    assert picture.count('{{"TicketOpened"}}') == 1
    assert picture.count('{{"Theirs of billing.invoices"}}') == 1


def test_the_picture_replaces_what_stands_between_its_markers_and_nothing_else() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert redrawn(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
    assert redrawn(redrawn(page, "new"), "new") == redrawn(page, "new")


def test_a_page_without_markers_is_left_as_it_is() -> None:
    assert redrawn("nothing", "new") == "nothing"
    assert redrawn(f"{START} nothing", "new") == f"{START} nothing"
