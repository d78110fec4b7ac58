"""Whose time it is where messages share a thread: alarms of their own, and calls that hang beside work."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.runtime import clients, fibers, secret, waiting
from functions.runtime.aws import connection
from functions.runtime.aws.service import Service
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes
from tests.functions.runtime.abreast import FINE, Answer, Dynamo, Falling, call, dynamodb, get, warmed
from tests.functions.runtime.probe import Probe, Probed, Probing, probe

__all__ = ["dynamodb"]

Logged = Callable[[], list[dict[str, Any]]]


def handled(probing: Probing, names: str | list[str], seconds: float, **more: Any) -> tuple[list[str], float]:
    """The names of what failed, and how long it took."""
    began = time.monotonic()
    back = failed(probing.handler(batch(*(probe(name, **more) for name in names)), Falling(seconds)))
    return back, time.monotonic() - began


def sleeps(seconds: float) -> Callable[..., None]:
    return lambda *_: time.sleep(seconds)


def worked(probe: Probe, _: object) -> list[Probed]:
    time.sleep(0.03)
    get()
    time.sleep(0.03)
    return [Probed(name=probe.name)]


def left_behind(*_: object) -> None:
    """A handler that rings for itself and leaves its alarm as it is."""

    def ring(*_: object) -> None:
        raise TimeoutError("the time of another")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    raise ValueError


def turned_off(*_: object) -> None:
    """A handler that leaves a handler of its own, and no alarm at all."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(5)
    get()
    signal.alarm(0)


@pytest.mark.parametrize("first", [lambda *_: signal.alarm(0), turned_off], ids=["turned off", "handler left"])
def test_an_alarm_that_is_turned_off_is_there_for_the_next_of_its_group(
    fakes: Fakes, dynamodb: Dynamo, first: Callable[..., None]
) -> None:
    records = [probe("a", group="g"), probe("b", group="g"), probe("x", group="h")]
    began = time.monotonic()
    assert "b" in failed(warmed(a=first, b=sleeps(6)).handler(batch(*records), Falling(2)))
    assert time.monotonic() - began < 2


def test_an_alarm_that_is_left_behind_rings_in_no_other_message(fakes: Fakes, dynamodb: Dynamo) -> None:
    probing = warmed(a=left_behind, b=sleeps(0.4), c=sleeps(0.4), d=sleeps(0.4))
    probing.handler._abreast = 2
    assert handled(probing, "abcd", 20)[0] == ["a"]


def test_an_alarm_of_its_own_rings_while_its_message_waits(fakes: Fakes, dynamodb: Dynamo) -> None:
    def answers(_: dict[str, str], body: bytes) -> Answer:
        time.sleep(2 if b"slow" in body else 0)
        return FINE

    dynamodb.answers = answers

    def limited(*_: object) -> None:
        def ring(*_: object) -> None:
            raise RuntimeError

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            get("slow")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    back, took = handled(warmed(a=limited), "ab", 10)
    assert back == ["a"]
    assert took < 1


def test_a_time_within_an_alarm_of_its_own_leaves_it_that(fakes: Fakes, dynamodb: Dynamo) -> None:
    rang: list[float] = []

    def limited(*_: object) -> None:
        began = time.monotonic()
        before = signal.signal(signal.SIGALRM, lambda *_: rang.append(time.monotonic() - began))
        signal.setitimer(signal.ITIMER_REAL, 0.6)
        try:
            with pytest.raises(OutOfTime):
                within(0.2, lambda: time.sleep(0.4))
            time.sleep(0.6)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    assert handled(warmed(a=limited), "ab", 10)[0] == []
    assert rang == [pytest.approx(0.6, abs=0.15)]


def test_an_answer_that_is_lost_is_asked_for_again_however_busy_the_others_are(fakes: Fakes, dynamodb: Dynamo) -> None:
    asked: list[float] = []

    def answers(_: dict[str, str], body: bytes) -> Answer:
        if b'"lost"' in body:
            asked.append(time.monotonic())
            if len(asked) == 1:
                time.sleep(8)
        return FINE

    dynamodb.answers = answers
    clients.made["dynamodb"]._seconds = lambda: clients._hurried("dynamodb", 0.6)
    names = [f"m{number}" for number in range(50)]
    probing = warmed(p=lambda *_: get("lost") and None, **dict.fromkeys(names, worked))
    assert handled(probing, ["p", *names], 6)[0] == []
    assert asked[1] - asked[0] < 4, "its time, and a round of the others for each step of the next request"


def test_a_pause_is_over_when_its_time_is_however_busy_the_others_are(fakes: Fakes, dynamodb: Dynamo) -> None:
    took: list[float] = []

    def pause(*_: object) -> None:
        began = time.monotonic()
        waiting.sleep(0.05)
        took.append(time.monotonic() - began)

    names = [f"m{number}" for number in range(30)]
    handled(warmed(p=pause, **dict.fromkeys(names, worked)), ["p", *names], 20)
    assert took[0] < 1.5, "one round of the others, at the most"


def test_waits_of_a_handlers_threads_do_not_make_it_quick(fakes: Fakes, dynamodb: Dynamo) -> None:
    dynamodb.takes = 0.1

    def pool(*_: object) -> None:
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(get, "abcdefghij"))

    probing = Probing(m=pool)
    handled(probing, ["m"], 10)
    assert probing.handler._pace.busy is not None
    assert probing.handler._pace.busy >= 0.1


