"""`ops trace`: any id of a request finds its path in the logs; where none does, the answer says why that may be."""

from __future__ import annotations

import re
import time

import botocore.session
import pytest

from ops.errors import OpsError, UsageError
from ops.observe import logs
from ops.observe.logs import search
from ops.observe.trace import UnknownId, trace
from ops.stage import Stage
from stacks import names
from tests.ops.lines import answered, handled, ticket_to_close
from tests.ops.sight import Insights, Queues
from tests.sample.topology import SAMPLE


@pytest.fixture
def insights() -> Insights:
    return Insights()


@pytest.fixture
def stage(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    session = botocore.session.Session()
    return Stage("cloud", "eu-central-1", None, SAMPLE, session, _clients={"logs": insights, "sqs": Queues()})


@pytest.mark.parametrize("id_", ["corr-1", "req-1", "m1", "m4", "e1", "e3"])
def test_every_id_of_a_request_finds_its_whole_path(stage: Stage, insights: Insights, id_: str) -> None:
    insights.lines = [*ticket_to_close(), handled("open_ticket", "m8", 90, correlation_id="corr-2")]
    found = trace(stage, id_, since=3600)
    assert found.correlation_id == "corr-1"
    assert [delivery.message_id for delivery in found.deliveries()] == ["m1", "m2", "m4", "m3"]
    assert len(insights.asked) == (1 if id_ == "corr-1" else 2)


def test_an_id_that_is_part_of_another_is_not_mistaken_for_it(stage: Stage, insights: Insights) -> None:
    insights.lines = [handled("open_ticket", "m1", 90, correlation_id="corr-10"), answered(correlation_id="corr-10")]
    with pytest.raises(UnknownId):
        trace(stage, "corr-1", since=3600)


def test_nothing_found_says_why_that_may_be(stage: Stage) -> None:
    with pytest.raises(UnknownId) as caught:
        trace(stage, "corr-9", since=7200)
    assert re.search(r"corr-9 in stage cloud.*last 2 h.*--since.*log_days.*minute", str(caught.value))


def test_the_search_covers_the_api_and_every_consumer_for_the_time_that_was_asked(
    stage: Stage, insights: Insights
) -> None:
    search(stage, "corr-1", time.time() - 600)
    (asked,) = insights.asked
    assert set(asked["logGroupNames"]) == {
        names.api_log_group("cloud"),
        *(names.log_group("cloud", consumer.function) for consumer in SAMPLE.consumers),
    }
    assert 600 <= asked["endTime"] - asked["startTime"] <= 603


@pytest.mark.parametrize("id_", ["a.b", "a/b+c", "a|b", "(x", "$`"])
def test_an_id_is_searched_as_it_is_and_never_as_a_pattern(stage: Stage, insights: Insights, id_: str) -> None:
    other = "a_b" if id_ == "a.b" else "b"
    mine = handled("open_ticket", "m1", 90, correlation_id=id_)
    insights.lines = [mine, handled("open_ticket", "m2", 90, correlation_id=other)]
    assert [getattr(line, "message_id", None) for line in search(stage, id_, 0)] == ["m1"]


@pytest.mark.parametrize("id_", ["", "two words", "x" * 129, "ü"])
def test_what_cannot_be_an_id_is_refused_before_anything_is_asked(stage: Stage, insights: Insights, id_: str) -> None:
    with pytest.raises(UsageError):
        trace(stage, id_, since=60)
    assert insights.asked == []


def test_a_stage_that_is_not_deployed_is_one_sentence(stage: Stage, insights: Insights) -> None:
    insights.refusal = "ResourceNotFoundException"
    with pytest.raises(OpsError, match="Stage cloud has not all of its log groups: deploy it first"):
        search(stage, "corr-1", 0)


def test_a_search_that_fails_is_one_sentence(stage: Stage, insights: Insights) -> None:
    insights.statuses = ["Running", "Failed"]
    with pytest.raises(OpsError, match="ended as Failed"):
        search(stage, "corr-1", 0)


def test_a_search_that_takes_too_long_is_stopped(stage: Stage, insights: Insights) -> None:
    insights.statuses = ["Running"] * 5
    with pytest.raises(OpsError, match="shorter --since"):
        search(stage, "corr-1", 0, patience=0.0)
    assert insights.stopped == ["0"]


def test_more_lines_than_an_answer_holds_are_not_passed_over_in_silence(
    stage: Stage, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST", 3)
    insights.lines = ticket_to_close()
    with pytest.raises(OpsError, match="more than 3 such lines"):
        search(stage, "corr-1", 0)
