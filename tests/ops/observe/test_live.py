"""A stage that several people watch: looked at once for all, and remembered for an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.observe import live as lives
from ops.observe.last_hour import HOUR, last_hour
from ops.observe.live import EVERY, POINT, SLOWLY, Live
from ops.observe.rates import Counted, Rates
from ops.observe.watch import Frame, Watch
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.sight import Insights


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(stage: Stage, aws: Endpoint, clock: Clock) -> Live:
    aws.insights = Insights(statuses=["Complete"])
    return Live(stage, clock)


def test_it_is_looked_at_once_for_all_who_watch(live: Live, aws: Endpoint, clock: Clock) -> None:
    first = live.now()
    dead_tickets(aws, 2)
    assert live.now() is first
    assert live.last(EVERY) is first
    clock.now += EVERY + 1
    assert live.last(EVERY) is None, "it is too old to be told as what is"
    clock.now -= EVERY + 1
    assert live.now(0.0).frame.depths["open_ticket-dlq"].waiting == 2
    clock.now += EVERY
    aws.put(queue(aws, "open_ticket-dlq"), "{}")
    assert live.now().frame.depths["open_ticket-dlq"].waiting == 3


def test_what_was_is_remembered_for_an_hour_in_few_points(
    live: Live, aws: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, frames = Watch.look, list[Frame]()

    def unchanged(watch: Watch, *known: Any) -> Frame:
        """What was seen, as long as nothing changes: a hundred minutes are two thousand looks at every queue."""
        if not frames:
            frames.append(look(watch, *known))
        return frames[0]

    monkeypatch.setattr(Watch, "look", unchanged)
    for minute in range(100):
        if minute == 50:
            dead_tickets(aws, 4)
            frames.clear()
        for _ in range(int(60 / EVERY)):
            clock.now += EVERY
            live.now()
    points = live.now().history["open_ticket-dlq"]
    assert len(points) <= HOUR / (POINT - EVERY) + 2
    assert points[0][0] >= clock.now - HOUR
    assert {value for _, value in points} == {0.0, 4.0}
    assert [at for at, _ in points] == sorted(at for at, _ in points)


def test_what_goes_wrong_is_said_beside_what_was_known(
    live: Live, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = live.now()

    def away(*_: object) -> None:
        raise OpsError("AWS does not answer.")

    monkeypatch.setattr("ops.observe.watch.Watch.look", away)
    clock.now += EVERY
    view = live.now()
    assert (view.frame, view.problem) == (known.frame, "AWS does not answer.")
    with pytest.raises(OpsError):
        Live(live.stage, clock).now()


def test_where_rates_are_refused_the_counts_of_messages_are_told_all_the_same(
    live: Live, aws: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []
    refused = True

    def count(_: object, __: object, since: float | None) -> Counted:
        asked.append(since)
        if refused:
            raise OpsError("GetMetricData was refused.")
        return Counted(Rates(measured=True, done={"open_ticket": 5}), {"open_ticket": {1: (5, 0)}}, since or 0)

    monkeypatch.setattr(lives, "counted", count)
    dead_tickets(aws, 2)
    view = live.now()
    assert (view.unmeasured, view.problem) == ("GetMetricData was refused.", None)
    assert view.frame.depths["open_ticket-dlq"].waiting == 2
    assert view.frame.rates.done == {}
    refused = False
    clock.now += SLOWLY
    view = live.now()
    assert (view.unmeasured, view.frame.rates.done) == (None, {"open_ticket": 5})
    assert asked[-1] == clock.now - HOUR, "nobody told the hour yet"
    assert view.since == clock.now - HOUR
    refused = True
    clock.now += SLOWLY
    view = live.now()
    assert (view.unmeasured, view.frame.rates.done) == ("GetMetricData was refused.", {}), "what was is not what is"


def test_consumers_are_asked_for_seldom(live: Live, aws: Endpoint, clock: Clock) -> None:
    live.now()
    aws.mappings[queue(aws, "open_ticket").arn] = "Disabled"
    clock.now += EVERY
    assert not live.now().consumers
    clock.now += SLOWLY
    assert list(live.now().consumers.values()) == ["Disabled"]


@pytest.mark.parametrize(("endpoint", "times"), [(None, 10), ("http://emulator", 100)])
def test_metrics_that_cost_are_asked_for_twice_a_minute_at_the_most(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, times: int
) -> None:
    asked: list[float] = []

    class Watch:
        queues: tuple[()] = ()

        def __init__(self, _: object) -> None:
            """Looks at nothing."""

        def look(self, count: Callable[[list[str]], Rates]) -> Frame:
            return Frame(stage="prod", at="", depths={}, rates=count([]))

    def count(*_: object) -> Counted:
        asked.append(clock.now)
        return Counted(Rates(measured=True), {})

    class Away:
        name = "prod"

        def __init__(self) -> None:
            self.endpoint = endpoint

    monkeypatch.setattr(lives, "Watch", Watch)
    monkeypatch.setattr(lives, "last_hour", lambda *_: {})
    monkeypatch.setattr(lives, "counted", count)
    stage: Any = Away()
    live = Live(stage, clock)
    for _ in range(100):
        clock.now += EVERY
        live.now()
    assert len(asked) == times, "an emulator's are those of its log, which cost nothing"


class CloudWatch:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refuses = False

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData")
        self.asked.append(asked)
        at = datetime.fromtimestamp(999_000, UTC)
        results = [{"Id": each["Id"], "Timestamps": [at], "Values": [5.0]} for each in asked["MetricDataQueries"][:1]]
        return {"MetricDataResults": results}


class Cloud:
    endpoint: str | None = None

    def __init__(self) -> None:
        self.cloudwatch = CloudWatch()

    def client(self, service: str) -> CloudWatch:
        assert service == "cloudwatch"
        return self.cloudwatch


def test_the_last_hour_is_cloudwatchs_where_it_measures_and_may_be_asked() -> None:
    cloud: Any = Cloud()
    assert last_hour(cloud, ["one", "two"], 1_000_000.0) == {"one": [(999_000.0, 5.0)]}
    (asked,) = cloud.cloudwatch.asked
    assert (asked["EndTime"] - asked["StartTime"]).total_seconds() == HOUR
    assert len(last_hour(cloud, [f"q{n}" for n in range(501)], 1_000_000.0)) == 2
    cloud.cloudwatch.refuses = True
    assert last_hour(cloud, ["one"], 1_000_000.0) == {}
    cloud.endpoint = "http://emulator"
    cloud.cloudwatch.refuses = False
    assert last_hour(cloud, ["one"], 1_000_000.0) == {}
