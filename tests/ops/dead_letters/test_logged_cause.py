"""Where no cause is recorded the consumer's log tells it: by one question, and never at the price of an answer."""

from __future__ import annotations

import time
from typing import Any

import botocore.session
import pytest

from functions.runtime import errors
from ops.dead_letters import logged_cause
from ops.dead_letters.cause import NOT_ITS_OWN
from ops.dead_letters.logged_cause import LoggedCauses
from ops.queue import Kind, Queue
from ops.sqs.message import Message
from ops.stage import Stage
from stacks import names
from tests.ops.lines import START, handled
from tests.ops.sight import Insights
from tests.sample.topology import SAMPLE

DEAD = Queue("assign_ticket-dlq", "dead", "assign_ticket-dlq", "url")


@pytest.fixture
def insights() -> Insights:
    return Insights()


@pytest.fixture
def stage(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    session = botocore.session.Session()
    return Stage("cloud", "eu-central-1", None, SAMPLE, session, _clients={"logs": insights})


def letter(id_: str, sent: int = 0) -> Message:
    return Message(id_, "receipt", "{}", {"SentTimestamp": str(START + sent)})


def failed(id_: str, attempt: int, error_type: str, error: str = "no", **more: Any) -> str:
    outcome = "rejected" if error_type == "Reject" else "retried"
    told = {"error_type": error_type, "error": error, "stack": ["handler.py:27 handle"], "stack_digest": "0a1b"}
    return handled("assign_ticket", id_, 100 * attempt, outcome=outcome, attempt=attempt, **told, **more)


def test_the_cause_is_the_last_failure_of_the_messages_own_with_the_first_and_the_last_of_any_kind(
    stage: Stage, insights: Insights
) -> None:
    insights.lines = [
        failed("a", 1, "Unavailable", "the CRM answers 503"),
        failed("b", 1, "Reject", "agent a-9 is unknown"),
        failed("a", 2, "KeyError", "'name'"),
        failed("a", 3, "ValueError", "7", release="41"),
        failed("a", 4, "NotAttempted", "no time", release="42"),
    ]
    told = LoggedCauses(stage).of(DEAD, [letter("a"), letter("b"), letter("c")])
    a, b = told.causes["a"], told.causes["b"]
    assert (a.error_type, a.error_message, a.attempts, a.function) == ("ValueError", "7", 3, "assign_ticket")
    assert (a.version, b.version) == ("41", None), "of the attempt that is the cause, where its line tells it"
    assert (a.stack, a.stack_digest, a.correlation_id) == (("handler.py:27 handle",), "0a1b", "corr-1")
    assert a.first is not None
    assert a.first.told("first") == "first, at receive 1: service away: the CRM answers 503"
    assert a.last is not None
    assert a.last.told("last") == "last, at receive 4: NotAttempted: no time"
    assert (b.label, b.first, b.last) == ("unexplained; the log says Reject: agent a-9 is unknown", None, None)
    assert told.causes.keys() == {"a", "b"}


def test_a_message_that_never_failed_by_itself_has_its_first_failure_as_cause(stage: Stage, insights: Insights) -> None:
    insights.lines = [failed("a", 1, "GroupBlocked", "behind x"), failed("a", 2, "NotAttempted")]
    cause = LoggedCauses(stage).of(DEAD, [letter("a")]).causes["a"]
    assert (cause.error_type, cause.attempts, cause.first) == ("GroupBlocked", 1, None)
    assert cause.last is not None
    assert cause.last.words == "NotAttempted: no"


@pytest.mark.parametrize(
    ("error_type", "error"),
    [
        ("EndpointConnectionError", "Could not connect to the endpoint URL"),
        ("ReadTimeoutError", "Read timeout on endpoint URL"),
        ("NoCredentialsError", "Unable to locate credentials"),
        ("ProvisionedThroughputExceededException", "An error occurred"),
        ("ClientError", "An error occurred (ThrottlingException) when calling the PutItem operation"),
    ],
)
def test_a_service_of_aws_that_is_away_does_not_hide_the_messages_own_failure(
    stage: Stage, insights: Insights, error_type: str, error: str
) -> None:
    insights.lines = [failed("a", 1, "KeyError"), failed("a", 2, error_type, error), failed("b", 1, "Reject", error)]
    causes = LoggedCauses(stage).of(DEAD, [letter("a"), letter("b")]).causes
    assert (causes["a"].error_type, causes["b"].error_type) == ("KeyError", "Reject")
    assert causes["a"].last is not None
    assert causes["a"].last.words.startswith(error_type)


def test_failures_that_are_not_the_messages_own_are_named_as_the_runtime_names_them() -> None:
    assert {name for name in NOT_ITS_OWN if hasattr(errors, name)} >= {"Unavailable", "GroupBlocked", "NotAttempted"}


def test_lines_of_success_and_of_other_messages_explain_nothing(stage: Stage, insights: Insights) -> None:
    insights.lines = [
        handled("assign_ticket", "a", 100),
        failed("aa", 1, "KeyError"),
        failed("b", 1, "KeyError", event="a"),
    ]
    assert LoggedCauses(stage).of(DEAD, [letter("a")]).causes == {}


def test_one_question_is_asked_of_the_consumers_own_log_from_when_the_oldest_was_sent(
    stage: Stage, insights: Insights
) -> None:
    LoggedCauses(stage).of(DEAD, [letter("a", 5_000), letter("b", 2_000), letter("c", 9_000)])
    (asked,) = insights.asked
    assert asked["logGroupNames"] == [names.log_group("cloud", "assign_ticket")]
    assert asked["startTime"] == START // 1000 + 2


def test_a_fifo_queue_counts_from_the_death_so_the_search_begins_a_retention_earlier(
    stage: Stage, insights: Insights
) -> None:
    LoggedCauses(stage).of(Queue("change_ticket-dlq", "dead", "x.fifo", "url"), [letter("a")])
    assert insights.asked[0]["startTime"] == START // 1000 - SAMPLE.queue("change_ticket").retention


def test_the_log_is_asked_for_so_many_messages_at_the_most_and_it_is_said_for_how_many(
    stage: Stage, insights: Insights
) -> None:
    ids = [f"172434ab-7c39-476a-880b-{number:012}" for number in range(350)]
    insights.lines = [failed(id_, 1, "KeyError") for id_ in ids]
    told = LoggedCauses(stage).of(DEAD, [letter(id_) for id_ in ids])
    assert told.causes.keys() == set(ids[:200])
    assert (told.remark(None) or "").endswith("The log was asked for 200 of 350 messages.")
    assert len(insights.asked) == 1


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("assign_ticket", "work"),
        ("assign_ticket-undelivered", "undelivered"),
        ("somebodys-dlq", "other"),
    ],
)
def test_where_no_consumer_of_ours_failed_nothing_is_asked(
    stage: Stage, insights: Insights, word: str, kind: Kind
) -> None:
    told = LoggedCauses(stage).of(Queue(word, kind, word, "url"), [letter("a")])
    assert (told.causes, told.remark(None), insights.asked) == ({}, None, [])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "StartQuery was refused: no (AccessDeniedException)."),
        ("ResourceNotFoundException", "Stage cloud has not all of its log groups: deploy it first."),
    ],
)
def test_a_log_that_cannot_be_asked_is_one_sentence_and_is_not_asked_again(
    stage: Stage, insights: Insights, code: str, sentence: str
) -> None:
    logged, insights.refusal = LoggedCauses(stage), code
    told = logged.of(DEAD, [letter("a")])
    assert told.remark(None) == f"Where no cause is recorded, the log could not be asked: {sentence}"
    assert told.remark("Away.") == f"Neither the recorded causes could be read nor the log: Away. {sentence}"
    insights.refusal = None
    assert logged.of(DEAD, [letter("b")]).problem == sentence
    assert insights.asked == []


def test_a_log_that_takes_too_long_is_not_waited_for(
    stage: Stage, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged_cause, "PATIENCE", 0.0)
    insights.statuses = ["Running"] * 5
    told = LoggedCauses(stage).of(DEAD, [letter("a")])
    assert (told.causes, told.problem) == ({}, "It took more than 0 s.")
    assert insights.stopped == ["0"]


def test_all_queues_of_a_command_share_one_patience(
    stage: Stage, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def sleep(_: float) -> None:
        nonlocal now
        now += 14

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    insights.lines = [failed("a", 1, "KeyError")]
    insights.statuses = ["Running", "Complete"]
    logged = LoggedCauses(stage)
    told = [logged.of(DEAD, [letter("a")]) for _ in range(4)]
    assert [len(each.causes) for each in told] == [1, 1, 0, 0], "14 s each, 30 s in all"
    assert [each.problem for each in told[2:]] == ["It took more than 30 s."] * 2
    assert now < 60
