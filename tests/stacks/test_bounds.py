"""How far an entry may go: the last value on each side is taken, and the next one is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stacks import names
from stacks.entry import DAY, Integration, Table, Topology
from stacks.rules import TopologyError
from tests.sample.topology import SAMPLE
from tests.simulation.sample import changed_consumer
from tests.stacks.templates import rerouted

WORD = "open_ticket"


def of_queue(**changes: Any) -> Topology:
    """The sample with its first queue changed."""
    first, *others = SAMPLE.integrations
    queues = tuple(replace(each, **changes) if each.name == WORD else each for each in first.queues)
    return replace(SAMPLE, integrations=(replace(first, queues=queues), *others))


def of_consumer(**changes: Any) -> Topology:
    """The sample with the consumer of that queue changed."""
    return changed_consumer(WORD, **changes)


def of_fifo(**changes: Any) -> Topology:
    """The sample with the consumer of its FIFO queue changed."""
    return changed_consumer("change_ticket", **changes)


def of_secret(**changes: Any) -> Topology:
    """The sample with a consumer that reads one secret more."""
    return changed_consumer(WORD, secrets=tuple(changes.values()))


def of_route(**changes: Any) -> Topology:
    """The sample with its first route changed."""
    return rerouted(lambda route: replace(route, **changes) if route.queue == WORD else route)


def more(integration: Integration) -> Topology:
    """The sample with one integration more."""
    return replace(SAMPLE, integrations=(*SAMPLE.integrations, integration))


def of_table(name: str) -> Topology:
    """The sample with one table more."""
    return more(Integration("more", tables=(Table(name=name, key="id"),)))


@pytest.mark.parametrize(
    ("of", "field", "beside", "taken", "refused"),
    [
        (of_queue, "receives", {}, (3, 1000), (2, 1001)),
        (of_queue, "retention", {}, (60, 14 * DAY - 1), (59, 14 * DAY)),
        (of_queue, "backoff_base", {}, (1, 900), (0.9, 901)),
        (of_queue, "backoff_cap", {}, (2, 39_600), (1, 39_601)),
        (of_consumer, "batch", {}, (1, 10), (0, 11)),
        (of_consumer, "batch", {"window": 1, "timeout": 900}, (1, 10_000), (0, 10_001)),
        # 6,000 messages of 20 ms fit into four fifths of 30 s, five times over.
        (of_consumer, "batch", {"window": 1, "timeout": 30}, (6000,), (6001,)),
        (of_consumer, "window", {}, (0, 300), (-1, 301)),
        (of_consumer, "timeout", {}, (1, 900), (0, 901)),
        (of_consumer, "concurrency", {}, (2, 1000), (1, 1001)),
        (of_fifo, "batch", {}, (1, 10), (0, 11)),
        (of_fifo, "window", {}, (0,), (1,)),
        (of_secret, "secret", {}, ("s" * 40, "s_1"), ("s" * 41, "s-1", "S", "")),
        (of_route, "tenant", {"trusts": ("iam",)}, ("X" * 64, "X-1"), ("X" * 65, "1-X", "X_1", "")),
        (of_table, "name", {}, ("t" * 40, "t_1"), ("t" * 41, "t-1", "T", "_t", "")),
    ],
)
def test_the_last_value_is_taken_and_the_next_is_refused(
    of: Any, field: str, beside: dict[str, Any], taken: tuple[Any, ...], refused: tuple[Any, ...]
) -> None:
    for value in taken:
        assert of(**beside, **{field: value})
    for value in refused:
        with pytest.raises(TopologyError):
            of(**beside, **{field: value})


@pytest.mark.parametrize("name", ["things", "t" * 40, "europe", "eu2-things"])
def test_a_stack_may_be_called_as_none_of_another_stage_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "STAGES", ("prod", "prod-eu"))
    assert more(Integration(name))


@pytest.mark.parametrize("name", ["eu", "eu-things", "t" * 41, *names.SHARED_STACKS])
def test_a_stack_that_would_be_called_as_another_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "STAGES", ("prod", "prod-eu"))
    with pytest.raises(TopologyError, match=f"Integration '{name}'"):
        more(Integration(name))


@pytest.mark.parametrize(
    "header",
    [
        *("Authorization", "X-Api-Key", "x-amz-security-token", "Cookie", "Host", "Content-Type", "Content-Length"),
        *("Idempotency-Key", "X-Correlation-Id", "X-Amzn-Trace-Id", "Delay-Seconds"),
    ],
)
def test_no_header_that_is_a_credential_or_means_something_else_names_a_tenant(header: str) -> None:
    with pytest.raises(TopologyError, match="means something else already"):
        of_route(tenant=header, trusts=("iam",))


def test_a_rule_may_be_called_by_as_much_as_eventbridge_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(len(names.rule("", each.queue, each.event.__name__)) for each in SAMPLE.subscriptions)
    monkeypatch.setattr(names, "STAGES", ("a", "s" * (64 - longest)))
    assert replace(SAMPLE)
    monkeypatch.setattr(names, "STAGES", ("a", "s" * (65 - longest)))
    with pytest.raises(TopologyError, match="takes by 1; shorten"):
        replace(SAMPLE)
