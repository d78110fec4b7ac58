"""What consumers did in the last hour: there at once, from CloudWatch or the logs, and asked as seldom as before."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from ops.console.sparkline import pair
from ops.observe.last_hour import HOUR
from ops.observe.live import EVERY, Live
from ops.observe.rates import counted, rates
from ops.observe.trouble import most_a_minute, oldest_allowed, trouble
from ops.observe.watch import Frame, Watch
from ops.stage import Stage
from stacks import names
from stacks.entry import Consumer, Integration, Limit, Queue, Subscription, Topology
from tests.ops.console.tab import opened, text
from tests.ops.limits.stages import limited
from tests.ops.lines import handled, moment
from tests.ops.sight import CloudWatch, Insights, Queues
from tests.ops.test_lanes import Mappings
from tests.sample.contracts import TicketOpened
from tests.sample.topology import SAMPLE

LOCAL = "http://127.0.0.1:1"


def stage(name: str, endpoint: str | None, topology: Topology = SAMPLE, **clients: Any) -> Stage:
    clients = {"sqs": Queues(), "lambda": Mappings(), **clients}
    return Stage(name, "eu-central-1", endpoint, topology, botocore.session.Session(), _clients=clients)


def at(minutes_ago: int, service: str = "open_ticket", outcome: str = "processed", **more: Any) -> str:
    stamp = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(minutes=minutes_ago)
    line = handled(service, f"m{minutes_ago}", 0, outcome=outcome, **more)
    return line.replace(moment(0), stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def test_locally_an_hour_is_known_at_once_from_the_log_lines() -> None:
    lines = [
        at(50),
        at(50, outcome="retried"),
        at(50, outcome="limited"),
        at(50, outcome="skipped", skipped="x"),
        at(2),
    ]
    insights = Insights(lines, statuses=["Complete"])
    live = Live(stage(names.LOCAL, LOCAL, logs=insights))
    view = live.now()
    minute = int(time.time()) // 60
    found = {minute - each: counts for each, counts in view.minutes["open_ticket"].items()}
    assert sorted(found.values()) == [(1, 0), (1, 1)]
    assert view.since <= time.time() - HOUR + 120


def test_what_is_cut_off_is_not_told_as_a_whole_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.observe.logs.MOST", 2)
    lines = [at(10), at(9), at(8)]
    insights = Insights(lines, statuses=["Complete"])
    monkeypatch.setattr("ops.observe.rates.recent", lambda *_: [])
    found = counted(stage(names.LOCAL, LOCAL, logs=insights), [], time.time() - HOUR)
    assert len(found.minutes["open_ticket"]) == 1
    assert found.since > time.time() - 10 * 60


class Measuring(CloudWatch):
    """CloudWatch, where each metric of a consumer was 7 in each minute that is asked for."""

    def get_metric_data(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        minutes = int((arguments["EndTime"] - arguments["StartTime"]).total_seconds() // 60)
        times = [arguments["EndTime"] - timedelta(minutes=number + 1) for number in range(minutes)]
        return {
            "MetricDataResults": [
                {"Id": each["Id"], "Timestamps": times, "Values": [7.0] * minutes}
                for each in arguments["MetricDataQueries"]
            ]
        }


def test_on_aws_the_hour_comes_with_the_first_question_and_costs_no_other() -> None:
    cloudwatch = Measuring()
    there = stage("cloud", None, cloudwatch=cloudwatch)
    clock = [time.time()]
    live = Live(there, lambda: clock[0])
    view = live.now()
    rated = [each for each in cloudwatch.asked if each["ScanBy"] == "TimestampDescending"]
    assert len(rated) == 1
    assert 59 <= len(view.minutes["open_ticket"]) <= 61
    assert set(view.minutes["open_ticket"].values()) == {(7, 14)}, "retried and rejected failed"
    assert view.frame.rates.done["open_ticket"] == 7
    queries = len(rated[0]["MetricDataQueries"])
    rates(there, [each.name for each in Watch(there).queues])
    assert len(cloudwatch.asked[-1]["MetricDataQueries"]) == queries, "billed by the metric: no more of them"
    for _ in range(11):
        clock[0] += EVERY
        live.now()
    rated = [each for each in cloudwatch.asked if each["ScanBy"] == "TimestampDescending"]
    assert len(rated) == 3, "at first, by the test, and once more in half a minute"


def test_minutes_of_an_hour_ago_are_forgotten() -> None:
    clock = [time.time()]
    live = Live(stage("cloud", None, cloudwatch=Measuring()), lambda: clock[0])
    live.now()
    for _ in range(8):
        clock[0] += 600
        view = live.now()
    assert all(60 * minute >= clock[0] - HOUR for minute in view.minutes["open_ticket"])


def test_who_had_the_last_attempt_died_and_is_counted_once() -> None:
    receives = SAMPLE.queue("open_ticket").receives
    lines = [
        handled("open_ticket", "m1", 0, outcome="rejected", attempt=receives - 1),
        handled("open_ticket", "m1", 5, outcome="rejected", attempt=receives),
        handled("open_ticket", "m2", 5, outcome="retried", attempt=receives),
        handled("open_ticket", "m3", 5, outcome="processed", attempt=receives),
        handled("open_ticket", "m4", 5, outcome="limited", attempt=receives),
    ]
    found = rates(stage(names.LOCAL, LOCAL, logs=Insights(lines, statuses=["Complete"])), [])
    assert found.died == {"open_ticket": 2}
    assert found.limited == {"open_ticket": 1}


def test_on_aws_the_dead_letter_edge_has_what_eventbridge_measures_and_nothing_made_up() -> None:
    bus, rule = names.resource("cloud", names.BUS), names.rule("cloud", "mail_ticket", "TicketOpened")
    key = ("InvocationsSentToDlq", *sorted((bus, rule)))
    found = rates(stage("cloud", None, cloudwatch=CloudWatch({key: 4})), [])
    assert found.undelivered == {"mail_ticket": 4}
    assert (found.died, found.published) == ({}, {})


@pytest.mark.parametrize("times", [1, 40])
def test_the_calls_of_a_look_do_not_grow_with_the_edges(times: int) -> None:
    """So many subscriptions of so few queues: SQS is asked for its queues, CloudWatch and Lambda as often as before."""
    asked: Counter[str] = Counter()
    queues = tuple(Queue(name=f"take_{number}") for number in range(3))
    events = tuple(map(_event, range(times)))
    topology = Topology(
        package="tests.sample",
        integrations=(
            Integration(
                "many",
                queues=queues,
                consumers=tuple(
                    Consumer(function=each.name, handler="mail_ticket", publishes=events) for each in queues
                ),
                subscriptions=tuple(Subscription(event=event, queue=each.name) for each in queues for event in events),
            ),
        ),
    )

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            asked[name] += 1
            return getattr(self._inner, name)

    clients = {"sqs": Counting(Queues()), "lambda": Counting(Mappings()), "cloudwatch": Counting(Measuring())}
    with opened(stage("cloud", None, topology, **clients)) as tab:
        tab.get("/")
    assert asked == {
        "get_queue_url": 9,
        "get_queue_attributes": 9,
        "list_event_source_mappings": 3,
        "get_metric_data": 2,
    }


def _event(number: int) -> type[TicketOpened]:
    return type(f"Event{number}", (TicketOpened,), {}, frozen=True, kw_only=True)


def test_a_pair_of_lines_has_one_scale_and_that_of_failures_only_where_there_are_some() -> None:
    assert pair([1], [0], said="") == ""
    assert 'class="bad"' not in pair([1, 2, 3], [0, 0, 0], said="x")
    both = pair([10, 0], [0, 5], said="x")
    assert "M0.0 2.0L96.0 22.0" in both
    assert "M0.0 22.0L96.0 12.0" in both


def frame_of(topology: Topology, name: str = "prod", waiting: int = 0, **rated: Any) -> Frame:
    there = stage(
        name, None, topology, sqs=Queues({names.queue(name, "open_ticket"): waiting}), cloudwatch=CloudWatch()
    )
    now = Watch(there).look()
    return Frame(
        stage=now.stage,
        at=now.at,
        depths=now.depths,
        rates=type(now.rates)(measured=True, **rated),
    )


def test_what_is_wrong_is_said_and_nothing_else() -> None:
    topology = limited()
    name = names.queue("prod", "open_ticket")
    quiet = frame_of(topology, waiting=7, oldest={name: 300})
    assert [*trouble(topology, quiet, {name: "Enabled"}, 300)] == []
    assert [*trouble(topology, frame_of(topology, waiting=1, oldest={name: 999}), {}, None)] == []
    late = frame_of(topology, waiting=7, oldest={name: 301}, limited={"open_ticket": 2})
    told = dict.fromkeys(sentence for word, sentence in trouble(topology, late, {name: "Disabled"}, 300))
    assert [*told] == [
        "is disabled: its consumer takes nothing, because a service is away or a person said so.",
        "is behind: its oldest message waits 301 s, and its alarm rings from 300 s.",
        "is held back: 7 messages wait, and limit 'crm' lets 6 a minute through.",
    ]
    few = frame_of(topology, waiting=6, limited={"open_ticket": 2})
    assert [*trouble(topology, few, {}, 300)] == []


def test_the_age_is_that_of_the_stages_alarm(home: Path) -> None:
    assert oldest_allowed(stage("prod", None)) == 300
    assert oldest_allowed(stage(names.LOCAL, LOCAL)) is None, "it has no alarms"
    assert oldest_allowed(stage("elsewhere", None)) is None
    name = names.queue("prod", "open_ticket")
    cloudwatch = CloudWatch({("ApproximateAgeOfOldestMessage", name): 4000})
    with opened(stage("prod", None, sqs=Queues({name: 3}), cloudwatch=cloudwatch)) as tab:
        assert "open_ticket is behind: its oldest message waits 4,000 s" in text(tab.get("/"))


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        (Limit("a", rate=0.5), 30),
        (Limit("a", rate=1, per="tenant"), None),
        (Limit("a", rate=1, in_code=True), None),
        (Limit("a", at_once=1), None),
        (Limit("a", rate=1, retired=True), None),
    ],
)
def test_only_a_rate_of_the_whole_consumer_says_what_a_minute_lets_through(limit: Limit, most: float | None) -> None:
    assert most_a_minute(limit) == most


def test_the_flow_shows_a_minute_and_an_hour(home: Path) -> None:
    lines = [at(30), at(0, publishes={"TicketOpened": "e1"}), at(0, outcome="limited")]
    there = replace(stage(names.LOCAL, LOCAL, limited(), logs=Insights(lines, statuses=["Complete"] * 9)))
    with opened(there) as tab:
        page = tab.get("/")
        shown = text(page)
    assert "TicketOpened 1/min" in shown
    assert "→ mail_ticket 1/min" in shown
    assert "1 waited" in shown
    assert "limits crm, tenant" in shown
    assert 'aria-label="2 done and 0 failed in 61 min' in page or 'aria-label="2 done and 0 failed in 60 min' in page
