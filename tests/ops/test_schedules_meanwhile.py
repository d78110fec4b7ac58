"""What somebody else does with a schedule while a person pauses or resumes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops.errors import OpsError
from ops.schedules import change
from tests.ops.test_schedules import EACH, NOW, World, deployed, paused_for, world
from tests.sample.scheduled import SCHEDULED


def test_what_is_deployed_while_a_person_pauses_or_resumes_is_not_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(tmp_path)
    put, send = there.tables.put_item, there.sqs.send_message

    def deploy(every: str) -> None:
        there.scheduler.there[EACH] |= {"ScheduleExpression": every, "LastModificationDate": NOW}

    def record(**said: Any) -> Any:
        deploy("cron(0 12 * * ? *)")
        return put(**said)

    def catch_up(**said: Any) -> Any:
        deploy("cron(0 13 * * ? *)")
        return send(**said)

    monkeypatch.setattr(there.tables, "put_item", record)
    change.pause(there.stage, EACH)
    assert (there.scheduler.there[EACH]["ScheduleExpression"], state(there)) == ("cron(0 12 * * ? *)", "DISABLED")
    monkeypatch.undo()
    there.scheduler.there[EACH] |= deployed(SCHEDULED.schedules[0])
    paused_for(there, 3)
    monkeypatch.setattr(there.sqs, "send_message", catch_up)
    change.resume(there.stage, EACH, NOW)
    assert (there.scheduler.there[EACH]["ScheduleExpression"], state(there)) == ("cron(0 13 * * ? *)", "ENABLED")


def test_one_that_is_deleted_while_a_person_resumes_it_is_said_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(tmp_path)
    paused_for(there, 1)
    send = there.sqs.send_message

    def delete(**said: Any) -> Any:
        del there.scheduler.there[EACH]
        return send(**said)

    monkeypatch.setattr(there.sqs, "send_message", delete)
    with pytest.raises(OpsError, match="rate_each_minute was deleted meanwhile"):
        change.resume(there.stage, EACH, NOW)
    assert EACH not in there.scheduler.there


def state(there: World) -> str:
    return str(there.scheduler.there[EACH]["State"])
