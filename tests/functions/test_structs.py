"""What rooms say to each other is frozen, named, and says nothing that nobody said."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import msgspec
from msgspec import Struct

from functions import contracts, runtime
from functions.contracts import (
    contract,
    envelope,
    environment,
    failure_record,
    limit,
    log_line,
    parked,
    path,
    pause,
    waited,
    webhooks,
)
from functions.contracts.environment import ConsumerVariables
from functions.runtime import hold, mapping, message, outcome, publisher, record, room, settings, table

MODULES = {
    *(contract, environment, envelope, failure_record, limit, log_line, parked, path, pause, waited, webhooks),
    *(hold, mapping, message, outcome, publisher, record, room, settings, table),
}
"""Those of the platform; a project's own contracts are its own."""
POSITIONAL = {
    *("Published", "Place", "PathField", "Scheme"),
    *("Counters", "Done", "Entry", "Failure", "Mapping", "Place", "Table", "Taken", "Waiting", "_Delivery"),
}


def structs() -> set[type[Struct]]:
    """What the two rooms define."""
    names = [f"{room.__name__}.{each.name}" for room in (contracts, runtime) for each in iter_modules(room.__path__)]
    found = {
        each
        for name in names
        for each in vars(import_module(name)).values()
        if isinstance(each, type) and issubclass(each, Struct)
    }
    own = {module.__name__ for module in MODULES}
    return {each for each in found if each.__module__ in own}


def test_what_rooms_say_to_each_other_is_named_and_nobody_changes_what_he_reads() -> None:
    found = structs()
    assert {each.__module__ for each in found} == {module.__name__ for module in MODULES}
    assert [each.__name__ for each in found if not each.__struct_config__.frozen] == []
    assert {each.__name__ for each in found if each.__match_args__} == POSITIONAL


OTHER_DEFAULTS: dict[str, dict[str, Any]] = {
    "FailureCause": {"error_message": "", "attempts": 0, "stack": ()},
    "FailureRecord": {"error_message": "", "attempts": 0, "stack": ()},
    "Handled": {"published": [], "untold": 0, "planned": 0, "stack": []},
    "Scheme": {"timed": False},
    "Trouble": {"unfinished": (), "paused": False},
    "Probe": {"unfinished": ()},
    "Condition": {"away": ()},
    "PauseVariables": {"log_level": "INFO"},
    "TokenVariables": {"log_level": "INFO"},
    "Message": {"attempt": 1},
    "Done": {"duplicate": False, "untold": 0, "plans": ()},
    "RequestStatus": {"attempts": 0},
    "Rule": {"burst": 1, "in_code": False, "retired": False},
    "Waited": {"sent": 0, "attempts": 0, "looks": 0, "limit": "", "slot": 0, "failed": ""},
    "Failure": {"place": 0, "unpublished": False, "entries": ()},
    "Followed": {"waiting_for": []},
    "StepRule": {"failed": (), "after": (), "harmless": False},
    "WorkflowRule": {"undoes": False, "modules": {}},
    "Fact": {"cause": "", "fields": {}},
    "Progress": {
        "version": 0,
        "state": "waiting",
        "cause": "",
        "done": {},
        "undone": {},
        "asked": (),
        "reversed": False,
        "told": {},
        "fields": {},
    },
    "Put": {"names": {}, "values": {}},
    "Update": {"names": {}, "values": {}},
    "ConsumerVariables": msgspec.structs.asdict(ConsumerVariables()),
    "Settings": msgspec.structs.asdict(ConsumerVariables()) | {"version": "$LATEST", "put_events_bytes": 1_000_000},
}


def test_what_is_not_said_is_none_and_nothing_else() -> None:
    for each in structs():
        known = {field.name: _default(field) for field in msgspec.structs.fields(each) if not field.required}
        other = {name: value for name, value in known.items() if value is not None}
        expected = OTHER_DEFAULTS.get(each.__name__, {})
        assert other == {name: value for name, value in expected.items() if value is not None}, each.__name__


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
