"""The schemas of events are exported, and an event changes only so that nobody breaks."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted
from functions.runtime.message import Message
from functions.runtime.publisher import entry
from functions.runtime.settings import Settings
from stacks.event_schemas import FOLDER, breaks, main, schema, schemas
from stacks.topology import TOPOLOGY
from tests.functions.events import accepted

Schema = dict[str, Any]
BEFORE = schema(OrderAccepted)


def change(edit: Callable[[Schema], None]) -> list[str]:
    after = copy.deepcopy(BEFORE)
    edit(after)
    return breaks(BEFORE, after)


def data(document: Schema) -> Schema:
    found: Schema = document["$defs"]["OrderAccepted"]
    return found


def test_every_event_that_is_published_has_its_schema_in_the_docs() -> None:
    names = {event.__name__ for consumer in TOPOLOGY.consumers for event in consumer.publishes}
    assert {path.name.split(".")[0] for path in FOLDER.glob("*.json")} >= names
    assert {path: path.read_text() for path in schemas(TOPOLOGY)} == schemas(TOPOLOGY)


def test_what_the_runtime_publishes_is_valid_by_its_schema() -> None:
    message = Message(id="m", key="k", cause="c", causation_id="m", correlation_id="c", tenant="blue")
    made = entry(accepted(), message, 0, Settings.read())
    detail = json.loads(made.entry["Detail"])
    jsonschema.validate(detail, BEFORE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(detail | {"version": 2}, BEFORE)


def test_new_words_break_nobody() -> None:
    assert change(lambda after: data(after)["properties"]["order_id"].update(description="new", examples=["x"])) == []


def test_a_new_optional_field_breaks_nobody() -> None:
    assert change(lambda after: data(after)["properties"].update(note={"type": "string", "default": ""})) == []
    assert change(lambda after: after["$defs"]["Line"]["properties"].update(note={"type": "string"})) == []


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda after: data(after)["properties"].pop("total"), "data.total was removed"),
        (lambda after: after["$defs"]["Line"]["properties"].pop("sku"), "data.lines[].sku was removed"),
        (
            lambda after: data(after)["properties"]["total"].update(maximum=10),
            "data.total has another type or other bounds",
        ),
        (lambda after: data(after)["properties"]["total"].update(type="string"), "data.total has another type"),
        (lambda after: data(after)["properties"]["lines"].update(maxItems=3), "data.lines has other bounds"),
        (lambda after: data(after)["required"].remove("total"), "data.total may be absent now"),
        (
            lambda after: (
                data(after)["properties"].update(note={"type": "string"}),
                data(after)["required"].append("note"),
            ),
            "data.note is required now",
        ),
        (lambda after: after["$defs"]["Line"].update(additionalProperties=False), "data.lines[]. refuses unknown"),
    ],
)
def test_what_breaks_a_reader_is_named(edit: Callable[[Schema], None], sentence: str) -> None:
    (found,) = change(edit)
    assert found.startswith(sentence)


def test_a_breaking_change_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tmp_path, check=False) == 0
    path = tmp_path / "OrderAccepted.v1.json"
    older = json.loads(path.read_text())
    data(older)["properties"]["voucher"] = {"type": "string"}
    path.write_text(json.dumps(older))
    assert main(tmp_path, check=False) == 1
    assert "OrderAccepted.v1.json: data.voucher was removed." in capsys.readouterr().err
    assert json.loads(path.read_text()) == older


def test_a_higher_version_starts_a_file_of_its_own() -> None:
    class OrderAcceptedV2(Event, frozen=True, kw_only=True):
        source = "headrace.orders"
        version = 2
        order_id: str

    assert msgspec.json.schema(OrderAcceptedV2)
    assert schema(OrderAcceptedV2)["properties"]["version"] == {"const": 2}
