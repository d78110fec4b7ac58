"""The status of a tracked request says what became of it, whoever dies and in whatever order attempts end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from functions.contracts.contract import Command
from functions.contracts.environment import DAY, DEAD_LETTER_RETENTION
from functions.contracts.plan import PlanCommand
from functions.contracts.tracked import RequestStatus
from functions.runtime.consumer import Reject, Retry
from functions.runtime.errors import Limited
from functions.runtime.message import Message
from functions.runtime.outcome import Done, Failure, Outcomes, Waiting
from functions.runtime.record import Record
from functions.runtime.requests import SILENT, expect_the_worst, settle
from functions.runtime.settings import Settings
from tests.fixtures import Context
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probe, Probed, Probing, probe
from tests.functions.runtime.requesting import RECEIVED, ROUTE, Requesting, asked

Logged = Callable[[], list[dict[str, Any]]]
MESSAGE = Message(id="a", key="a", cause="a", causation_id="a", correlation_id="c-1")


def intake(_: Record) -> Any:
    pytest.fail("nothing is read")


def delayed(received: int) -> None:
    """What its consumer says of a request that is to wait."""
    ask = PlanCommand(asked="a", order=1, queue="q", key="a", keyed=False, at=1)
    waits = Done(Record.read(asked(received=received)), MESSAGE, (), skipped="It waits.", plans=(ask,))
    assert settle({"a": waits}, Settings.read(), 5, intake) == {}


@pytest.fixture
def requesting(monkeypatch: pytest.MonkeyPatch, fakes: Fakes) -> Requesting:
    return Requesting(monkeypatch, fakes)


def test_a_request_that_succeeds_at_once_is_one_write(requesting: Requesting) -> None:
    assert requesting.run(Probing(), asked()) == set()
    item = requesting.item()
    assert (item["status"], item["route"], item["received_at"], item["attempts"]) == ("done", ROUTE, RECEIVED, 1)
    assert abs(item["expires_at"] - time.time() - 4 * DAY - DEAD_LETTER_RETENTION) < 60
    assert len(requesting.table.calls) == 1
    msgspec.convert({name: item[name] for name in RequestStatus.__struct_fields__ if name in item}, RequestStatus)


def test_done_is_said_only_once_the_events_are_told(requesting: Requesting, fakes: Fakes) -> None:
    seen: list[int] = []
    put = requesting.table.tables.put_item

    def counted(**body: Any) -> Any:
        seen.append(len(fakes.events.envelopes))
        return put(**body)

    requesting.table.tables.put_item = counted  # type: ignore[method-assign]
    requesting.run(Probing(), asked())
    assert seen == [1]


def test_an_event_that_cannot_be_told_is_no_done(requesting: Requesting, fakes: Fakes) -> None:
    fakes.events.answers = [refusal("ValidationException", "PutEvents")] * 20
    assert requesting.run(Probing(), asked()) == {"a"}
    assert requesting.item()["status"] == "retrying"


def test_a_failure_is_retrying_and_its_words_are_for_operators(requesting: Requesting) -> None:
    assert requesting.run(Probing(a=Retry("arn:aws:iam::1:role/x is busy")), asked()) == {"a"}
    item = requesting.item()
    assert (item["status"], item["cause"]) == ("retrying", {"error": "Retry", "message": SILENT})
    assert "arn" not in json.dumps(item)


def test_a_rejection_says_what_to_do_without_secrets_and_the_last_attempt_is_dead(requesting: Requesting) -> None:
    def refuse(probe: Probe, _: Message) -> None:
        raise Reject(f"No probe {probe.name} with {probe.token}.")

    record = asked() | {"body": '{"name":"a","token":"s3cret"}'}
    requesting.run(Probing(a=refuse), record)
    assert requesting.item()["status"] == "retrying"
    again = asked(attempt=3) | {"body": '{"name":"a","token":"s3cret"}'}
    requesting.run(Probing(a=refuse), again)
    item = requesting.item()
    assert (item["status"], item["attempts"]) == ("dead", 3)
    assert item["cause"] == {"error": "Reject", "message": "No probe a with [secret]."}
    assert "otherwise" not in item


def test_what_is_redriven_and_succeeds_is_done(requesting: Requesting) -> None:
    requesting.run(Probing(a=Reject("No.")), asked(attempt=3))
    assert requesting.item()["status"] == "dead"
    requesting.run(Probing(), asked("a", message_id="another", redriven="1 run"))
    item = requesting.item()
    assert (item["status"], item["attempts"], "cause" in item) == ("done", 1, False)


def test_a_worker_that_dies_with_the_last_attempt_leaves_a_dead_request_once_it_must_be_over(
    requesting: Requesting,
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        item = requesting.item()
        seen.append(item)
        raise KeyboardInterrupt  # ends the worker, as a kill does

    seen: list[dict[str, Any]] = []
    with pytest.raises(KeyboardInterrupt):
        requesting.run(Probing(a=die), asked(attempt=3), context=Context(20))
    (item,) = seen
    assert requesting.item() == item
    assert item["status"] == "retrying"
    assert item["otherwise"]["status"] == "dead"
    assert item["otherwise"]["cause"]["error"] == "WorkerDied"
    assert 15_000 < item["otherwise_from"] - time.time() * 1000 <= 20_000
    shown = {name: value for name, value in item["otherwise"].items() if name != "otherwise"}
    assert msgspec.convert(shown, RequestStatus).status == "dead"


@pytest.mark.parametrize("as_copy", [True, False])
def test_a_last_attempt_that_only_waits_for_a_limit_is_not_dead(requesting: Requesting, as_copy: bool) -> None:
    record, settings = Record.read(asked(attempt=3)), Settings.read()
    expect_the_worst([record], settings)
    assert requesting.item()["otherwise"]["status"] == "dead"
    failure = Failure(record, Limited("Wait.", limit="crm", delay=9), "Wait.")
    settle({"a": Waiting(failure) if as_copy else failure}, settings, 5, lambda _: pytest.fail("nothing is read"))
    assert (requesting.item()["status"], "otherwise" in requesting.item()) == ("retrying", False)


def test_a_last_attempt_that_succeeds_leaves_nothing_of_the_worst(requesting: Requesting) -> None:
    requesting.run(Probing(), asked(attempt=3))
    item = requesting.item()
    assert (item["status"], "otherwise" in item, "otherwise_from" in item) == ("done", False, False)


def test_the_worst_that_cannot_be_said_of_one_is_said_of_the_others(requesting: Requesting, logged: Logged) -> None:
    requesting.table.answers = [refusal("ValidationException", "UpdateItem")]
    last = [asked(name, correlation_id=f"c-{name}", message_id=name, attempt=3) for name in "ab"]
    seen: list[dict[str, Any]] = []

    def look(*_: Any) -> None:
        seen.append(requesting.item("c-b"))

    requesting.run(Probing(a=look), *last)
    assert seen[0]["otherwise"]["status"] == "dead"
    assert any(line["message"] == "failed to expect the worst of requests" for line in logged())


def test_what_is_done_stays_done_whatever_a_second_delivery_meets(requesting: Requesting) -> None:
    requesting.run(Probing(), asked())
    done = requesting.item()
    requesting.run(Probing(a=Retry("busy")), asked(attempt=2))
    requesting.run(Probing(a=Reject("No.")), asked(attempt=3))
    assert requesting.item() == done


def test_of_two_requests_with_one_correlation_id_the_newer_is_told(requesting: Requesting) -> None:
    requesting.run(Probing(), asked("new", RECEIVED + 1))
    requesting.run(Probing(), asked("old", RECEIVED))
    requesting.run(Probing(old=Reject("No.")), asked("old", RECEIVED, attempt=3))
    assert (requesting.item()["status"], requesting.item()["received_at"]) == ("done", RECEIVED + 1)
    requesting.run(Probing(newest=Retry("busy")), asked("newest", RECEIVED + 2))
    assert (requesting.item()["status"], requesting.item()["received_at"]) == ("retrying", RECEIVED + 2)


def test_the_same_correlation_id_of_two_tenants_is_two_requests(requesting: Requesting) -> None:
    requesting.run(Probing(b=Retry("busy")), asked("a"), asked("b", tenant="other"))
    assert requesting.item(tenant="acme")["status"] == "done"
    assert requesting.item(tenant="other")["status"] == "retrying"


def test_a_status_that_cannot_be_written_brings_what_is_done_back(requesting: Requesting, logged: Logged) -> None:
    requesting.table.answers = [refusal("AccessDeniedException", "PutItem")]
    probing = Probing()
    assert requesting.run(probing, asked()) == {"a"}
    (line,) = [each for each in logged() if each.get("outcome", each.get("message")) == "retried"]
    assert "The status of the request could not be written" in line["error"]
    assert requesting.run(probing, asked(attempt=2)) == set()
    assert requesting.item()["status"] == "done"


def test_a_status_of_a_failure_that_cannot_be_written_costs_the_batch_nothing(requesting: Requesting) -> None:
    requesting.table.answers = [refusal("AccessDeniedException", "PutItem")]
    assert requesting.run(Probing(a=Retry("busy")), asked()) == {"a"}
    assert requesting.items() == {}


def test_a_whole_batch_is_told_each_its_own(requesting: Requesting) -> None:
    records = [asked(f"n{number}", correlation_id=f"c-{number}") for number in range(10)]
    failing = {f"n{number}": Retry("busy") for number in (3, 7)}
    assert requesting.run(Probing(**failing), *records) == {"n3", "n7"}
    states = {key: item["status"] for key, item in requesting.items().items()}
    assert states == {f"/acme/c-{number}": "retrying" if number in (3, 7) else "done" for number in range(10)}


def test_what_came_by_another_route_or_by_none_costs_nothing(requesting: Requesting) -> None:
    others = [probe("a", correlation_id="c-1"), asked("b", route="POST /v1/others"), asked("c", correlation_id="a/b")]
    assert requesting.run(Probing(), *others) == set()
    assert requesting.table.calls == []


def test_what_was_asked_for_is_named_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch, fakes: Fakes) -> None:
    requesting = Requesting(monkeypatch, fakes, {ROUTE: "/v1/probes/{name}"})
    requesting.run(Probing(), asked("a b", message_id="1"), asked("c", correlation_id="c-2"))
    assert requesting.item()["thing"] == "/v1/probes/a%20b"
    requesting.run(Probing(d=Retry("busy")), asked("d", correlation_id="c-3"))
    assert "thing" not in requesting.item("c-3")


def test_a_field_that_json_calls_otherwise_is_named_as_its_path_has_it(requesting: Requesting) -> None:
    class Renamed(Command, frozen=True, kw_only=True):
        short: str = msgspec.field(name="probe_id")

    path = {ROUTE: "/v1/probes/{probe_id}"}
    settings = msgspec.structs.replace(Settings.read(), tracked=json.dumps(path))
    done = Done(Record.read(asked()), MESSAGE, ())
    assert settle({"a": done}, settings, 5, lambda _: (Renamed(short="a"), MESSAGE)) == {}
    assert requesting.item()["thing"] == "/v1/probes/a"


def test_a_status_that_cannot_be_made_brings_back_its_own_message_alone(requesting: Requesting) -> None:
    settings = msgspec.structs.replace(Settings.read(), tracked=json.dumps({ROUTE: "/v1/probes/{probe_id}"}))
    records = [Record.read(asked(name, correlation_id=f"c-{name}", message_id=name)) for name in "ab"]
    outcomes: Outcomes = {each.id: Done(each, MESSAGE, ()) for each in records}
    outcomes["b"] = Failure(records[1], Retry("busy"), "busy", MESSAGE)
    found = settle(outcomes, settings, 5, lambda record: (Probe(name=record.id), MESSAGE))
    assert [*found] == ["a"], "its contract has no such field"
    assert requesting.item("c-b")["status"] == "retrying"


def test_what_waits_for_long_is_known_of_until_it_must_be_forgotten_after_that(requesting: Requesting) -> None:
    at = time.time() + 300 * DAY
    ask = PlanCommand(asked="a", order=1, queue="q", key="a", keyed=False, at=round(at * 1000))
    settle(
        {"a": Done(Record.read(asked()), MESSAGE, (), skipped="It waits.", plans=(ask,))}, Settings.read(), 5, intake
    )
    item = requesting.item()
    assert item["status"] == "delayed"
    assert abs(item["expires_at"] - at - 4 * DAY - DEAD_LETTER_RETENTION) < 60


@pytest.mark.parametrize("move", [None, Reject("No.")])
def test_a_delayed_request_that_was_sent_twice_is_told_by_the_one_that_comes(
    requesting: Requesting, move: BaseException | None
) -> None:
    """The planner drops the repeat, which is the same ask, and what comes at its time is the first."""
    for received in (RECEIVED, RECEIVED + 9):
        delayed(received)
    requesting.run(Probing() if move is None else Probing(a=move), asked(attempt=3))
    assert (requesting.item()["status"], requesting.item()["received_at"]) == ("dead" if move else "done", RECEIVED)


def test_a_last_attempt_is_expected_to_die_of_a_delayed_request_that_was_sent_twice(requesting: Requesting) -> None:
    delayed(RECEIVED + 9)
    expect_the_worst([Record.read(asked(attempt=3))], Settings.read())
    assert requesting.item()["otherwise"]["status"] == "dead"


@pytest.mark.parametrize(("moves", "state"), [({}, "done"), ({"a": Reject("No.")}, "dead")])
def test_a_delayed_request_that_is_sent_again_once_it_is_over_stays_that(
    requesting: Requesting, moves: dict[str, BaseException], state: str
) -> None:
    requesting.run(Probing(**moves), asked(attempt=3))
    delayed(RECEIVED + 9)
    assert (requesting.item()["status"], requesting.item()["received_at"]) == (state, RECEIVED)


def test_what_died_of_not_being_planned_and_is_redriven_is_delayed(requesting: Requesting) -> None:
    requesting.run(Probing(a=Reject("No.")), asked(attempt=3))
    delayed(RECEIVED)
    assert requesting.item()["status"] == "delayed"


@pytest.mark.parametrize(("planned", "state"), [(True, "delayed"), (False, "skipped")])
def test_what_is_not_handled_now_is_no_done(requesting: Requesting, planned: bool, state: str) -> None:
    record = Record.read(asked())
    ask = PlanCommand(asked="a", order=1, queue="q", key="a", keyed=False, at=1)
    one = Done(record, MESSAGE, (), skipped="It waits.", plans=(ask,) if planned else ())
    settle({"a": one}, Settings.read(), 5, intake)
    assert requesting.item()["status"] == state
    requesting.run(Probing(), asked())
    assert requesting.item()["status"] == "done"


def test_a_group_behind_a_failure_says_nothing_until_its_turn(requesting: Requesting) -> None:
    first = asked("a", group="g")
    second = asked("b", group="g", correlation_id="c-2")
    requesting.run(Probing(a=Retry("busy")), first, second)
    assert {key: item["status"] for key, item in requesting.items().items()} == {"/acme/c-1": "retrying"}


def test_a_consumer_without_tracked_routes_does_not_load_the_module(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "functions.runtime.requests", raising=False)
    monkeypatch.delitem(sys.modules, "functions.runtime.progress", raising=False)
    probing = Probing()
    probing.handler({"Records": [asked()]}, Context())
    assert not {"functions.runtime.requests", "functions.runtime.progress"} & set(sys.modules)
    assert probing.seen == ["a"]
    assert Probed in type(probing).handle.__globals__.values()
