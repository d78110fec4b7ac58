"""The dashboard shows the whole flow, every widget in its place, every metric of something that exists."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import combinations
from typing import Any

import pytest

from functions.runtime.message import Message
from functions.runtime.outcome import Done
from functions.runtime.record import Record
from functions.runtime.report import report
from functions.runtime.settings import Settings
from stacks import names
from stacks.monitoring import dashboard
from stacks.monitoring.queries import queries
from tests.functions.runtime.probe import probe
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, settings_of

LASTS = ("Duration", "Latency", "IntegrationLatency")


@pytest.fixture(scope="module")
def widgets(prod: Templates) -> list[Any]:
    (dashboard,) = prod.properties("AWS::CloudWatch::Dashboard")
    found: list[Any] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return found


def metrics(widget: Any) -> list[dict[str, str]]:
    """The dimensions of every metric of a widget."""
    return [
        dict(zip(metric[2:-1:2], metric[3:-1:2], strict=True)) for metric in widget["properties"].get("metrics", [])
    ]


def test_what_stands_is_shown_at_its_most_what_lasts_in_percentiles_and_what_happens_as_a_sum(
    widgets: list[Any],
) -> None:
    lines = [metric for each in widgets for metric in each["properties"].get("metrics", [])]
    taken: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        name = line[1]
        kind = "stands" if name.startswith("Approximate") else "lasts" if name in LASTS else "happens"
        taken[kind].add(line[-1]["stat"])
    assert taken == {"stands": {"Maximum"}, "lasts": {"p50", "p99"}, "happens": {"Sum"}}
    assert {line[-1]["period"] for line in lines} == {60}


def test_a_line_says_at_what_value_the_alarm_goes_on(prod: Templates, widgets: list[Any]) -> None:
    thresholds = {
        alarm["AlarmName"].removeprefix(names.resource("prod", "")): alarm["Threshold"]
        for alarm in prod.properties("AWS::CloudWatch::Alarm")
    }
    for queue in SAMPLE.queues:
        for title, kind in (("oldest", "oldest"), ("batch time", "duration")):
            (graph,) = [each for each in widgets if each["properties"].get("title") == f"{queue.name}: {title}"]
            (line,) = graph["properties"]["annotations"]["horizontal"]
            assert line["value"] == thresholds[f"{queue.name}-{kind}"]


def test_every_queue_has_a_lane_from_arrival_to_failure(widgets: list[Any]) -> None:
    for queue in SAMPLE.queues:
        lane = [widget for widget in widgets if widget["properties"].get("title", "").startswith(f"{queue.name}: ")]
        assert [widget["properties"]["title"].partition(": ")[2] for widget in lane] == [
            *("in and out", "waiting", "oldest", "batch time", "outcome", "failed")
        ]
        assert len({widget["y"] for widget in lane}) == 1
        assert [widget["x"] for widget in lane] == sorted(widget["x"] for widget in lane)


def test_lanes_stand_under_the_title_of_their_integration_in_the_order_of_the_topology(widgets: list[Any]) -> None:
    titles = [widget["properties"].get("markdown") or widget["properties"].get("title", "") for widget in widgets]
    expected = [
        title
        for integration in SAMPLE.integrations
        for title in (f"## {integration.name}", *(f"{queue.name}: in and out" for queue in integration.queues))
    ]
    assert [title for title in titles if title in expected] == expected
    assert titles.index("Requests") < titles.index("Events to each subscriber") < titles.index(expected[0])


def test_every_queue_that_failed_messages_are_in_is_counted_at_the_top(prod: Templates, widgets: list[Any]) -> None:
    (panel,) = [each for each in widgets if each["y"] < 6 and each["properties"].get("view") == "singleValue"]
    counted = {dimensions["QueueName"] for dimensions in metrics(panel)}
    queues = [queue for each in SAMPLE.integrations for queue in prod.properties("AWS::SQS::Queue", each.name)]
    assert counted == {queue["QueueName"] for queue in queues if "RedrivePolicy" not in queue}


def test_no_widget_covers_another_or_leaves_the_page(widgets: list[Any]) -> None:
    assert all(widget["x"] >= 0 and widget["x"] + widget["width"] <= 24 for widget in widgets)
    for one, other in combinations(widgets, 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        apart = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or apart


def test_every_metric_is_of_something_that_exists(prod: Templates, widgets: list[Any]) -> None:
    known = {
        *(queue["QueueName"] for queue in prod.properties("AWS::SQS::Queue")),
        *(function["FunctionName"] for function in prod.properties("AWS::Lambda::Function")),
        *(rule["Name"] for rule in prod.properties("AWS::Events::Rule")),
        *(bus["Name"] for bus in prod.properties("AWS::Events::EventBus")),
        *(api["Name"] for api in prod.properties("AWS::ApiGateway::RestApi")),
        *(consumer.function for consumer in SAMPLE.consumers),
        "prod",
    }
    shown = {value for widget in widgets for dimensions in metrics(widget) for value in dimensions.values()}
    assert shown
    assert shown <= known


def test_our_own_metrics_are_the_ones_that_the_runtime_counts(
    prod: Templates, widgets: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROJECT", names.PROJECT)
    record = Record.read(probe("p"))
    message = Message(id="p", key="k", cause="c", causation_id="p", correlation_id="c")
    report({"p": Done(record, message, (), skipped="It waits.")}, Settings.read(), 0.0, {})
    (directive,) = json.loads(capsys.readouterr().out.splitlines()[1])["_aws"]["CloudWatchMetrics"]
    counted = {definition["Name"] for definition in directive["Metrics"]}
    shown = [
        metric
        for widget in widgets
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == directive["Namespace"]
    ]
    assert {metric[1] for metric in shown} == counted
    assert [sorted(dimensions) for dimensions in directive["Dimensions"]] == [sorted(shown[0][2:-1:2])]
    alarms = [alarm for alarm in prod.properties("AWS::CloudWatch::Alarm") if alarm.get("Namespace") == names.PROJECT]
    assert {alarm["MetricName"] for alarm in alarms} == {"PublishFailures"}


def test_the_alarms_at_the_top_are_all_that_the_stage_has(prod: Templates, widgets: list[Any]) -> None:
    panels = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    named = {arn.rpartition(":")[2] for arns in panels for arn in arns}
    assert named == {alarm["AlarmName"] for alarm in prod.properties("AWS::CloudWatch::Alarm")}
    assert all(len(arns) <= 100 for arns in panels)  # what the widget takes


def test_every_saved_query_asks_log_groups_that_exist(prod: Templates) -> None:
    groups = {group["LogGroupName"] for group in prod.properties("AWS::Logs::LogGroup")}
    saved = prod.properties("AWS::Logs::QueryDefinition")
    assert {query["Name"] for query in saved} == {
        f"{names.PROJECT}/prod/{query.name}" for query in queries(SAMPLE, "prod")
    }
    assert all(set(query["LogGroupNames"]) <= groups for query in saved)


@pytest.mark.parametrize(
    ("widgets", "metrics", "fits"), [(500, 5, True), (501, 4, False), (250, 10, True), (1, 2_501, False)]
)
def test_a_dashboard_is_as_full_as_cloudwatch_takes_it_and_no_fuller(widgets: int, metrics: int, fits: bool) -> None:
    widget = {"properties": {"metrics": [0] * metrics}}
    assert dashboard._fits([[widget]] * widgets) is fits


def test_what_is_skipped_is_shown_where_something_may_be_and_nowhere_else(widgets: list[Any]) -> None:
    shown = {
        metric[-2] for widget in widgets for metric in widget["properties"].get("metrics", []) if "Skipped" in metric
    }
    assert shown == {"open_ticket"}, "whose route takes delays"
    whole = json.dumps(dashboard.dashboards(SCHEDULED, settings_of("dev")))
    assert whole.count('"Skipped"') == 1, "one of its schedules skips"
