"""Why a message is dead that waited for a limit: it failed first under another id, and that is told as its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from functions.contracts.waited import Waited
from stacks import names
from stacks.entry import Limit
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights
from tests.simulation.sample import changed_consumer

FAILURES = names.resource(names.LOCAL, names.FAILURES)
FIRST = {"first_error_type": "KeyError", "first_error_message": "'name'", "first_attempts": 1}
OWN = {"error_type": "Reject", "error_message": "unknown agent a-9", "attempts": 5}
LATER = {
    "first_error_type": "Reject",
    "first_error_message": "unknown agent a-9",
    "first_attempts": 5,
    "last_error_type": "NotAttempted",
    "last_error_message": "no time",
    "last_attempts": 5,
}


def noted(aws: Endpoint, message_id: str, **told: Any) -> None:
    values = {name: {"N": str(each)} if isinstance(each, int) else {"S": each} for name, each in told.items()}
    aws.tables[FAILURES][message_id] = {"message_id": {"S": message_id}, **values}


def dead_copy(aws: Endpoint, *, sent_before: float = 0, failed: str = "before") -> str:
    """A dead copy of a message that failed under the id `before`, sent so many seconds ago by what it says."""
    sent = round((time.time() - sent_before) * 1000)
    waited = Waited(origin="at-first", first_sent=sent - 60_000, sent=sent, attempts=1, failed=failed)
    return aws.put(queue(aws, "open_ticket-dlq"), "{}", correlation_id="corr-1", waited=waited.text())


def test_the_first_failure_is_the_one_before_it_waited(aws: Endpoint) -> None:
    noted(aws, dead_copy(aws), **OWN, **LATER)
    noted(aws, "before", error_type="KeyError", error_message="'name'", attempts=1, **FIRST)
    shown = ops("peek", "open_ticket").stdout
    assert "cause: Reject: unknown agent a-9" in shown
    assert "first, at receive 1: KeyError: 'name'" in shown
    assert "last, at receive 5: NotAttempted: no time" in shown
    (pile,) = answer("dead")[0]["piles"]
    assert pile["first"] == {"KeyError: 'name'": 1}
    aws.insights = Insights(statuses=["Complete"])
    assert "first, at receive 1: KeyError: 'name'" in ops("trace", "corr-1").stdout


def test_a_copy_of_which_nothing_is_recorded_has_the_cause_from_before(aws: Endpoint) -> None:
    dead_copy(aws)
    noted(aws, "before", error_type="KeyError", error_message="'name'", attempts=1)
    assert answer("dead")[0]["piles"][0]["cause"] == "KeyError: 'name'"
    assert answer("redrive", "open_ticket", "--cause", "KeyError")["tally"]["matched"] == 1


@pytest.mark.parametrize("kept_from_it", ["WorkerDied", "Unavailable"])
def test_what_kept_a_copy_from_its_attempt_does_not_hide_the_failure_of_its_own(
    aws: Endpoint, kept_from_it: str
) -> None:
    noted(aws, dead_copy(aws), error_type=kept_from_it, error_message="gone", attempts=5)
    noted(aws, "before", error_type="KeyError", error_message="'name'", attempts=1)
    assert answer("dead")[0]["piles"][0]["cause"] == "KeyError: 'name'"


@pytest.mark.parametrize("changes", [{"sent_before": 3600}, {"failed": ""}])
def test_what_was_redriven_since_or_never_failed_before_has_its_own_cause_alone(
    aws: Endpoint, changes: dict[str, Any]
) -> None:
    noted(aws, dead_copy(aws, **changes), **OWN)
    noted(aws, "before", error_type="KeyError", error_message="'name'", attempts=1, **FIRST)
    noted(aws, "", error_type="KeyError", error_message="'name'", attempts=1, **FIRST)
    shown = ops("peek", "open_ticket").stdout
    assert "cause: Reject: unknown agent a-9" in shown
    assert "KeyError" not in shown


def test_peek_says_that_a_limited_queue_counts_more_receives_than_attempts(aws: Endpoint) -> None:
    dead_copy(aws)
    assert "received 1 times, this look included\n" in ops("peek", "open_ticket").stdout
    limited = changed_consumer("open_ticket", limits=(Limit("crm", rate=1),))
    for word in ("open_ticket", "open_ticket-dlq"):
        told = ops("peek", word, topology=limited).stdout
        assert "times, this look included; its queue has a limit, so that not each was an attempt\n" in told


def test_the_log_tells_it_too_where_nothing_is_recorded(aws: Endpoint) -> None:
    id_ = dead_copy(aws)
    aws.insights = Insights(statuses=["Complete"])
    aws.insights.lines = [
        handled("open_ticket", "before", 100, outcome="retried", error_type="KeyError", error="'name'"),
        handled("open_ticket", "somebody", 150, outcome="retried", error_type="ValueError", error="7"),
        handled("open_ticket", id_, 200, outcome="rejected", attempt=2, error_type="Reject", error="unknown agent a-9"),
    ]
    (found,) = answer("peek", "open_ticket")
    assert found["cause"]["error_type"] == "Reject"
    assert found["cause"]["first_error_type"] == "KeyError"
    (asked,) = aws.insights.asked
    assert asked["startTime"] <= time.time() - 60, "when it failed, not when the copy was sent"
