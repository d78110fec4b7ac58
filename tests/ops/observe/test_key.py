"""A request is found by what people call it, and no other, whatever that is made of."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.key import scoped
from functions.contracts.log_line import LONGEST_KEY, Handled
from functions.runtime.line import line
from ops.errors import UsageError
from ops.observe.key import Found, candidates, lines_named
from ops.observe.logs import search
from ops.observe.request_path import Path
from ops.observe.trace import UnknownId, find
from ops.stage import Stage
from tests.ops.cli.typed import queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import answered, handled
from tests.ops.sight import Insights, Queues
from tests.sample.topology import SAMPLE

KEYS = st.text(min_size=1, max_size=40) | st.text("a%2F/\\\"'`|.*+()[]{}^$?~ \u2028ü\0\n", min_size=1, max_size=12)
TENANTS = st.none() | st.sampled_from(["acme", "a/b", "%2F", '"'])


@pytest.fixture
def insights() -> Insights:
    return Insights()


@pytest.fixture
def cloud(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return in_cloud(insights)


def in_cloud(insights: Insights) -> Stage:
    session = botocore.session.Session()
    return Stage("cloud", "eu-central-1", None, SAMPLE, session, _clients={"logs": insights, "sqs": Queues()})


def written(number: int, key: str, tenant: str | None) -> str:
    """The line of a message with that key, as the runtime writes it."""
    return line(
        Handled(
            level="INFO",
            outcome="processed",
            timestamp="2026-11-26T10:00:00.000Z",
            service="open_ticket",
            correlation_id=f"corr-{number}",
            message_id=f"m-{number}",
            attempt=1,
            key=scoped(tenant, key),
        )
    )


@given(st.lists(st.tuples(KEYS, TENANTS), min_size=1, max_size=8))
def test_a_request_with_a_key_is_found_and_no_other(every: list[tuple[str, str | None]]) -> None:
    insights = Insights(statuses=["Complete"])
    insights.lines = [written(number, key, tenant) for number, (key, tenant) in enumerate(every)]
    for key, _ in every:
        if not key.strip():
            continue
        found = candidates(lines_named(search(in_cloud(insights), key, 0), key), SAMPLE)
        assert {each.id: each.tenant for each in found} == {
            f"corr-{number}": tenant for number, (other, tenant) in enumerate(every) if other == key
        }


def test_one_query_finds_an_id_or_a_key(cloud: Stage, insights: Insights) -> None:
    insights.lines = [answered(), handled("open_ticket", "m1", 100, request=0, key="tic-1")]
    found = find(cloud, "tic-1", since=3600)
    assert isinstance(found, Path)
    assert found.correlation_id == "corr-1"
    assert len(found.requests) == 1
    assert len(insights.asked) == 2, "one for the key, one for the path"
    insights.asked.clear()
    assert isinstance(find(cloud, "corr-1", since=3600), Path)
    assert len(insights.asked) == 1


def test_several_requests_with_a_key_are_listed_the_latest_first(cloud: Stage, insights: Insights) -> None:
    insights.lines = [
        handled("open_ticket", "m1", 100, correlation_id="corr-1", key="tic-1"),
        handled("mail_ticket", "m2", 200, correlation_id="corr-1", key="tic-1", outcome="retried"),
        handled("change_ticket", "m3", 300, correlation_id="corr-2", group="/acme/tic-1"),
        handled("open_ticket", "m4", 400, correlation_id="corr-3", idempotency_key="tic-1"),
        handled("open_ticket", "m5", 500, correlation_id="corr-4", key="tic-10"),
        handled("open_ticket", "m6", 600, correlation_id="corr-5", error="no tic-1 here"),
    ]
    found = find(cloud, "tic-1", since=3600)
    assert isinstance(found, Found)
    told = [(each.id, each.queues, each.outcome, each.tenant, each.messages) for each in found.candidates]
    assert told == [
        ("corr-3", ["open_ticket"], "processed", None, 1),
        ("corr-2", ["change_ticket"], "processed", "acme", 1),
        ("corr-1", ["open_ticket", "mail_ticket"], "retried", None, 2),
    ]
    assert found.candidates[0].integrations == ["tickets"]


def test_what_was_redriven_and_done_is_done(cloud: Stage, insights: Insights) -> None:
    insights.lines = [
        handled("open_ticket", "m1", 100, key="tic-1", outcome="rejected"),
        handled("open_ticket", "m2", 900, key="tic-1", redriven="1 run"),
        handled("open_ticket", "m3", 50, key="tic-1", correlation_id="corr-2"),
    ]
    found = find(cloud, "tic-1", since=3600)
    assert isinstance(found, Found)
    assert [(each.id, each.outcome) for each in found.candidates] == [("corr-1", "processed"), ("corr-2", "processed")]


def test_an_id_goes_before_a_key_unless_it_is_said_to_be_one(cloud: Stage, insights: Insights) -> None:
    insights.lines = [
        handled("open_ticket", "m1", 100, correlation_id="tic-1"),
        handled("open_ticket", "m2", 200, correlation_id="corr-2", key="tic-1"),
    ]
    by_id = find(cloud, "tic-1", since=3600)
    assert isinstance(by_id, Path)
    assert [each.message_id for each in by_id.deliveries()] == ["m1"]
    by_key = find(cloud, "tic-1", since=3600, by_key=True)
    assert isinstance(by_key, Path)
    assert by_key.correlation_id == "corr-2"


def test_a_message_with_an_odd_correlation_id_is_found_by_its_own(cloud: Stage, insights: Insights) -> None:
    insights.lines = [handled("open_ticket", "m1", 100, correlation_id="two words", key="tic-1")]
    found = find(cloud, "tic-1", since=3600)
    assert isinstance(found, Path)
    assert [each.message_id for each in found.deliveries()] == ["m1"]


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_KEY + 1)])
def test_what_can_be_neither_is_refused_before_anything_is_asked(cloud: Stage, insights: Insights, text: str) -> None:
    with pytest.raises(UsageError, match="An id or a key is 1 to 256 characters"):
        find(cloud, text, since=60)
    assert insights.asked == []


def test_nothing_with_that_key_says_why_that_may_be(cloud: Stage) -> None:
    with pytest.raises(UnknownId, match=re.escape("(x|.*)") + r" in stage cloud.*or as a key"):
        find(cloud, "(x|.*)", since=60)


@pytest.mark.parametrize(
    ("word", "body", "more"),
    [
        ("open_ticket", {"ticket_id": "KEY", "broken": True}, {}),
        ("open_ticket", {"no": "key"}, {"idempotency_key": "KEY"}),
        ("assign_ticket", {"detail": {"id": "e1", "correlation_id": "corr-9", "data": {"ticket_id": "KEY"}}}, {}),
    ],
)
@pytest.mark.parametrize("key", ["tic-1", "7", "a`b\"c\\d'", "Zürich 1"])
def test_a_dead_letter_of_which_no_line_tells_is_found(
    stage: Stage, aws: Endpoint, word: str, body: dict[str, Any], more: dict[str, str], key: str
) -> None:
    aws.insights = Insights(statuses=["Complete"])
    said = {name: value.replace("KEY", key) for name, value in more.items()}
    dead = queue(aws, f"{word}-dlq")
    aws.put(dead, json.dumps({"ticket_id": "other"}))
    text = json.dumps(body).replace('"KEY"', json.dumps(key))
    id_ = aws.put(dead, text, **said)
    found = find(stage, key, since=60)
    assert isinstance(found, Path)
    assert [(each.message_id, each.state) for each in found.deliveries()] == [(id_, "dead")]


def test_a_dead_letter_is_found_by_its_group(stage: Stage, aws: Endpoint) -> None:
    aws.insights = Insights(statuses=["Complete"])
    dead = queue(aws, "change_ticket-dlq")
    ids = [aws.put(dead, '{"step": 1}', group=group) for group in ("tic-1", "tic-10")]
    found = find(stage, "tic-1", since=60)
    assert isinstance(found, Path)
    assert [each.message_id for each in found.deliveries()] == ids[:1]


def test_a_number_is_found_by_its_digits_and_null_is_no_key(stage: Stage, aws: Endpoint) -> None:
    aws.insights = Insights(statuses=["Complete"])
    id_ = aws.put(queue(aws, "open_ticket-dlq"), json.dumps({"ticket_id": 1001}))
    aws.put(queue(aws, "open_ticket-dlq"), json.dumps({"ticket_id": None}))
    found = find(stage, "1001", since=60)
    assert isinstance(found, Path)
    assert [each.message_id for each in found.deliveries()] == [id_]
    with pytest.raises(UnknownId):
        find(stage, "null", since=60)
