"""The traps of the standard batch processor (Powertools 3.37), each by its number, and how ours gets past it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Command, Event
from functions.runtime.consumer import consumer
from functions.runtime.message import Message
from tests.functions.events import batch, failed, record
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probe, Probing, probe

BOOM = RuntimeError("boom")


@pytest.mark.parametrize("names", ["a", "abc"])
def test_t1_a_batch_of_which_all_fail_is_a_report_so_polling_is_not_slowed_down(fakes: Fakes, names: str) -> None:
    assert failed(Probing(a=BOOM, b=BOOM, c=BOOM).handler(batch(*map(probe, names)))) == list(names)


def test_t3_a_group_whose_first_message_fails_is_a_report(fakes: Fakes) -> None:
    records = [probe(name, group="g") for name in "abc"]
    assert failed(Probing(a=BOOM).handler(batch(*records))) == ["a", "b", "c"]


def test_t4_and_t5_only_the_failed_group_is_returned_with_its_rest(fakes: Fakes) -> None:
    records = [probe("a", group="g1"), probe("b", group="g1"), probe("c", group="g2"), probe("d", group="g2")]
    assert failed(Probing(b=BOOM).handler(batch(*records))) == ["b"]
    assert failed(Probing(a=BOOM).handler(batch(*records))) == ["a", "b"]


def test_t6_a_malformed_message_behind_a_failed_one_costs_no_finished_one(fakes: Fakes) -> None:
    bad = record("{", message_id="bad", queue="q.fifo", group="g1")
    report = Probing(a=BOOM).handler(batch(probe("done", group="g2"), probe("a", group="g1"), bad))
    assert failed(report) == ["a", "bad"]


def test_t7_a_malformed_message_of_a_standard_queue_fails_alone(fakes: Fakes) -> None:
    assert failed(Probing().handler(batch(record("{", message_id="bad"), probe("a")))) == ["bad"]


def test_t8_a_contract_that_goes_by_another_name_fails_its_message_alone(fakes: Fakes) -> None:
    class Renamed(Command, frozen=True, kw_only=True, tag="another-name"):
        business_key: ClassVar[str | None] = "name"
        name: str

    seen: list[str] = []

    def handle(command: Renamed, message: Message) -> None:
        seen.append(command.name)

    report = consumer(handle, accepts=Renamed)(
        batch(record('{"name": 1}', message_id="bad"), record(Renamed(name="a")))
    )
    assert failed(report) == ["bad"]
    assert seen == ["a"]


@pytest.mark.parametrize("error", [KeyError, AttributeError, ValueError])
def test_t9_a_contract_whose_own_check_raises_fails_its_message_alone(fakes: Fakes, error: type[Exception]) -> None:
    class Checked(Command, frozen=True, kw_only=True):
        business_key: ClassVar[str | None] = "name"
        name: str

        def __post_init__(self) -> None:
            if self.name == "bad":
                raise error("bad")

    seen: list[str] = []

    def handle(command: Checked, message: Message) -> None:
        seen.append(command.name)

    report = consumer(handle, accepts=Checked)(
        batch(record('{"name": "bad"}', message_id="bad"), record('{"name": "a"}'))
    )
    assert failed(report) == ["bad"]
    assert seen == ["a"]


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit(1)])
def test_t10_a_handler_that_exits_fails_its_message_alone(fakes: Fakes, error: BaseException) -> None:
    assert failed(Probing(a=error).handler(batch(probe("a"), probe("b")))) == ["a"]


def test_t11_a_cancelled_handler_fails_its_message_alone(fakes: Fakes) -> None:
    assert failed(Probing(a=asyncio.CancelledError()).handler(batch(probe("a"), probe("b")))) == ["a"]


def test_t12_one_message_is_handled_at_a_time_however_large_the_batch(fakes: Fakes) -> None:
    running: list[str] = []
    most = 0

    def handle(command: Probe, message: Message) -> Iterable[Event]:
        nonlocal most
        running.append(command.name)
        most = max(most, len(running))
        running.pop()
        return ()

    consumer(handle, accepts=Probe)(batch(*(probe(f"m{number}") for number in range(200))))
    assert most == 1


def test_t13_an_empty_batch_is_a_success(fakes: Fakes) -> None:
    assert Probing().handler({"Records": []}) == {"batchItemFailures": []}


def test_t14_an_id_is_reported_once_even_if_its_message_came_twice(fakes: Fakes) -> None:
    assert failed(Probing(a=BOOM).handler(batch(probe("a"), probe("a")))) == ["a"]


def test_t16_an_async_handler_never_reports_success_for_nothing(fakes: Fakes) -> None:
    async def handle(command: Probe, message: Message) -> Iterable[Event]:
        return ()

    with pytest.raises(TypeError, match="async"):
        consumer(handle, accepts=Probe)  # type: ignore[arg-type]
    hidden = consumer(lambda command, message: handle(command, message), accepts=Probe)  # type: ignore[arg-type,return-value]
    assert failed(hidden(batch(probe("a")))) == ["a"]


class Wordless(Exception):
    def __str__(self) -> str:
        raise IndexError


class Textless(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("error", [Wordless(), Textless()], ids=["raises", "is None"])
def test_an_error_that_cannot_say_what_it_is_fails_its_message_alone(fakes: Fakes, error: Exception) -> None:
    assert failed(Probing(b=error).handler(batch(*map(probe, "abc")))) == ["b"]
    assert type(error).__name__ in fakes.dynamodb.causes["b"]["error_message"]


def test_what_goes_wrong_while_the_causes_are_recorded_fails_no_batch(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(fakes.dynamodb, "update_item", broken)
    assert failed(Probing(b=RuntimeError()).handler(batch(probe("a", attempt=5), probe("b")))) == ["b"]
    assert "b" in fakes.sqs.visibility


def test_every_reported_id_is_one_of_the_batch_because_a_stranger_would_fail_all_of_it(fakes: Fakes) -> None:
    records = [probe("a"), record("{", message_id="bad"), probe("b")]
    assert set(failed(Probing(a=BOOM, b=BOOM).handler(batch(*records)))) <= {each["messageId"] for each in records}
