"""An AWS that answers late, or refuses: what is asked beside the counts of messages holds up nothing else."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from threading import Barrier, Event
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from ops.cli.app import app
from ops.cli.flow_frame import frame
from ops.depth import consumer_states
from ops.observe import question
from ops.observe.live import EVERY, SLOWLY, Live
from ops.observe.question import STALE
from ops.observe.watch import Watch
from ops.queue import queues
from ops.stage import Stage
from stacks import names
from tests.ops.console.tab import opened, text
from tests.ops.gate import PATIENCE, until
from tests.ops.observe.test_minutes import Measuring, stage
from tests.ops.sight import Queues
from tests.ops.test_lanes import Mappings
from tests.sample.topology import SAMPLE

NAME = names.queue("cloud", "open_ticket")
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetMetricData")


class Late:
    """A client whose calls wait until it is let go, and are refused where it says so."""

    def __init__(self, client: Any, refusal: Exception | None = None) -> None:
        self.gate = Event()
        self.calls: list[str] = []
        self.refusal = refusal
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(**asked: Any) -> Any:
            self.calls.append(str(asked.get("ScanBy", name)))
            assert self.gate.wait(PATIENCE), "nobody let it go"
            if self.refusal is not None:
                raise self.refusal
            return getattr(self._client, name)(**asked)

        return call


class Slow:
    """A stage whose CloudWatch and Lambda wait; `clock` is what its `live` goes by."""

    def __init__(self) -> None:
        self.cloudwatch, self.functions = Late(Measuring()), Late(Mappings())
        clients: dict[str, Any] = {"cloudwatch": self.cloudwatch, "lambda": self.functions, "sqs": Queues({NAME: 12})}
        self.stage = stage("cloud", None, **clients)
        self.now = time.time()
        self.live = Live(self.stage, lambda: self.now)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(question, "PATIENCE", 0.0)
    slow = Slow()
    yield slow
    slow.cloudwatch.gate.set()
    slow.functions.gate.set()


def test_the_first_picture_has_the_counts_and_says_what_is_not_known_yet(slow: Slow) -> None:
    view = slow.live.now()
    assert view.frame.depths["open_ticket"].waiting == 12
    assert view.unmeasured == "CloudWatch was asked and has not answered yet."
    assert view.late == (
        "Whether consumers take messages is not known: Lambda was asked and has not answered yet.",
        "What waited in the last hour is not known: CloudWatch was asked and has not answered yet.",
    )
    assert (view.consumers, view.minutes, view.problem) == ({}, {}, None)
    assert slow.live.now() is view, "nothing is new"


def test_one_that_is_late_holds_up_none_of_the_others(slow: Slow) -> None:
    slow.live.now()
    slow.functions.gate.set()
    until(lambda: slow.live._states.news)
    view = slow.live.now()
    assert view.consumers[NAME] == "Enabled", "it is told as soon as it is there"
    assert view.unmeasured is not None
    assert len(view.late) == 1
    slow.cloudwatch.gate.set()
    until(lambda: slow.live._minute.news and slow.live._past.news)
    view = slow.live.now()
    assert (view.unmeasured, view.late) == (None, ())
    assert view.frame.rates.done["open_ticket"] == 7
    assert 59 <= len(view.minutes["open_ticket"]) <= 61
    assert slow.live.now() is view


def test_what_was_measured_goes_before_what_was_seen_meanwhile(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = slow.now
    past = [(begun - 600, 3.0), (begun - 300, 4.0), (begun + 30, 5.0)]
    monkeypatch.setattr("ops.observe.live.last_hour", lambda *_: {NAME: past} if slow.cloudwatch.gate.wait(9) else {})
    slow.live.now()
    slow.now += 60
    slow.live.now()
    slow.cloudwatch.gate.set()
    until(lambda: slow.live._past.news)
    points = slow.live.now().history["open_ticket"]
    assert points[:4] == [(begun - 600, 3.0), (begun - 300, 4.0), (begun, 12.0), (begun + 60, 12.0)]


def test_what_is_late_is_asked_once_and_what_is_old_is_not_told_as_what_is(slow: Slow) -> None:
    slow.cloudwatch.gate.set()
    slow.functions.gate.set()
    until(lambda: (view := slow.live.now()).unmeasured is None and not view.late)
    asked = len(slow.cloudwatch.calls), len(slow.functions.calls)
    slow.cloudwatch.gate.clear()
    slow.functions.gate.clear()
    for _ in range(int(STALE / SLOWLY)):
        slow.now += SLOWLY
        view = slow.live.now()
        assert (view.unmeasured, view.late, view.frame.rates.done["open_ticket"]) == (None, (), 7)
    work = len(slow.functions.calls)
    until(lambda: len(slow.cloudwatch.calls) > asked[0])
    assert len(slow.cloudwatch.calls) == asked[0] + 1
    assert work <= 2 * asked[1], "once a queue"
    slow.now += EVERY
    view = slow.live.now()
    assert view.unmeasured == "CloudWatch was asked and has not answered yet."
    assert (view.frame.rates.done, view.consumers, len(view.late)) == ({}, {}, 1)


def test_a_page_is_there_although_nobody_answers_but_sqs(slow: Slow) -> None:
    with opened(slow.stage) as tab:
        for path in ("/", "/queue/open_ticket"):
            page = text(tab.get(path))
            assert "12 waiting" in page
            assert "is not known, and reads 0" in page
            assert "Lambda was asked and has not answered yet." in page
        assert "Dead letters" in text(tab.get("/dead"))


def test_what_nobody_foresaw_is_not_taken_for_an_answer(slow: Slow) -> None:
    slow.functions.refusal = ValueError("what is this?")
    slow.live.now()
    slow.functions.gate.set()
    until(lambda: slow.live._states.news)
    with pytest.raises(ValueError, match="what is this"):
        slow.live.now()


@pytest.mark.parametrize("ask", [queues, lambda there: consumer_states(there, queues(there))])
def test_what_is_asked_of_each_queue_is_asked_side_by_side(ask: Any) -> None:
    together = Barrier(3)

    class Together:
        """Whose first three calls are answered once all three are made."""

        def __init__(self, client: Any, method: str) -> None:
            self._client, self._method = client, method
            self._left = iter(range(3))

        def __getattr__(self, name: str) -> Any:
            if name == self._method and next(self._left, None) is not None:
                together.wait(PATIENCE)
            return getattr(self._client, name)

    clients: dict[str, Any] = {"lambda": Together(Mappings(), "list_event_source_mappings")}
    if ask is queues:
        clients = {"sqs": Together(Queues(), "get_queue_url")}
    assert ask(stage("cloud", None, **clients))
    assert not together.broken


def test_watch_goes_on_with_the_counts_where_rates_are_refused(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.cloudwatch.gate.set()
    slow.cloudwatch.refusal = REFUSED
    monkeypatch.setattr(Stage, "open", lambda *_, **__: slow.stage)
    once = CliRunner().invoke(app, ["watch", "--once"], obj=SAMPLE, env={"COLUMNS": "200"})
    assert once.exit_code == 0, once.output
    assert "open_ticket" in once.output
    assert "is not known, and reads 0: GetMetricData was refused: not you (AccessDenied)" in once.output
    told = json.loads(CliRunner().invoke(app, ["watch", "--json"], obj=SAMPLE).output)
    assert told["depths"]["open_ticket"]["waiting"] == 12
    assert told["unmeasured"].startswith("GetMetricData was refused")


def test_watch_shows_the_counts_before_the_rates_are_there(slow: Slow) -> None:
    watch = Watch(slow.stage, patience=0.0)
    first = watch.look()
    assert first.depths["open_ticket"].waiting == 12
    assert first.unmeasured == "CloudWatch was asked and has not answered yet."
    slow.cloudwatch.gate.set()
    until(lambda: watch._rates.news)
    second = watch.look()
    assert (second.unmeasured, second.rates.done["open_ticket"]) == (None, 7)
    assert datetime.fromisoformat(second.at) <= datetime.now(UTC)
    assert frame(first, SAMPLE, 170).renderables


def test_an_answer_that_nobody_took_for_long_is_not_told_as_what_is_now(slow: Slow) -> None:
    slow.live.now()
    slow.cloudwatch.gate.set()
    slow.functions.gate.set()
    until(lambda: slow.live._minute.news and slow.live._states.news)
    asked = len(slow.cloudwatch.calls), len(slow.functions.calls)
    slow.now += 3600  # nobody looked for an hour
    slow.live.now()
    until(lambda: len(slow.cloudwatch.calls) > asked[0] and len(slow.functions.calls) > asked[1])


def test_a_last_hour_that_failed_is_asked_for_again_and_what_waits_now_is_shown(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def fails_once(stage: Stage, names_: list[str], now: float) -> dict[str, Any]:
        calls.append(now)
        if len(calls) == 1:
            raise ValueError("a page of a proxy")
        return {}

    monkeypatch.setattr("ops.observe.live.last_hour", fails_once)
    monkeypatch.setattr(question, "PATIENCE", 20.0)
    slow.cloudwatch.gate.set()
    slow.functions.gate.set()
    assert "a page of a proxy" in " ".join(slow.live.now().late)
    slow.now += EVERY
    slow.live.now()
    assert len(calls) == 1, "not at each look"
    slow.now += SLOWLY
    assert not slow.live.now().late
    assert len(calls) == 2
