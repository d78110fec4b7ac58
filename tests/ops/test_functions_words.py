"""What a consumer writes about a failed message is what the operator's command reads of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from functions.contracts.failure_record import FailureRecord
from functions.contracts.log_line import Handled
from functions.runtime.errors import Reject
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
MAIN = {
    "error_type": "Reject",
    "error_message": "agent a-9 is unknown",
    "attempts": 3,
    "failed_at": "2026-11-21T10:02:00.000+00:00",
}


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
    (found,) = asyncio.run(Causes(stage).of([Message(id_, "receipt", "{}")]))
    assert found is not None
    return found


def write(stage: Stage, *, own: bool, **said: Any) -> None:
    """Record a failure as consumers do: the first stays, the last is replaced, the message's own goes before others."""
    told = said | {f"{place}_{name}": value for place in ("first", "last") for name, value in said.items()}
    told |= {"function": "open_ticket", "version": None, "stack": ["a.py:1 b"], "queue": "q", "expires_at": 1}
    assert told.keys() <= set(FailureRecord.__struct_fields__)
    sets = []
    for name in told:
        stays = name.startswith("first_") or not (own or name.startswith("last_") or name == "expires_at")
        sets.append(f"#{name} = " + (f"if_not_exists(#{name}, :{name})" if stays else f":{name}"))
    stage.client("dynamodb").update_item(
        TableName=names.resource(stage.name, names.FAILURES),
        Key=typed({"message_id": "a"}),
        UpdateExpression=f"SET {', '.join(sets)}",
        ExpressionAttributeNames={f"#{name}": name for name in told},
        ExpressionAttributeValues=typed({f":{name}": value for name, value in told.items()}),
    )


def away(receive: int) -> dict[str, Any]:
    at = f"2026-11-21T10:0{receive}:00.000+00:00"
    return {"error_type": "Unavailable", "error_message": "503", "attempts": receive, "failed_at": at}


def test_a_recorded_cause_is_read_with_the_place_of_its_error(moto: Stage) -> None:
    Probing(a=Reject("agent a-9 is unknown")).handler(batch(probe("a", attempt=3, correlation_id="corr-1")))
    read_ = cause(moto, "a")
    assert (read_.error_type, read_.error_message, read_.attempts) == ("Reject", "agent a-9 is unknown", 3)
    assert (read_.function, read_.correlation_id) == ("function", "corr-1")
    assert read_.stack[-1].startswith("functions/runtime/probe.py:")
    assert read_.stack[-1].endswith(" handle")
    assert (read_.first, read_.last) == (None, None)


def test_a_cause_between_two_failures_that_were_not_the_messages_own_is_read_with_both(moto: Stage) -> None:
    write(moto, own=False, **away(1))
    write(moto, own=True, **MAIN)
    write(moto, own=False, **away(4))
    read_ = cause(moto, "a")
    assert {name: getattr(read_, name) for name in MAIN} == MAIN
    assert read_.first is not None
    assert read_.last is not None
    assert read_.first.told("first") == "first, at receive 1: service away: 503"
    assert read_.last.told("last") == "last, at receive 4: service away: 503"


def test_a_message_that_only_met_services_that_were_away_has_the_first_as_its_cause(moto: Stage) -> None:
    write(moto, own=False, **away(2))
    write(moto, own=False, **away(5))
    read_ = cause(moto, "a")
    assert (read_.label, read_.attempts, read_.last_attempts) == ("service away: 503", 2, 5)
    assert (read_.first, read_.last) == (None, None), "they are the same"


def test_a_record_of_before_there_were_first_and_last_failures_is_read(moto: Stage) -> None:
    table = names.resource(moto.name, names.FAILURES)
    old = typed(MAIN | {"message_id": "a", "queue": "q", "expires_at": 1, "function": None, "stack": []})
    moto.client("dynamodb").put_item(TableName=table, Item=old)
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
