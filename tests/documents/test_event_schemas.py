"""The schemas of events are exported, and an event changes only so that nobody breaks."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import msgspec
import pytest

from documents.event_schemas import BrokenError, breaks, pages, schemas
from documents.page import write
from functions.contracts.contract import Event
from functions.runtime.message import Message
from functions.runtime.publisher import entry
from functions.runtime.settings import Settings
from stacks import names
from stacks.entry import Topology
from stacks.events import detail
from tests.sample.contracts import Hours, TicketOpened
from tests.sample.topology import SAMPLE

Schema = dict[str, Any]
BEFORE = detail(TicketOpened)


def change(edit: Callable[[Schema], None]) -> list[str]:
    after = copy.deepcopy(BEFORE)
    edit(after)
    return breaks(BEFORE, after)


def data(document: Schema) -> Schema:
    found: Schema = document["$defs"]["TicketOpened"]
    return found


def test_every_event_that_is_published_has_a_file_with_its_schema() -> None:
    assert sorted(schemas(SAMPLE)) == sorted(
        f"{event.__name__}.v{event.version}.json" for consumer in SAMPLE.consumers for event in consumer.publishes
    )
    for content in schemas(SAMPLE).values():
        jsonschema.Draft202012Validator.check_schema(json.loads(content))


def test_what_the_runtime_publishes_is_valid_by_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROJECT", names.PROJECT)
    message = Message(id="m", key="k", cause="c", causation_id="m", correlation_id="c", tenant="blue")
    event = TicketOpened(ticket_id="t-1", email="a@example.com", language="EN", wanted=(Hours(agent="a", hours=2),))
    made = entry(event, message, 0, Settings.read())
    detail = json.loads(made.entry["Detail"])
    jsonschema.validate(detail, BEFORE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(detail | {"version": 2}, BEFORE)


def test_new_words_break_nobody() -> None:
    assert change(lambda after: data(after)["properties"]["ticket_id"].update(description="new", examples=["x"])) == []


def test_a_new_optional_field_breaks_nobody() -> None:
    assert change(lambda after: data(after)["properties"].update(note={"type": "string", "default": ""})) == []
    assert change(lambda after: after["$defs"]["Hours"]["properties"].update(note={"type": "string"})) == []


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda after: data(after)["properties"].pop("language"), "data.language was removed"),
        (lambda after: after["$defs"]["Hours"]["properties"].pop("agent"), "data.wanted[].agent was removed"),
        (
            lambda after: data(after)["properties"]["language"].update(maxLength=10),
            "data.language has another type or other bounds",
        ),
        (lambda after: data(after)["properties"]["language"].update(type="integer"), "data.language has another type"),
        (lambda after: data(after)["properties"]["wanted"].update(maxItems=3), "data.wanted has other bounds"),
        (lambda after: data(after)["required"].remove("language"), "data.language may be absent now"),
        (
            lambda after: (
                data(after)["properties"].update(note={"type": "string"}),
                data(after)["required"].append("note"),
            ),
            "data.note is required now",
        ),
        (lambda after: after["$defs"]["Hours"].update(additionalProperties=False), "data.wanted[]. refuses unknown"),
    ],
)
def test_what_breaks_a_reader_is_named(edit: Callable[[Schema], None], sentence: str) -> None:
    (found,) = change(edit)
    assert found.startswith(sentence)


def test_a_breaking_change_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    write(pages(SAMPLE, tmp_path), tmp_path, check=False)
    path = tmp_path / "docs" / "events" / "TicketOpened.v1.json"
    older = json.loads(path.read_text())
    data(older)["properties"]["voucher"] = {"type": "string"}
    path.write_text(json.dumps(older))
    with pytest.raises(BrokenError, match=r"^TicketOpened.v1.json: data.voucher was removed\.\nReaders would break"):
        pages(SAMPLE, tmp_path)
    assert json.loads(path.read_text()) == older


def test_an_event_that_nobody_publishes_any_more_leaves_no_file(tmp_path: Path) -> None:
    write(pages(SAMPLE, tmp_path), tmp_path, check=False)
    folder = tmp_path / "docs" / "events"
    assert list(folder.iterdir())
    assert write(pages(Topology(), tmp_path), tmp_path, check=True) == 1
    assert write(pages(Topology(), tmp_path), tmp_path, check=False) == 0
    assert not list(folder.iterdir())


def test_a_higher_version_starts_a_file_of_its_own() -> None:
    class TicketOpenedV2(Event, frozen=True, kw_only=True):
        source: ClassVar[str] = "tickets"
        version: ClassVar[int] = 2
        ticket_id: str

    assert msgspec.json.schema(TicketOpenedV2)
    assert detail(TicketOpenedV2)["properties"]["version"] == {"const": 2}
