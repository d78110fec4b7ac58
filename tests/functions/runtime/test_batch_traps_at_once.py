"""What breaks where messages share a thread: those that hang, fork, ring for themselves, or think themselves alone."""

from __future__ import annotations

import asyncio
import calendar
import json
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.runtime import breaker, clients, fibers, secret, waiting
from functions.runtime.aws import connection
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.abreast import FINE, Answer, Dynamo, Falling, call, dynamodb, get, told, warmed
from tests.functions.runtime.probe import Probe, Probing, probe

__all__ = ["dynamodb"]


@pytest.mark.parametrize("place", [0, 9])
def test_nine_that_hang_leave_the_tenth_its_answer_and_the_batch_its_report(
    fakes: Fakes, dynamodb: Dynamo, place: int
) -> None:
    def hang(*_: object) -> None:
        get()
        time.sleep(60)

    names = [f"h{number}" for number in range(9)]
    order = [*names[:place], "good", *names[place:]]
    began = time.monotonic()
    probing = warmed(good=call, **dict.fromkeys(names, hang))
    assert failed(probing.handler(batch(*map(probe, order)), Falling(4))) == names
    assert time.monotonic() - began < 4
    assert told(fakes) == ["good"]


def test_a_message_whose_work_would_not_fit_is_not_begun_only_to_be_interrupted(
    fakes: Fakes, dynamodb: Dynamo, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    begun: list[float] = []

    def slow(probe: Probe, _: object) -> None:
        get()
        begun.append(time.monotonic())
        time.sleep(0.6)

    names = [f"m{number}" for number in range(10)]
    start = time.monotonic()
    back = failed(Probing(**dict.fromkeys(names, slow)).handler(batch(*map(probe, names)), Falling(4)))
    assert max(begun) - start < 3.2, "handling has four fifths of the time"
    assert time.monotonic() - start < 4
    assert {line["error_type"] for line in logged() if "error_type" in line} == {"NotAttempted"}
    assert len(back) < 7


def test_a_process_that_a_handler_forks_handles_nobody_elses_message(
    fakes: Fakes, dynamodb: Dynamo, tmp_path: Path
) -> None:
    dynamodb.takes = 0.05
    effects = tmp_path / "effects"

    def forks(*_: object) -> None:
        child = multiprocessing.get_context("fork").Process(target=get)
        child.start()
        child.join()
        assert child.exitcode == 0

    def other(probe: Probe, _: object) -> None:
        get()
        with effects.open("a") as file:
            file.write(f"{probe.name}\n")

    names = ("a", "b", "f", "c")
    assert failed(warmed(f=forks, a=other, b=other, c=other).handler(batch(*map(probe, names)), Falling(10))) == []
    assert sorted(effects.read_text().split()) == ["a", "b", "c"]


def test_ten_requests_that_a_wrong_clock_signed_are_all_signed_again(fakes: Fakes, dynamodb: Dynamo) -> None:
    ahead = time.time() + 3600

    def answers(headers: dict[str, str], _: bytes) -> Answer:
        signed = calendar.timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
        if abs(signed - ahead) < 300:
            return FINE
        refusal = {"__type": "x#InvalidSignatureException", "message": "Signature expired"}
        return 400, {"Date": formatdate(ahead, usegmt=True)}, json.dumps(refusal).encode()

    dynamodb.answers = answers
    names = "abcdefghij"
    assert failed(warmed(**dict.fromkeys(names, call)).handler(batch(*map(probe, names)), Falling(10))) == []


def test_an_event_loop_of_a_handlers_own_is_one_at_a_time(fakes: Fakes, dynamodb: Dynamo) -> None:
    def handle(*_: object) -> None:
        async def work() -> None:
            await asyncio.sleep(0.001)
            get()

        asyncio.run(work())

    assert failed(warmed(**dict.fromkeys("abcd", handle)).handler(batch(*map(probe, "abcd")), Falling(10))) == []


def test_an_alarm_that_a_handler_sets_for_itself_leaves_the_others_theirs(fakes: Fakes, dynamodb: Dynamo) -> None:
    def limited(*_: object) -> None:
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 5)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    def hang(*_: object) -> None:
        get()
        time.sleep(9)

    began = time.monotonic()
    assert failed(warmed(a=limited, b=hang).handler(batch(probe("a"), probe("b")), Falling(3))) == ["b"]
    assert time.monotonic() - began < 3


