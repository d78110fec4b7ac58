"""What a copy says of the message that waited is read as it was written, and anything else counts as absent."""

from __future__ import annotations

import pytest

from functions.contracts.waited import Waited
from functions.runtime.record import Record
from tests.functions.runtime.probe import probe


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a 1 2 3 4",
        "a 1 2 3 4 five six",
        "a -1 0 0 0 0 ",
        " 1 2 3 4 5 x",
        f"a {'9' * 5000} 0 0 0 0 ",
        f"{'a' * 101} 1 2 3 4 5 ",
    ],
)
def test_an_attribute_that_is_none_of_ours_counts_as_absent(text: str) -> None:
    assert Waited.read(text) is None
    assert Record.read(probe("a", waited=text or "x")).origin == "a"


def test_what_a_copy_says_is_read_as_it_was_written() -> None:
    waited = Waited(origin="a", first_sent=1, sent=2, attempts=3, looks=4, limit="crm#0ab", slot=5)
    assert Waited.read(waited.text()) == waited
    failed = Waited(origin="a", first_sent=1, attempts=1, failed="b")
    assert Waited.read(failed.text()) == failed
    assert Waited.read("a 1 2 3 4 5 crm#0ab") == Waited(
        origin="a", first_sent=1, sent=2, attempts=3, looks=4, slot=5, limit="crm#0ab"
    )
    assert Waited.read(Waited(origin="a", first_sent=1).text()) == Waited(origin="a", first_sent=1)
