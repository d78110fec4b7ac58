"""The attempts of a dead letter, as the logs tell them, beside its message."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.stage import Stage
from stacks import names
from tests.aws.queues import FakeQueue
from tests.ops import lines
from tests.ops.cli.typed import queue
from tests.ops.console.tab import Tab, opened, text
from tests.ops.console.test_pages import received
from tests.ops.endpoint import Endpoint
from tests.ops.lines import answered, handled
from tests.ops.sight import Insights


@pytest.fixture(autouse=True)
def _recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines are of the last minutes, as the dead letters are."""
    monkeypatch.setattr(lines, "START", round(time.time() * 1000) - 60_000)


def dead(aws: Endpoint, word: str = "open_ticket-dlq", body: str = "{}", **attributes: str) -> str:
    return aws.put(queue(aws, word), body, **{"correlation_id": "corr-1", **attributes})


def searches(insights: Insights) -> list[dict[str, Any]]:
    """The queries for attempts; there is another one for the cause of what nobody recorded."""
    return [each for each in insights.asked if "corr" in each["queryString"]]


def part(tab: Tab, id_: str, word: str = "open_ticket") -> str:
    return text(tab.get(f"/dead/{word}/{id_}/attempts"))


def test_each_attempt_is_told_with_its_outcome_error_and_times_the_newest_last(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    id_ = dead(aws, received_at=str(lines.START))
    why = {"error_type": "Reject", "error": "unknown agent a-9", "request": 0, "sent": 15}
    insights.lines = [
        answered(),
        handled("open_ticket", id_, 100, outcome="retried", attempt=1, **why),
        handled("open_ticket", id_, 2100, outcome="rejected", attempt=2, **why),
        handled("open_ticket", "another", 2200, attempt=1, correlation_id="corr-10"),
    ]
    page = tab.get(f"/dead/open_ticket/{id_}")
    assert f"/dead/open_ticket/{id_}/attempts" in page
    assert "python -m ops trace corr-1 --since 1h" in text(page)
    assert not searches(insights), "the page waits for no search"
    seen = received(queue(aws, "open_ticket-dlq"))
    shown = part(tab, id_)
    assert received(queue(aws, "open_ticket-dlq")) == seen, "nothing is received for it"
    first = "attempt 1 retried: Reject: unknown agent a-9"
    assert shown.index(first) < shown.index("attempt 2 rejected: Reject: unknown agent a-9")
    assert "0.085 s" in shown
    assert "2.085 s" in shown
    assert "POST /v1/tickets 202" in shown
    assert "another" not in shown


def test_where_an_error_came_from_is_shown_once_until_it_came_from_elsewhere(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    id_ = dead(aws)
    why = {"outcome": "retried", "error_type": "Oops", "error": "no"}
    places = (["a.py:1 f"], ["a.py:1 f"], ["b.py:2 g"])
    insights.lines = [
        handled("open_ticket", id_, 100 * number, attempt=number, stack=place, **why)
        for number, place in enumerate(places, 1)
    ]
    shown = part(tab, id_)
    assert (shown.count("a.py:1 f"), shown.count("b.py:2 g"), shown.count("retried: Oops: no")) == (1, 1, 3)


def test_it_says_how_many_receives_the_logs_know(tab: Tab, aws: Endpoint, insights: Insights) -> None:
    id_ = dead(aws)
    for _ in range(3):
        tab.post("/dead/open_ticket/look")
    insights.lines = [handled("open_ticket", id_, 100, outcome="retried", attempt=each) for each in (1, 2)]
    count = int(text(tab.get(f"/dead/open_ticket/{id_}")).partition("received ")[2].partition(" time")[0])
    assert count >= 3
    assert f"2 of {count} receives are in the logs" in part(tab, id_)


def test_a_redriven_message_is_told_with_what_it_was_before_and_who_redrove_it(
    tab: Tab, aws: Endpoint, insights: Insights, stage: Stage
) -> None:
    id_ = dead(aws, received_at=str(lines.START), redriven="1 run-7")
    stage.files.mkdir(parents=True, exist_ok=True)
    record = {"id": "run-7", "action": "redrive", "queue": "open_ticket-dlq", "who": "ada", "host": "h"}
    record |= {"started_at": "2026-11-26T10:15:00+00:00"}
    (stage.files / "audit.jsonl").write_text('{"id": "run-7", "acti\n' + json.dumps(record) + "\n")
    failed: dict[str, Any] = {"outcome": "rejected", "request": 0, "error_type": "Reject"}
    insights.lines = [
        answered(),
        handled("open_ticket", "before-1", 1_000, attempt=5, error="first cause", sent=15, **failed),
        handled("open_ticket", id_, 20_000, error="second cause", sent=19_000, redriven="1 run-7", **failed),
    ]
    shown = part(tab, id_)
    assert shown.index("first cause") < shown.index("After 18 s in open_ticket-dlq redriven by ada, run-7")
    assert shown.index("redriven by ada") < shown.index("attempt 1 rejected: Reject: second cause")
    assert "1 of " in shown


def test_an_events_message_names_its_event_who_published_it_and_what_it_became(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    body = {"detail-type": "TicketOpened", "detail": {"id": "e1", "correlation_id": "corr-1"}}
    id_ = dead(aws, "assign_ticket-dlq", json.dumps(body))
    insights.lines = [
        answered(),
        handled("open_ticket", "m1", 100, request=0, publishes={"TicketOpened": "e1"}, sent=15),
        handled("assign_ticket", id_, 200, event="e1", outcome="retried", publishes={"TicketAssigned": "e2"}, sent=120),
        handled("close_ticket", "m4", 400, event="e2", sent=300),
    ]
    page = tab.get(f"/dead/assign_ticket/{id_}/attempts")
    came = "came from POST /v1/tickets 202 \u203a open_ticket processed \u203a TicketOpened"
    assert f"{came} became TicketAssigned \u203a close_ticket processed" in text(page)
    assert {"/queue/open_ticket", "/events/TicketOpened", "/events/TicketAssigned", "/queue/close_ticket"} <= {
        *tab.links_of(page)
    }


def test_an_event_whose_publisher_left_no_line_has_its_name_all_the_same(tab: Tab, aws: Endpoint) -> None:
    body = {"detail-type": "TicketOpened", "detail": {"id": "e1", "correlation_id": "corr-1"}}
    shown = part(tab, dead(aws, "assign_ticket-dlq", json.dumps(body)), "assign_ticket")
    assert "came from TicketOpened became nothing that the logs tell of" in shown
    assert "The logs know of no attempt." in shown


def test_events_that_are_told_of_in_a_circle_are_a_sentence(tab: Tab, aws: Endpoint, insights: Insights) -> None:
    body = {"detail-type": "TicketOpened", "detail": {"id": "e1", "correlation_id": "corr-1"}}
    id_ = dead(aws, "assign_ticket-dlq", json.dumps(body))
    insights.lines = [
        handled("assign_ticket", id_, 200, event="e1", outcome="retried", publishes={"TicketAssigned": "e2"}),
        handled("close_ticket", "m2", 300, event="e2", publishes={"TicketOpened": "e1"}),
    ]
    assert "told of in a circle" in part(tab, id_, "assign_ticket")


def test_what_could_not_be_delivered_was_no_consumers(tab: Tab, aws: Endpoint) -> None:
    body = {"detail-type": "TicketOpened", "detail": {"id": "e1", "correlation_id": "corr-1"}}
    id_ = dead(aws, "assign_ticket-undelivered", json.dumps(body))
    shown = part(tab, id_, "assign_ticket-undelivered")
    assert "EventBridge could not deliver it, so no consumer received it." in shown
    assert "in the logs" not in shown


def test_logs_that_refuse_or_are_slow_are_a_sentence_and_the_page_is_there(
    tab: Tab, aws: Endpoint, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = dead(aws)
    insights.refusal = "AccessDeniedException"
    assert f"Message {id_}" in text(tab.get(f"/dead/open_ticket/{id_}"))
    assert "What the logs know of it could not be asked: " in part(tab, id_)
    inline = text(tab.get(f"/dead/open_ticket/{id_}?attempts=yes"))
    assert f"Message {id_}" in inline
    assert "could not be asked" in inline
    insights.refusal = None
    insights.statuses = ["Running"] * 1_000
    monkeypatch.setattr("ops.console.message.PATIENCE", 0.0)
    assert "took more than 0 s" in part(tab, id_)
    assert insights.stopped == ["0"], "nobody pays for what nobody waits for"


def test_the_logs_of_many_days_are_searched_only_when_asked(tab: Tab, aws: Endpoint, insights: Insights) -> None:
    happened = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    body = {"detail-type": "TicketOpened", "time": happened, "detail": {"id": "e1", "correlation_id": "corr-1"}}
    id_ = dead(aws, "assign_ticket-dlq", json.dumps(body))
    page = tab.get(f"/dead/assign_ticket/{id_}")
    assert "began 3 d ago" in text(page)
    assert 'hx-trigger="load"' not in page
    tab.get(f"/dead/assign_ticket/{id_}?attempts=yes")
    (asked,) = searches(insights)
    assert 3 * 86_400 < asked["endTime"] - asked["startTime"] < 3 * 86_400 + 300


@pytest.mark.parametrize("happened", ["0001-01-01T00:00:00", "never", "9999-12-31T23:59:59+00:00", "", 7, None])
def test_whatever_a_sender_wrote_as_its_time_is_no_reason_to_search_longer_than_a_queue_keeps(
    tab: Tab, aws: Endpoint, insights: Insights, happened: Any
) -> None:
    body = {"detail-type": ["x"], "time": happened, "detail": {"id": "e1"}}
    id_ = dead(aws, "assign_ticket-dlq", json.dumps(body), received_at="9" * 5_000)
    assert "The logs know of no attempt." in text(tab.get(f"/dead/assign_ticket/{id_}?attempts=yes"))
    asked = insights.asked[-1]
    assert 0 < asked["endTime"] - asked["startTime"] <= 14 * 86_400 + 2


def test_many_attempts_are_told_from_the_last_hundred(tab: Tab, aws: Endpoint, insights: Insights) -> None:
    id_ = dead(aws)
    insights.lines = [handled("open_ticket", id_, each, outcome="retried", attempt=each) for each in range(1, 121)]
    shown = part(tab, id_)
    assert "20 earlier attempts are in its trace" in shown
    assert "attempt 20 " not in shown
    assert "attempt 21 " in shown


def test_the_attempt_that_the_recorded_cause_is_of_names_its_release(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    id_ = dead(aws)
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = {
        "message_id": {"S": id_},
        "error_type": {"S": "Reject"},
        "attempts": {"N": "2"},
        "version": {"S": "42"},
    }
    why: dict[str, Any] = {"outcome": "rejected", "error_type": "Reject", "sent": 0}
    insights.lines = [handled("open_ticket", id_, 10 * each, attempt=each, **why) for each in (1, 2)]
    shown = part(tab, id_)
    assert shown.count("release 42") == 1
    assert shown.index("attempt 2") < shown.index("release 42")


def test_a_release_that_changed_between_attempts_stands_out_also_over_a_redrive(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    id_ = dead(aws, received_at=str(lines.START), redriven="1 run-7")
    why: dict[str, Any] = {"outcome": "retried", "error_type": "Oops", "error": "no", "request": 0}
    insights.lines = [
        answered(),
        handled("open_ticket", "before-1", 1_000, attempt=4, sent=15, release="41", duration_ms=12, **why),
        handled("open_ticket", "before-1", 2_000, attempt=5, sent=15, release="41", **why),
        handled("open_ticket", id_, 20_000, sent=19_000, redriven="1 run-7", release="42", duration_ms=340, **why),
    ]
    page = tab.get(f"/dead/open_ticket/{id_}/attempts")
    shown = text(page)
    assert (shown.count("release 41 \u2192 42"), page.count("chip")) == (1, 3)
    where = ("attempt 4", "attempt 5", "in open_ticket-dlq redriven", "release 41 \u2192 42", "attempt 1 ")
    assert [shown.index(each) for each in where] == sorted(shown.index(each) for each in where)
    assert "Handler" in shown
    assert ("0.012 s" in shown, "0.340 s" in shown) == (True, True)


def test_lines_from_before_the_update_are_told_as_they_were(tab: Tab, aws: Endpoint, insights: Insights) -> None:
    id_ = dead(aws)
    insights.lines = [handled("open_ticket", id_, 100 * each, outcome="retried", attempt=each) for each in (1, 2)]
    shown = part(tab, id_)
    assert "attempt 2 retried" in shown
    assert ("release" in shown, "Handler" in shown) == (False, False)


def test_the_first_attempts_after_the_update_are_no_change_of_release(
    tab: Tab, aws: Endpoint, insights: Insights
) -> None:
    id_ = dead(aws)
    insights.lines = [
        handled("open_ticket", id_, 100, outcome="retried", attempt=1),
        handled("open_ticket", id_, 200, outcome="retried", attempt=2, release="42", duration_ms=7),
    ]
    shown = part(tab, id_)
    assert (shown.count("release 42"), "\u2192" in shown) == (1, False)


def test_an_accounts_queue_has_no_logs(stage: Stage, aws: Endpoint) -> None:
    foreign: FakeQueue = aws.sqs.create("other-dlq")
    id_ = aws.put(foreign, "{}")
    with opened(stage) as tab:
        page = text(tab.get(f"/dead/other-dlq/{id_}"))
        assert "Attempts" not in page
        assert "no log tells of it" in text(tab.get(f"/dead/other-dlq/{id_}/attempts", code=400))