def test_an_alarm_that_a_handler_sets_for_itself_rings_for_it_alone(
    fakes: Fakes, dynamodb: Dynamo, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    def answers(_: dict[str, str], body: bytes) -> Answer:
        time.sleep(0.3 if b"slow" in body else 0)
        return FINE

    dynamodb.answers = answers

    def limited(*_: object) -> None:
        def ring(*_: object) -> None:
            raise TimeoutError("the time of a")

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            get("slow")
            time.sleep(1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def other(*_: object) -> None:
        get("other")
        time.sleep(0.25)

    assert failed(warmed(a=limited, b=other).handler(batch(probe("a"), probe("b")), Falling(10))) == ["a"]
    assert [line["error"] for line in logged() if "error_type" in line] == ["the time of a"]
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_names_that_do_not_resolve_are_asked_for_once_by_all(
    fakes: Fakes, dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def hangs(*_: object, **__: object) -> None:
        asked.append(time.monotonic())
        time.sleep(0.3)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(connection, "_known", {})
    began = time.monotonic()
    names = "abcdefghij"
    assert failed(warmed(**dict.fromkeys(names, call)).handler(batch(*map(probe, names)), Falling(6))) == list(names)
    assert time.monotonic() - began < 2
    assert len(asked) == 1


def test_an_answer_in_many_pieces_is_not_too_late_because_of_others(dynamodb: Dynamo) -> None:
    content = json.dumps({"Item": {"x": {"S": "y" * 300_000}}}).encode()
    dynamodb.answers = lambda *_: (200, {}, content)
    made = clients.made["dynamodb"]
    made._seconds = lambda: 0.5
    made._attempts = 1
    got: list[int] = []

    def ask() -> None:
        got.append(len(get()["Item"]["x"]["S"]))

    def hold_up() -> None:
        for _ in range(3):
            time.sleep(0.4)  # others' time does not count, however often it is taken
            waiting.sleep(0.001)

    now = time.monotonic()
    fibers.run([ask, hold_up, ask], now + 20, now + 20)
    assert got == [300_000] * 2


def test_no_service_is_blamed_for_a_message_that_hung_beside_its_call(
    fakes: Fakes,
    dynamodb: Dynamo,
    logged: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "SLOW", 30.0)  # a machine that is busy is slow itself

    def hang(*_: object) -> None:
        get()
        time.sleep(60)

    def three(*_: object) -> None:
        get()
        get()
        get()

    records = [probe(name, attempt=2) for name in "abcd"]
    assert failed(warmed(a=hang, b=hang, c=hang, d=three).handler(batch(*records), Falling(4)))[:3] == ["a", "b", "c"]
    assert {line["error_type"] for line in logged() if "error_type" in line} == {"OutOfTime"}
    assert "bad" not in breaker._memory


def test_time_of_its_own_ends_a_message_in_turns_too(dynamodb: Dynamo) -> None:
    took: list[float] = []

    def body(wait: Callable[[float], None]) -> None:
        began = time.monotonic()
        with pytest.raises(OutOfTime):
            within(0.2, lambda: wait(3))
        took.append(time.monotonic() - began)
        wait(0.05)

    now = time.monotonic()
    fibers.run([partial(body, waiting.sleep), partial(body, time.sleep)], now + 20, now + 20)
    assert all(0.2 <= seconds < 2 for seconds in took), took
    assert len(took) == 2


def test_what_only_one_may_do_others_wait_for(dynamodb: Dynamo) -> None:
    inside: list[int] = []

    def body() -> None:
        with waiting.alone("it"):
            inside.append(1)
            waiting.sleep(0.01)
            assert len(inside) == 1
            inside.pop()

    now = time.monotonic()
    fibers.run([body] * 5, now + 20, now + 20)
    with waiting.alone("it"), waiting.alone("another"):
        pass


def test_a_secret_is_read_once_for_a_batch_and_so_is_its_failure(
    dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Manager:
        away = False

        def get_secret_value(self, **named: str) -> dict[str, Any]:
            asked.append(named["VersionStage"])
            waiting.sleep(0.01)
            if self.away:
                raise refusal("ThrottlingException", "GetSecretValue")
            return {"SecretString": "s", "CreatedDate": datetime.now(UTC)}

    manager = Manager()
    monkeypatch.setitem(clients.made, "secretsmanager", manager)
    monkeypatch.setenv("SECRET_CRM", "crm")
    monkeypatch.setattr(secret, "_known", {})
    got: list[tuple[str, ...]] = []
    now = time.monotonic()
    fibers.run([lambda: got.append(secret.secret("crm"))] * 5, now + 20, now + 20)
    assert (got, asked) == ([("s", "s")] * 5, ["AWSCURRENT", "AWSPREVIOUS"])
    secret.forget()
    manager.away = True
    asked.clear()

    def fails() -> None:
        with pytest.raises(ClientError):
            secret.secret("crm")

    fibers.run([fails] * 5, now + 20, now + 20)
    assert asked == ["AWSCURRENT"]
