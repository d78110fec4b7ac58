"""Every failure leaves its cause where an operator finds it."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.runtime import failures
from functions.runtime.errors import Reject, Unavailable
from functions.runtime.failures import shortened, stack, stack_digest
from tests.fixtures import Context
from tests.functions.events import batch, failed, record
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probe, Probing, probe
from tests.functions.runtime.test_tracing import Logged


def test_a_cause_says_what_where_when_and_how_often(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    Probing(a=RuntimeError("boom")).handler(batch(probe("a", attempt=3, correlation_id="corr-1")))
    cause = fakes.dynamodb.causes["a"]
    at = cause.pop("failed_at")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", at)
    assert time.time() + 17 * 86_400 < cause.pop("expires_at") < time.time() + 19 * 86_400
    assert len(cause.pop("stack_digest")) == 12
    assert cause.pop("stack")[-1].startswith("functions/runtime/probe.py:")
    assert cause == {
        "message_id": "a",
        "error_type": "RuntimeError",
        "error_message": "boom",
        "attempts": 3,
        "function": "function",
        "version": "7",
        "correlation_id": "corr-1",
        "queue": "q",
        **{
            f"{place}_{name}": value
            for place in ("first", "last")
            for name, value in {
                "error_type": "RuntimeError",
                "error_message": "boom",
                "attempts": 3,
                "failed_at": at,
            }.items()
        },
    }


def test_a_cause_that_utf_8_cannot_write_is_written_all_the_same(fakes: Fakes) -> None:
    """As `json.loads` reads half of a surrogate pair, and `os.fsdecode` a name that is no UTF-8."""
    Probing(a=Reject("no \udc80 ü")).handler(batch(probe("a", attempt=3)))
    assert fakes.dynamodb.causes["a"]["error_message"] == r"no \udc80 ü"
    assert failures.unwritten() == set()
    away = Unavailable("CRM said \ud800")
    Probing(b=away).handler(batch(probe("b", attempt=5)))
    assert fakes.dynamodb.causes["b"]["error_message"] == r"CRM said \ud800"


def test_the_first_and_the_last_failure_stay_and_the_messages_own_goes_first(fakes: Fakes) -> None:
    away = Unavailable("DynamoDB is throttled")
    for attempt, error in enumerate((RuntimeError("first"), Reject("real"), away, away), start=2):
        Probing(a=error).handler(batch(probe("a", attempt=attempt)))
    cause = fakes.dynamodb.causes["a"]
    assert (cause["error_type"], cause["error_message"], cause["attempts"]) == ("Reject", "real", 3)
    assert (cause["first_error_type"], cause["first_attempts"]) == ("RuntimeError", 2)
    assert (cause["last_error_type"], cause["last_attempts"]) == ("Unavailable", 5)


def test_a_failure_that_is_not_the_messages_own_makes_way_for_one_that_is(fakes: Fakes) -> None:
    for attempt, error in ((4, Unavailable("away")), (5, KeyError("x"))):
        Probing(a=error).handler(batch(probe("a", attempt=attempt)))
    assert fakes.dynamodb.causes["a"]["error_type"] == "KeyError"
    assert fakes.dynamodb.causes["a"]["first_error_type"] == "Unavailable"


def test_a_failure_that_is_not_the_messages_own_is_written_only_where_it_may_die(fakes: Fakes) -> None:
    Probing(a=Unavailable("away")).handler(batch(probe("a", attempt=3)))
    assert fakes.dynamodb.calls == []
    Probing(a=Unavailable("away")).handler(batch(probe("a", attempt=4)))
    assert "a" in fakes.dynamodb.causes


def test_a_cause_names_the_place_of_the_error_and_no_values(fakes: Fakes) -> None:
    def broken(probe: Probe, message: object) -> None:
        raise RuntimeError(probe.name)

    Probing(secret_name=broken).handler(batch(probe("secret_name")))
    *before, last = fakes.dynamodb.causes["secret_name"]["stack"]
    assert re.fullmatch(r"functions/runtime/test_failures\.py:\d+ broken", last)
    assert "functions/runtime/probe.py" in before[-1]
    assert "secret_name" not in str([*before, last])


def test_an_endless_recursion_leaves_a_small_stack_with_its_innermost_calls(fakes: Fakes) -> None:
    def deeper(probe: Probe, message: object) -> None:
        deeper(probe, message)

    Probing(a=deeper).handler(batch(probe("a")))
    first, *calls = fakes.dynamodb.causes["a"]["stack"]
    assert re.fullmatch(r"… \d{3,} calls", first)
    assert len(calls) == 24
    assert all(call.endswith(" deeper") for call in calls)


def test_a_stack_of_25_calls_is_kept_whole_and_of_a_longer_one_24() -> None:
    calls = [f"a:{number} f" for number in range(26)]
    assert shortened(calls[:25]) == calls[:25]
    assert shortened(calls) == ["… 2 calls", *calls[2:]]


def raised(path: str) -> Exception:
    """A failure of two calls in the file of that path."""
    with pytest.raises(ValueError, match=r"^$") as caught:
        exec(compile("def broken():\n    raise ValueError\nbroken()", path, "exec"), {})  # noqa: S102
    return caught.value.with_traceback(caught.tb.tb_next)


def test_a_call_is_its_file_line_and_function_and_a_digest_is_the_same_in_every_deployment() -> None:
    error = raised("/var/task/functions/open_ticket/handler.py")
    assert stack(error) == [f"functions/open_ticket/handler.py:{place}" for place in ("3 <module>", "2 broken")]
    assert (stack_digest(error), stack_digest(ValueError())) == ("5b15d106cecb", "b6276ba72bbc")
    assert {len(call) for call in stack(raised("/" + "x" * 500 + ".py"))} == {160}
    assert stack(raised("/" + "x" * 500 + ".py"))[1].endswith("x.py:2 broken")


def test_a_message_that_was_never_attempted_has_no_stack(fakes: Fakes) -> None:
    Probing(a1=Reject("no")).handler(batch(probe("a1", group="a"), probe("a2", group="a", attempt=4)))
    assert fakes.dynamodb.causes["a2"]["stack"] == []


def test_success_writes_nothing(fakes: Fakes) -> None:
    Probing().handler(batch(probe("a"), probe("b", attempt=2)))
    assert fakes.dynamodb.calls == []


NOT_WRITTEN: list[Exception] = [
    refusal("ProvisionedThroughputExceededException"),
    EndpointConnectionError(endpoint_url="https://dynamodb.example"),
    refusal("AccessDeniedException"),
]


@pytest.mark.parametrize("error", NOT_WRITTEN, ids=repr)
@pytest.mark.parametrize("attempt", [1, 5])
def test_a_cause_that_cannot_be_written_changes_no_outcome_and_is_logged(
    fakes: Fakes, logged: Logged, error: Exception, attempt: int
) -> None:
    fakes.dynamodb.answers = [error]  # on a last attempt the guess, before it
    records = batch(probe("a", attempt=attempt), probe("b"))
    assert failed(Probing(a=RuntimeError()).handler(records)) == ["a"]
    assert "a" in fakes.sqs.visibility
    assert [envelope["data"]["name"] for envelope in fakes.events.envelopes] == ["b"]
    told = [line for line in logged() if line.get("message") not in ("processed", "retried", None)]
    said = [(line["level"], line["message"], line["message_id"], line["error"]) for line in told]
    assert said == [("WARNING", "cause of failure not recorded", "a", str(error))]


@pytest.mark.parametrize("error", NOT_WRITTEN[:2], ids=repr)
def test_while_the_table_is_away_it_is_asked_once_a_batch_and_the_newest_cause_is_written_first(
    fakes: Fakes, error: Exception
) -> None:
    fakes.dynamodb.answers = [error]
    Probing(a=RuntimeError(), b=RuntimeError()).handler(batch(probe("a"), probe("b")))
    assert [call["Key"]["message_id"]["S"] for call in fakes.dynamodb.calls] == ["b"]
    Probing(c=RuntimeError()).handler(batch(probe("c")))
    assert [call["Key"]["message_id"]["S"] for call in fakes.dynamodb.calls[1:]] == ["c", "b", "a"]


def test_a_cause_that_cannot_be_written_is_kept_and_written_with_the_next_batch(fakes: Fakes) -> None:
    fakes.dynamodb.answers = [EndpointConnectionError(endpoint_url="https://dynamodb.example")]
    Probing(a=Reject("no")).handler(batch(probe("a")))
    assert fakes.dynamodb.causes == {}
    Probing().handler(batch(probe("b")))
    assert fakes.dynamodb.causes["a"]["error_message"] == "no"
    calls = len(fakes.dynamodb.calls)
    Probing().handler(batch(probe("c")))
    assert len(fakes.dynamodb.calls) == calls


def test_nothing_dies_before_its_cause_is_written(fakes: Fakes) -> None:
    fakes.dynamodb.answers = [refusal("InternalServerError", status=500)]
    Probing(a=Reject("no")).handler(batch(probe("a", attempt=2)))
    assert 60 <= fakes.sqs.visibility["a"] <= 90
    Probing(a=Reject("no")).handler(batch(probe("a", attempt=3)))
    assert fakes.sqs.visibility["a"] == 0


def test_a_cause_that_dynamodb_refuses_for_good_waits_for_nothing(fakes: Fakes) -> None:
    fakes.dynamodb.answers = [refusal("AccessDeniedException")]
    Probing(a=Reject("no")).handler(batch(probe("a")))
    assert fakes.sqs.visibility["a"] == 0


def test_only_the_newest_causes_are_kept(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures.KEPT == 1000, "so many take no memory to speak of"
    monkeypatch.setattr(failures, "KEPT", 3)
    fakes.dynamodb.answers = [EndpointConnectionError(endpoint_url="https://dynamodb.example")]
    Probing(**{name: KeyError() for name in "abcde"}).handler(batch(*map(probe, "abcde")))
    Probing().handler(batch(probe("x")))
    assert set(fakes.dynamodb.causes) == set("cde")


def test_a_failure_that_comes_again_is_the_newest_of_those_that_wait(fakes: Fakes) -> None:
    for names in ("ab", "a"):
        fakes.dynamodb.answers = [EndpointConnectionError(endpoint_url="https://dynamodb.example")]
        Probing(**dict.fromkeys(names, KeyError())).handler(batch(*map(probe, names)))
    asked = len(fakes.dynamodb.calls)
    Probing().handler(batch(probe("x")))
    assert [call["Key"]["message_id"]["S"] for call in fakes.dynamodb.calls[asked:]] == ["a", "b"]


def test_who_was_not_tried_behind_a_failure_has_a_cause_too(fakes: Fakes) -> None:
    Probing(a1=Reject("no")).handler(batch(probe("a1", group="a"), probe("a2", group="a", attempt=5)))
    assert fakes.dynamodb.causes["a2"]["error_type"] == "GroupBlocked"
    assert "a1" in fakes.dynamodb.causes["a2"]["error_message"]


class Killed(KeyboardInterrupt):
    """The one thing that the consumer lets through, as the kernel would."""


def test_a_message_that_kills_its_worker_on_its_last_attempt_has_a_cause(fakes: Fakes) -> None:
    with pytest.raises(Killed):
        Probing(a=Killed()).handler(batch(probe("a", attempt=5)))
    assert fakes.dynamodb.causes["a"]["error_type"] == "WorkerDied"
    assert fakes.dynamodb.causes["a"]["error_message"].startswith("No failure was seen, so the workers died with")


def test_a_guess_is_no_first_failure(fakes: Fakes) -> None:
    Probing(a=KeyError("x")).handler(batch(probe("a", attempt=5)))
    cause = fakes.dynamodb.causes["a"]
    assert (cause["error_type"], cause["first_error_type"], cause["last_error_type"]) == ("KeyError",) * 3


def test_a_guess_of_an_earlier_batch_makes_no_way_for_what_is_not_the_messages_own(fakes: Fakes) -> None:
    for attempt, error in ((5, KeyError("x")), (6, Unavailable("away"))):
        Probing(a=error).handler(batch(probe("a", attempt=attempt)))
    cause = fakes.dynamodb.causes["a"]
    assert (cause["error_type"], cause["last_error_type"]) == ("KeyError", "Unavailable")


def test_a_cause_that_was_seen_is_not_replaced_by_a_guess(fakes: Fakes) -> None:
    Probing(a=RuntimeError("seen")).handler(batch(probe("a", attempt=4)))
    with pytest.raises(Killed):
        Probing(a=Killed()).handler(batch(probe("a", attempt=5)))
    assert fakes.dynamodb.causes["a"]["error_message"] == "seen"


def test_a_cause_holds_no_secret(fakes: Fakes, logged: Any) -> None:
    def leak(probe: Probe, message: object) -> None:
        raise RuntimeError(f"cannot use {probe.token} for {probe.name}")

    body = Probe(name="a", token="hunter2")
    Probing(a=leak).handler(batch(record(body, message_id="a")))
    assert fakes.dynamodb.causes["a"]["error_message"] == "cannot use [secret] for a"
    assert "hunter2" not in str(logged())


def test_equal_failures_have_equal_digests_and_others_do_not() -> None:
    def caught(error: Exception) -> Exception:
        try:
            raise error
        except Exception as raised:
            return raised

    def elsewhere(error: Exception) -> Exception:
        try:
            raise error
        except Exception as raised:
            return raised

    assert stack_digest(caught(ValueError("1"))) == stack_digest(caught(ValueError("2")))
    assert stack_digest(caught(ValueError())) != stack_digest(caught(TypeError()))
    assert stack_digest(caught(ValueError())) != stack_digest(elsewhere(ValueError()))


def test_a_failure_in_one_place_has_one_stack_however_its_batch_is_handled(fakes: Fakes) -> None:
    """Alone under the alarm, side by side, without a time limit: how a message came to its handler says nothing."""
    stacks = []
    for names, context in (("a", None), ("a", Context()), ("bcdea", Context())):
        Probing(a=RuntimeError("boom")).handler(batch(*(probe(each) for each in names)), context)
        cause = fakes.dynamodb.causes.pop("a")
        stacks.append((cause["stack"], cause["stack_digest"]))
    (frame,) = stacks[0][0]
    assert frame.startswith("functions/runtime/probe.py:")
    assert stacks == [stacks[0]] * 3
