"""What a schedule feeds: the command of its runs, a function that notes each run once, its test, and the entries."""

from __future__ import annotations

from functions.contracts.run import SCHEDULED_TIME
from scaffold.entry import ENTRIES, Imports, Parts
from scaffold.function import Modules
from scaffold.plan import NewSchedule
from scaffold.words import spoken

SOME_TIME = "2026-11-26T06:00:00Z"


def contract(new: NewSchedule) -> str:
    """The command that each run sends."""
    return f'''"""{spoken(new.function)}: what each run asks for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.contracts.contract import Command


class {new.command}(Command, frozen=True, kw_only=True):
    """{spoken(new.command)}, as of the time of the run."""

    at: Annotated[str, Meta(min_length=1, max_length=40, examples=["{SOME_TIME}"])]
'''


def function(new: NewSchedule) -> Modules:
    """A function that notes each run once."""
    constant = new.table.upper()
    return {
        "__init__.py": f'"""{spoken(new.function)}: notes each run once."""\n',
        "logic.py": f'''"""What is kept of a run."""

from __future__ import annotations

from typing import Any

from functions.contracts.{new.contract} import {new.command}


def note(command: {new.command}) -> dict[str, Any]:
    """What is kept of a run: as much as the effect needs, and no more."""
    return {{"at": command.at}}
''',
        "handler.py": f'''"""{new.command}: one conditional write notes the run."""

from __future__ import annotations

from functions.contracts.{new.contract} import {new.command}
from functions.{new.function}.logic import note
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table

{constant} = Table("{new.table}")


def handle(command: {new.command}, message: Message) -> Duplicate | None:
    """Note the run unless it was noted."""
    # The key is the run's own, which stays the same however often it is delivered.
    item = note(command) | {{"run_key": message.key, "correlation_id": message.correlation_id}}
    try:
        {constant}.put(item, condition="attribute_not_exists(run_key)")
    except ConditionFailed:
        return Duplicate()
    return None


handler = consumer(handle, accepts={new.command})
''',
    }


def unit_test(new: NewSchedule) -> str:
    """The test of that function."""
    return f'''"""{new.function}: each run is noted once, however often it is delivered."""

from __future__ import annotations

from typing import Any

from functions.contracts.{new.contract} import {new.command}
from functions.contracts.run import Run
from functions.{new.function}.handler import handler
from local.rehearsal import Rehearsal
from tests.functions.events import batch, failed, record


def run(time: str = "{SOME_TIME}", message_id: str = "m-1") -> dict[str, Any]:
    told: dict[str, Any] = {{"message_id": message_id, **Run("{new.function}", time).attributes()}}
    return record({new.command}(at=time), **told)


def test_a_run_that_is_delivered_again_is_noted_once(aws: Rehearsal) -> None:
    for message_id in ("m-1", "m-2"):
        assert failed(handler(batch(run(message_id=message_id)))) == []
    (noted,) = aws.items("{new.table}")
    assert (noted["run_key"], noted["at"]) == ("{new.function}@{SOME_TIME}", "{SOME_TIME}")


def test_the_next_run_is_noted_beside_it(aws: Rehearsal) -> None:
    assert failed(handler(batch(run(), run("2026-11-27T06:00:00Z", "m-2")))) == []
    assert len(aws.items("{new.table}")) == 2
'''


def entry(new: NewSchedule) -> tuple[Parts, Imports]:
    """A queue, a consumer, a table and the schedule."""
    zone = f', timezone="{new.timezone}"' if new.timezone != "UTC" else ""
    overlap = ', overlap="skip"' if new.skips else ""
    sends = f'{new.command}(at="{SCHEDULED_TIME}")'
    access = f'(Access(table="{new.table}", actions=("PutItem",)),)'
    parts = {
        "queues": f'Queue(name="{new.function}")',
        "consumers": f'Consumer(function="{new.function}", access={access})',
        "tables": f'Table(name="{new.table}", key="run_key")',
        "schedules": f'Schedule(name="{new.function}", queue="{new.function}", sends={sends}, '
        f'every="{new.every}"{zone}{overlap})',
    }
    used = ("Access", "Consumer", *(("Integration",) if new.founds else ()), "Queue", "Schedule", "Table")
    return parts, {f"functions.contracts.{new.contract}": (new.command,), ENTRIES: used}
