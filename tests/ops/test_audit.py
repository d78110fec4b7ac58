"""This machine's records: found by their ids, whatever else is in their file, and read line by line."""

from __future__ import annotations

import tracemalloc

from ops import audit
from ops.stage import Stage

MANY = 5_000


def test_a_record_is_found_by_its_id_as_it_was_written_last(stage: Stage) -> None:
    assert audit.of(stage, "one") is None
    record = audit.begin(stage, "one", "drop", "open_ticket-dlq", {"note": "other"})
    audit.begin(stage, "other", "drop", "one", {})
    assert audit.of(stage, "one") == record
    audit.end(stage, record, {"deleted": 3})
    found = audit.of(stage, "one")
    assert found is not None
    assert (found.result, found.ended_at) == ({"deleted": 3}, record.ended_at)
    assert audit.of(stage, 'on"e') is None


def test_a_line_that_was_cut_hides_no_other(stage: Stage) -> None:
    audit.begin(stage, "one", "drop", "open_ticket-dlq", {})
    path = stage.open_files() / audit.FILE
    path.write_bytes(b'{"id":"one","action":"dr\n\xff\xfe\n' + path.read_bytes() + b'{"id":"one","act')
    found = audit.of(stage, "one")
    assert found is not None
    assert [each.id for each in audit.kept(stage)] == [found.id]


def test_records_of_years_are_not_in_memory_for_one(stage: Stage) -> None:
    """A page of a replay that lives asks for its record every other second."""
    audit.begin(stage, "one", "drop", "open_ticket-dlq", {})
    path = stage.open_files() / audit.FILE
    line = path.read_bytes()
    with path.open("ab") as file:
        for number in range(MANY):
            file.write(line.replace(b'"one"', b'"n-%d"' % number))
    assert len(audit.kept(stage)) == MANY + 1
    tracemalloc.start()
    try:
        assert audit.of(stage, "one") is not None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < path.stat().st_size / 4
