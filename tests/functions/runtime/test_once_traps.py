"""The traps of Powertools' idempotency (3.37), each by its letter, and how `once` gets past it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct

from functions.runtime import clients
from functions.runtime import once as once_module
from functions.runtime.consumer import consumer
from functions.runtime.deadline import invocation, within
from functions.runtime.errors import OutOfTime, Reject, Retry, Unavailable
from functions.runtime.message import Message
from functions.runtime.once import IN_PROGRESS, _guard, complete, once
from functions.runtime.unfinished import unfinished
from local.rehearsal import Rehearsal
from tests.fixtures import Context
from tests.functions.events import batch, delivered, failed
from tests.functions.fakes import refusal
from tests.sample.contracts import TicketOpened
from tests.sample.messages import opened

DAY = 24 * 60 * 60


class Letter(Struct):
    text: str


class Effect:
    """Counts its runs, and may do something in each."""

    def __init__(self, *moves: Callable[[], None]) -> None:
        self.runs = 0
        self.moves = list(moves)

    def __call__(self) -> None:
        self.runs += 1
        if self.moves:
            self.moves.pop(0)()


def raising(error: BaseException) -> Callable[[], None]:
    def move() -> None:
        raise error

    return move


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def running(aws: Rehearsal) -> Iterator[Rehearsal]:
    token = invocation.set(Context(30))
    _guard.cache_clear()
    yield aws
    invocation.reset(token)
    _guard.cache_clear()


def do(effect: Effect, *, name: str = "letter", key: str = "ord-1", text: str = "hello") -> bool:
    return once(effect, name=name, key=key, content=Letter(text))


def entry(aws: Rehearsal) -> dict[str, Any]:
    (item,) = aws.items("once")
    return item


def expire_progress(aws: Rehearsal) -> None:
    aws.put("once", entry(aws) | {"in_progress_expiration": int(time.time() * 1000) - 1})


def test_an_effect_runs_once_and_says_whether_it_ran(running: Rehearsal) -> None:
    effect = Effect()
    assert [do(effect), do(effect), do(effect, key="ord-2")] == [True, False, True]
    assert effect.runs == 2


def test_a_without_the_lambda_context_nothing_runs(running: Rehearsal) -> None:
    token = invocation.set(None)
    with pytest.raises(LookupError, match="needs the Lambda context"):
        do(Effect())
    invocation.reset(token)
    assert running.items("once") == []


def test_a_and_b_a_dead_workers_key_is_free_again_when_its_time_is_over(running: Rehearsal) -> None:
    effect = Effect(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        do(effect)
    assert int(entry(running)["in_progress_expiration"]) <= (time.time() + IN_PROGRESS) * 1000
    with pytest.raises(Retry, match="being done by another worker") as caught:
        do(effect)
    assert caught.value.delay == IN_PROGRESS
    expire_progress(running)
    assert do(effect)
    assert effect.runs == 2


def test_c_two_effects_share_no_configuration(running: Rehearsal) -> None:
    effect = Effect()
    assert do(effect, name="letter")
    assert do(effect, name="invoice")
    assert len(running.items("once")) == 2


def test_d_an_effect_without_a_key_is_an_error(running: Rehearsal) -> None:
    effect = Effect()
    with pytest.raises(ValueError, match="without a key would run every time"):
        do(effect, key="")
    assert effect.runs == 0


def test_e_a_run_ends_before_its_key_is_free_so_no_late_failure_frees_anothers(running: Rehearsal) -> None:
    freed_at = []

    def hang() -> None:
        freed_at.append(int(entry(running)["in_progress_expiration"]))
        time.sleep(5)

    effect = Effect(hang)
    with pytest.raises(OutOfTime):
        within(0.3, lambda: do(effect))
    assert time.time() * 1000 < freed_at[0]
    expire_progress(running)
    assert do(effect)


def test_f_the_same_key_with_other_content_is_rejected(running: Rehearsal) -> None:
    do(Effect())
    with pytest.raises(Reject, match="done before with other content"):
        do(Effect(), text="goodbye")


def test_g_the_key_is_the_business_key_and_survives_redelivery_and_redrive(
    running: Rehearsal, context: Context
) -> None:
    effect = Effect()

    def handle(ticket: TicketOpened, message: Message) -> None:
        do(effect, key=ticket.ticket_id)

    handler = consumer(handle, accepts=TicketOpened)
    for message_id, attempt in (("first", 1), ("first", 2), ("redriven", 1)):
        report = handler(batch(delivered(opened(), message_id=message_id, attempt=attempt)), context)
        assert failed(report) == []
    assert effect.runs == 1


def test_the_key_holds_no_function_or_module_name(running: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    do(Effect())
    before = entry(running)["id"]
    assert before.startswith("once/letter#")
    _guard.cache_clear()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "renamed")
    assert not do(Effect())


def test_our_own_client_is_enough(running: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    dynamodb = clients.client("dynamodb")

    class Own:
        def __getattr__(self, method: str) -> Any:
            assert method.endswith("_item"), f"{method} would make botocore's"
            return getattr(dynamodb, method)

    monkeypatch.setitem(clients.made, "dynamodb", Own())
    effect = Effect()
    assert do(effect)
    assert not do(effect)
    assert effect.runs == 1


def test_the_key_is_hashed_by_sha256(running: Rehearsal) -> None:
    do(Effect())
    assert len(entry(running)["id"].partition("#")[2]) == 64
    assert len(entry(running)["validation"]) == 64


def test_the_record_outlives_every_retry_and_the_dead_letter_queue(running: Rehearsal) -> None:
    do(Effect())
    assert int(entry(running)["expiration"]) >= time.time() + 4 * DAY + 14 * DAY


def test_a_failed_effect_runs_again(running: Rehearsal) -> None:
    effect = Effect(raising(RuntimeError("no")))
    with pytest.raises(RuntimeError):
        do(effect)
    assert do(effect)


def test_a_lock_that_systemexit_leaves_is_free_when_its_time_is_over(running: Rehearsal) -> None:
    effect = Effect(raising(SystemExit(1)))
    with pytest.raises(SystemExit):
        do(effect)
    with pytest.raises(Retry):
        do(effect)
    expire_progress(running)
    assert do(effect)


def test_the_switch_that_lets_every_effect_repeat_is_refused(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_IDEMPOTENCY_DISABLED", "true")
    effect = Effect()
    with pytest.raises(LookupError, match="POWERTOOLS_IDEMPOTENCY_DISABLED"):
        do(effect)
    assert effect.runs == 0


def test_a_store_that_does_not_answer_is_a_retry_and_runs_nothing(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCE_TABLE", "missing")
    effect = Effect()
    with pytest.raises(Retry):
        do(effect)
    assert effect.runs == 0


def test_a_store_that_is_away_is_no_failure_of_the_message(running: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients.client("dynamodb"), "put_item", raising_call("InternalServerError"))
    effect = Effect()
    with pytest.raises(Unavailable):
        do(effect)
    assert effect.runs == 0


def test_an_effect_that_was_had_is_done_even_if_its_record_has_to_be_written_again(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, no_pauses: list[float]
) -> None:
    failing_updates(monkeypatch, 3)
    effect = Effect()
    assert do(effect)
    assert entry(running)["status"] == "COMPLETED"
    assert not do(effect)
    assert effect.runs == 1


def test_a_record_that_cannot_be_written_is_handed_on_and_completed_by_another(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, no_pauses: list[float]
) -> None:
    with pytest.MonkeyPatch.context() as away:
        failing_updates(away, 100)
        effect = Effect()
        assert do(effect)
    assert entry(running)["status"] == "INPROGRESS"
    (record,) = unfinished
    assert not do(effect)
    unfinished.clear()  # as another worker, which knows nothing of it
    _guard.cache_clear()
    with pytest.raises(Retry):
        do(effect)
    complete(record)
    assert not do(effect)
    assert effect.runs == 1
    with pytest.raises(Reject):
        do(effect, text="goodbye")


def test_an_alarm_while_the_record_is_completed_repeats_nothing(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_updates(monkeypatch, 1)
    monkeypatch.setattr(once_module, "complete", lambda _: time.sleep(5))
    monkeypatch.setattr(once_module, "SLOWEST", 0)
    effect = Effect()
    assert within(0.5, lambda: do(effect))
    assert len(unfinished) == 1
    assert not do(effect)
    assert effect.runs == 1


def raising_call(code: str) -> Callable[..., None]:
    def call(**_: Any) -> None:
        raise refusal(code, status=500)

    return call


def failing_updates(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let so many UpdateItems fail."""
    dynamodb = clients.client("dynamodb")
    real, failures = dynamodb.update_item, iter(range(times))

    def update_item(**arguments: Any) -> Any:
        if next(failures, None) is not None:
            raise refusal("InternalServerError", status=500)
        return real(**arguments)

    monkeypatch.setattr(dynamodb, "update_item", update_item)
