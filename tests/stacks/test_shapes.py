"""What is no tuple where several belong, or holds something else, is one sentence instead of a traceback."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.entry import Access, Consumer, Grant, Integration, Queue, Table, Topology
from stacks.shapes import refusals
from tests.sample.topology import SAMPLE

COMMA: Any = "arn:aws:s3:::b/*"


def of(**changes: Any) -> Consumer:
    return Consumer(function="work", **changes)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            of(grants=None),
            "Consumer 'work': grants is one NoneType, and a tuple belongs there; write grants=(…,), with",
        ),
        (
            of(grants=(Grant(actions=("s3:GetObject",), resources=COMMA),)),
            "Grant: resources is 'arn:aws:s3:::b/*', and a tuple belongs there; write resources=(…,), with a comma",
        ),
        (
            of(access=(Access(table="keys", actions=COMMA),)),
            "Access 'keys': actions is 'arn:aws:s3:::b/*', and a tuple",
        ),
        (of(access=(Table(name="t", key="id"),)), "Consumer 'work': access holds one Table, and Access belongs there."),
        (of(secrets=(1,)), "Consumer 'work': secrets holds one int, and text belongs there."),
        (of(publishes=("TicketOpened",)), "publishes holds 'TicketOpened', and a contract's class belongs there."),
        (Table(name="t", key="id", seed=("a",)), "seed holds 'a', and a mapping belongs there."),  # type: ignore[arg-type]
        (Integration("things", queues=Queue(name="work")), "Integration 'things': queues is one Queue, and a tuple"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_another_shape_is_one_sentence_that_names_the_entry(entry: object, sentence: str) -> None:
    (found,) = refusals(entry)
    assert sentence in found
    assert found.endswith(".")


def test_a_map_is_looked_through_to_its_last_entry() -> None:
    assert list(refusals(SAMPLE)) == []
    with pytest.raises(ValueError, match="Consumer 'work': grants is one Grant, and a tuple belongs there"):
        Topology(integrations=(Integration("i", consumers=(of(grants=Grant(actions=(), resources=())),)),))