def test_a_first_message_that_was_slow_does_not_keep_the_others_apart(fakes: Fakes, dynamodb: Dynamo) -> None:
    dynamodb.takes = 0.05

    def cold(probe: Probe, _: object) -> list[Probed]:
        time.sleep(1.5)
        return call(probe)

    names = [f"m{number}" for number in range(60)]
    back, took = handled(Probing(m0=cold, **dict.fromkeys(names[1:], call)), names, 6)
    assert back == []
    assert took < 3


def test_a_name_that_did_not_resolve_once_is_asked_for_again(
    fakes: Fakes, dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, [0]

    def once(*told: Any, **named: Any) -> Any:
        asked[0] += 1
        if asked[0] == 1:
            raise socket.gaierror(-3, "Temporary failure")
        return real(*told, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    monkeypatch.setattr(connection, "_known", {})
    assert handled(warmed(**dict.fromkeys("abc", call)), "abc", 10)[0] == []


def test_a_host_whose_address_is_dead_is_asked_for_another(
    fakes: Fakes, dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, [0]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()

    def rotates(*told: Any, **named: Any) -> Any:
        asked[0] += 1
        found = real(*told, **named)
        return [(*found[0][:4], dead)] if asked[0] == 1 else found

    monkeypatch.setattr(socket, "getaddrinfo", rotates)
    monkeypatch.setattr(connection, "_known", {})
    assert handled(warmed(**dict.fromkeys("abc", call)), "abc", 10)[0] == []


def test_names_that_hang_over_the_end_are_not_asked_for_by_each(
    fakes: Fakes, dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def hangs(*_: Any, **__: Any) -> None:
        asked.append(1)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as in C, where no alarm is heard
        try:
            time.sleep(2.6)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise socket.gaierror(-3, "Temporary failure")

    def later(*_: object) -> None:
        waiting.sleep(0.05)
        get()

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(connection, "_known", {})
    assert handled(warmed(**dict.fromkeys("abcdefghij", later)), "abcdefghij", 3)[1] < 3.3
    assert len(asked) == 1


class Manager:
    def get_secret_value(self, **_: str) -> dict[str, Any]:
        waiting.sleep(0.05)
        return {"SecretString": "s", "CreatedDate": datetime.now(UTC)}


def in_a_thread() -> None:
    with ThreadPoolExecutor(1) as threads:
        threads.submit(secret.secret, "crm").result()


def in_a_loop() -> None:
    async def work() -> None:
        secret.secret("crm")

    asyncio.run(work())


def in_a_process() -> None:
    child = multiprocessing.get_context("fork").Process(target=secret.secret, args=("crm",), daemon=True)
    child.start()
    child.join()
    assert child.exitcode == 0


@pytest.mark.parametrize("read", [in_a_thread, in_a_loop, in_a_process])
def test_a_secret_that_another_reads_is_waited_for_by_those_alone_that_let_it_go_on(
    fakes: Fakes, dynamodb: Dynamo, monkeypatch: pytest.MonkeyPatch, read: Callable[[], None]
) -> None:
    monkeypatch.setitem(clients.made, "secretsmanager", Manager())
    monkeypatch.setenv("SECRET_CRM", "crm")
    monkeypatch.setattr(secret, "_known", {})

    def other(*_: object) -> None:
        get()
        read()

    back, took = handled(warmed(a=lambda *_: secret.secret("crm") and None, b=other), "ab", 4)
    assert back == []
    assert took < 2


def test_who_is_alone_already_does_not_wait_for_itself() -> None:
    done: list[int] = []

    def body() -> None:
        with waiting.alone("it"), waiting.alone("it"):
            waiting.sleep(0.01)
            done.append(1)

    now = time.monotonic()
    fibers.run([body, body], now + 5, now + 5)
    assert done == [1, 1]


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("many", [1, 3])
def test_a_service_that_drips_is_what_hangs(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def drip(line: socket.socket) -> None:
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(400):
                line.sendall(b" ")
                time.sleep(0.05)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
    made = Service("dynamodb", attempts=1, seconds=lambda: 0.3, ended=lambda: None, rest=lambda: None)
    monkeypatch.setitem(clients.made, "dynamodb", made)
    hung: list[str] = []

    def ask() -> None:
        try:
            get()
        except Exception as error:
            hung.append(type(error).__name__)

    now = time.monotonic()
    fibers.run([ask] * many, now + 60, now + 60) if many > 1 else ask()
    made.close()
    server.close()
    assert hung == ["ReadTimeoutError"] * many


def test_where_one_ends_all_nobody_begins_another(fakes: Fakes, dynamodb: Dynamo) -> None:
    def bare(*_: object) -> None:
        try:
            waiting.sleep(5)
        except BaseException:
            return

    def stop(*_: object) -> None:
        waiting.sleep(0.01)
        raise KeyboardInterrupt

    names = [f"m{number}" for number in range(30)]
    probing = warmed(m0=bare, m1=stop, **dict.fromkeys(names[2:], lambda *_: waiting.sleep(0.05)))
    with pytest.raises(KeyboardInterrupt):
        handled(probing, names, 10)
    assert len(probing.seen) == 10
