"""What a consumer writes about a failed message is what the operator's command reads of it."""

from __future__ import annotations

import pytest

from functions.contracts.log_line import Handled
from functions.runtime.errors import Reject
from ops.dead_letters.cause import Causes
from ops.observe.logs import read
from ops.stage import Stage
from stacks import names
from tests.functions.events import batch
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probing, probe
from tests.ops.endpoint import Endpoint


def test_a_recorded_cause_is_read_with_the_place_of_its_error(fakes: Fakes, aws: Endpoint, stage: Stage) -> None:
    Probing(a=Reject("agent a-9 is unknown")).handler(batch(probe("a", attempt=3, correlation_id="corr-1")))
    table = names.resource(stage.name, names.FAILURES)
    aws.tables[table]["a"] = fakes.dynamodb.items["a"]
    cause = Causes(stage)._recorded(table, ["a"])["a"]
    assert (cause.error_type, cause.error_message, cause.attempts) == ("Reject", "agent a-9 is unknown", 3)
    assert (cause.function, cause.correlation_id) == ("function", "corr-1")
    assert cause.stack[-1].startswith("functions/runtime/probe.py:")
    assert cause.stack[-1].endswith(" handle")


def test_a_line_is_read_with_the_place_of_its_error(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    Probing(a=RuntimeError("boom")).handler(batch(probe("a", attempt=2), probe("b")))
    lines = [line for text in capsys.readouterr().out.splitlines() if isinstance(line := read(text), Handled)]
    failed, done = sorted(lines, key=lambda line: line.message_id)
    assert (failed.outcome, failed.error_type, failed.error, failed.attempt) == ("retried", "RuntimeError", "boom", 2)
    assert failed.stack[-1].startswith("functions/runtime/probe.py:")
    assert (done.outcome, [event.type for event in done.published]) == ("processed", ["Probed"])
    assert failed.at > 0
