"""What the line of an attempt says of who made it: the release of its consumer, and how long the handler worked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.runtime import settings, waiting
from functions.runtime.errors import Limited, Reject
from functions.runtime.outcome import Duplicate
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, taken
from tests.functions.runtime.abreast import Dynamo, dynamodb, get, warmed
from tests.functions.runtime.probe import Probed, Probing, probe
from tests.functions.runtime.test_tracing import Logged

__all__ = ["dynamodb"]


class Clock:
    """Seconds that go by only while somebody works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def works(self, seconds: float, error: BaseException | None = None, answer: Any = ()) -> Any:
        """A handler that works so long, and how it ends then."""

        def handle(*_: object) -> Any:
            self.now += seconds
            if error is not None:
                raise error
            return answer

        return handle


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(waiting, "clock", lambda: one.now)
    return one


def attempts(logged: Logged) -> dict[str, dict[str, Any]]:
    """The lines of attempts, by the message."""
    return {line["message_id"]: line for line in logged() if "attempt" in line}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that a bundle has, which is not there yet."""
    settings._release.cache_clear()
    monkeypatch.setattr(settings, "RELEASE", tmp_path / "RELEASE")
    yield tmp_path / "RELEASE"
    settings._release.cache_clear()


def test_the_release_of_what_is_deployed_is_that_of_its_bundle_in_the_line_and_in_the_cause(
    fakes: Fakes, logged: Logged, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
    monkeypatch.setenv("FAILURES_TABLE", "failures")
    built.write_text("3f9c01aa")

    def fails(*_: object) -> None:
        raise Reject("no")

    warmed(a=fails).handler(batch(probe("a", receives=5)))
    assert attempts(logged)["a"]["release"] == "3f9c01aa"
    assert "3f9c01aa" in repr(fakes.dynamodb.calls)


def test_every_outcome_names_the_release_and_how_long_its_handler_worked(
    fakes: Fakes, logged: Logged, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "42")

    def tells_bit_by_bit(*_: object) -> Iterator[Probed]:
        clock.now += 0.04
        yield Probed(name="bit")
        clock.now += 0.02

    probing = Probing(
        bits=tells_bit_by_bit,
        done=clock.works(0.0123),
        again=clock.works(0.5, answer=Duplicate()),
        fails=clock.works(2, RuntimeError("no")),
        refuses=clock.works(0, Reject("never")),
    )
    probing.handler(batch(*map(probe, ("bits", "done", "again", "fails", "refuses"))))
    told = {id_: (line["message"], line["duration_ms"]) for id_, line in attempts(logged).items()}
    assert told == {
        "bits": ("processed", 60),
        "done": ("processed", 12),
        "again": ("duplicate", 500),
        "fails": ("retried", 2000),
        "refuses": ("rejected", 0),
    }
    probing.handler(batch(probe("done")))
    assert {line["release"] for line in attempts(logged).values()} == {"42"}


def test_the_recorded_cause_and_the_line_name_one_release(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "42")
    Probing(a=RuntimeError("no")).handler(batch(probe("a")))
    assert attempts(logged)["a"]["release"] == fakes.dynamodb.causes["a"]["version"] == "42"


def test_where_no_handler_worked_no_time_is_told(fakes: Fakes, logged: Logged, clock: Clock) -> None:
    unreadable = probe("unreadable") | {"body": "no json"}
    Probing(head=clock.works(1, RuntimeError("no"))).handler(
        batch(probe("head", group="g"), probe("behind", group="g"), unreadable)
    )
    lines = attempts(logged)
    assert {id_: line.get("duration_ms") for id_, line in lines.items()} == {
        "head": 1000,
        "behind": None,
        "unreadable": None,
    }
    assert all("release" in line for line in lines.values())


def test_what_waits_for_a_limit_is_told_with_its_release(fakes: Fakes, logged: Logged) -> None:
    Probing(a=Limited("wait", delay=1.0, limit="l")).handler(batch(probe("a")))
    line = attempts(logged)["a"]
    assert (line["message"], "release" in line) == ("limited", True)


def test_the_time_stays_told_where_what_was_done_is_a_failure_after_all(
    fakes: Fakes, logged: Logged, clock: Clock
) -> None:
    fakes.events.answers = [taken("MalformedDetail", None)]
    probing = Probing(a=clock.works(0.25, answer=[Probed(name="a")]))
    assert failed(probing.handler(batch(probe("a")))) == ["a"]
    line = attempts(logged)["a"]
    assert (line["message"], line["duration_ms"]) == ("retried", 250)


def test_what_others_of_a_batch_did_meanwhile_is_no_time_of_a_handler(
    fakes: Fakes, logged: Logged, dynamodb: Dynamo
) -> None:
    def hogs(*_: object) -> None:
        time.sleep(0.6)

    def asks(*_: object) -> None:
        get("quick")

    warmed(asks=asks, hogs=hogs).handler(batch(probe("asks"), probe("hogs")))
    lines = attempts(logged)
    assert lines["hogs"]["duration_ms"] >= 600
    assert lines["asks"]["duration_ms"] < 600, "its answer was there while the other slept"
