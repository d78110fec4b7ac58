"""What a consumer writes about a failed message is what the operator's command reads of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

from functions.contracts.log_line import Handled
from functions.runtime.errors import Reject, Unavailable
from functions.runtime.table import typed
from local.rehearsal import rehearsal
from local.state import REGION
from ops.dead_letters.cause import Cause, Causes
from ops.observe.logs import read
from ops.sqs.message import Message
from ops.stage import Stage
from stacks import names
from tests.fixtures import forget_clients
from tests.functions.events import batch
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probing, probe
from tests.sample.topology import SAMPLE

STAGE = "test"


@pytest.fixture
def moto(home: Path) -> Iterator[Stage]:
    """A stage whose tables are moto's, for its functions and its operator."""
    forget_clients()
    with rehearsal(SAMPLE, STAGE):
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        yield Stage(STAGE, REGION, None, SAMPLE, session, home=home)
    forget_clients()


def cause(stage: Stage, id_: str) -> Cause:
    (found,) = asyncio.run(Causes(stage).of([Message(id_, "receipt", "{}")], "dead"))
    assert found is not None
    return found


def fail(*failures: tuple[int, BaseException]) -> None:
    """Message `a` fails like this, at these receives."""
    for attempt, error in failures:
        Probing(a=error).handler(batch(probe("a", attempt=attempt, correlation_id="corr-1")))


def test_a_recorded_cause_is_read_with_the_place_of_its_error(moto: Stage) -> None:
    fail((3, Reject("agent a-9 is unknown")))
    read_ = cause(moto, "a")
    assert (read_.error_type, read_.error_message, read_.attempts) == ("Reject", "agent a-9 is unknown", 3)
    assert (read_.function, read_.correlation_id) == ("function", "corr-1")
    assert read_.stack[-1].startswith("functions/runtime/probe.py:")
    assert read_.stack[-1].endswith(" handle")
    assert (read_.first, read_.last) == (None, None)


def test_a_cause_between_other_failures_is_read_with_the_first_and_the_last(moto: Stage) -> None:
    fail((1, KeyError("name")), (2, Reject("agent a-9 is unknown")), (4, Unavailable("503")), (5, Unavailable("504")))
    read_ = cause(moto, "a")
    assert (read_.label, read_.attempts) == ("Reject: agent a-9 is unknown", 2)
    assert read_.first is not None
    assert read_.last is not None
    assert read_.first.told("first") == "first, at receive 1: KeyError: 'name'"
    assert read_.last.told("last") == "last, at receive 5: service away: 504"


def test_a_message_that_only_met_services_that_were_away_has_the_first_as_its_cause(moto: Stage) -> None:
    fail((4, Unavailable("503")), (5, Unavailable("503")))
    read_ = cause(moto, "a")
    assert (read_.label, read_.attempts, read_.last_attempts) == ("service away: 503", 4, 5)
    assert (read_.first, read_.last) == (None, None), "they are the same"


def test_a_record_of_before_there_were_first_and_last_failures_is_read(moto: Stage) -> None:
    table = names.resource(moto.name, names.FAILURES)
    old = {"message_id": "a", "error_type": "Reject", "error_message": "agent a-9 is unknown", "attempts": 3}
    old |= {"queue": "q", "expires_at": 1, "function": None, "stack": []}
    moto.client("dynamodb").put_item(TableName=table, Item=typed(old))
    read_ = cause(moto, "a")
    assert (read_.label, read_.first, read_.last) == ("Reject: agent a-9 is unknown", None, None)


def test_a_line_is_read_with_the_place_of_its_error(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    Probing(a=RuntimeError("boom")).handler(batch(probe("a", attempt=2), probe("b")))
    lines = [line for text in capsys.readouterr().out.splitlines() if isinstance(line := read(text), Handled)]
    failed, done = sorted(lines, key=lambda line: line.message_id)
    assert (failed.outcome, failed.error_type, failed.error, failed.attempt) == ("retried", "RuntimeError", "boom", 2)
    assert failed.stack[-1].startswith("functions/runtime/probe.py:")
    assert (done.outcome, [event.type for event in done.published]) == ("processed", ["Probed"])
    assert failed.at > 0
