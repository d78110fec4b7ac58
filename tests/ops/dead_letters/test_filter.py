"""A filter moves nothing that it was not made for, whatever a message says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.dead_letters.selection import Selection
from ops.errors import UsageError
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message, Value
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeSqs
from tests.ops import virtual_time
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint

DEEP = '{"x":' * 900 + "1" + "}" * 900
DEEPER = "[" * 3_000
ODD = [
    *('{"x": 1}', '{"x": "a"}', '{"x": null}', '{"x": "inf"}', '{"x": true}', "{}", "[]", "null", "7", '"text"'),
    *("no json", '{"x": ["a", 1]}', '{"x": [{"y": 1}, {"y": "a"}]}', '{"x": 1, "x": "a"}', DEEP, "[" * 3_000),
    *(f'{{"x": [1e308, 1e308, {"9" * 400}]}}', f'{{"x": {"9" * 5_000}}}'),
]
"""Bodies of which hardly two have an `x` of one kind."""


def said(body: str) -> Message:
    return Message("id", "receipt", body)


@pytest.mark.parametrize(
    "filter_",
    [
        "contains(body.x, 'zzz')",
        "contains('zzz', body.x)",
        "body.x < `-5`",
        "sort_by(body.x, &y)[?y == `7`]",
        "max_by(body.x, &y).nothing",
        "ceil(to_number(body.x)) == `7`",
        "sum(body.x) == `7`",
        "avg(body.x) == `7`",
        "body.x == 'zzz'",
        "body[0].y",
        "body[?y == `7`]",
    ],
)
@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_what_a_filter_does_not_fit_is_meant_neither_by_it_nor_by_its_opposite(filter_: str, body: str) -> None:
    meant, opposite = (Selection(filter=one).means(said(body), None) for one in (filter_, f"!({filter_})"))
    assert (meant, opposite) in ((None, None), (False, True))


@pytest.mark.parametrize("body", ["[]", "null", "7", '"text"', "no json", DEEPER, '{"x": 1'], ids=range(7))
def test_a_body_without_an_inside_is_not_meant_by_what_is_not_in_it(body: str) -> None:
    for filter_ in ("body.x != 'a'", "!(body.x)", "body.x == `null`", "!(body.x.y > `1`)", "body.* != `null`"):
        assert Selection(filter=filter_).means(said(body), None) is None
    assert Selection(filter="contains(to_string(@), 'id')").means(said(body), None)


@pytest.mark.parametrize(
    ("filter_", "sentence"),
    [
        ("nosuch(body.x)", "nosuch()"),
        ("body.a || body.x[?nosuch(@)]", "nosuch()"),
        ("abs(body.x, body.x)", "abs() 2 arguments; it takes 1"),
        ("merge()", "at least 1"),
        ("sort_by(body.x, 'hunter2')", "sort_by()"),
        ("body.x[::0]", "step is 0"),
        ("body.x == 'hunter2", "character"),
        ("body.x = 'hunter2'", "character"),
        ("body.x == `hunter2", "character"),
        ("body.", "character"),
        (
            "bdy.status != 'hunter2'",
            "names 'bdy', which no message has: it has message_id, body, attributes, system and",
        ),
        ("@.bdy", "names 'bdy'"),
        ("contains(Body.x, 'a')", "names 'Body'"),
        ("body.x == 'a' && !state", "names 'state'"),
        ("!body.paid", "write !(body.paid)"),
        ("body.x == 'a' && !body.x.paid", "write !(body.paid)"),
        ("!body.*", "write !(body.paid)"),
        ("!body[]", "write !(body.paid)"),
        ("!body[?paid]", "write !(body.paid)"),
        ("`true`", "names nothing"),
        ("'hunter2'", "names nothing"),
        ("@", "names nothing"),
        ("*", "names nothing"),
        ("length('hunter2') > `1`", "names nothing"),
        ("[body.nope]", "true whatever a message says"),
        ("{a: body.nope}", "true whatever a message says"),
        ("type(body)", "true whatever a message says"),
        ("to_string(body.nope)", "true whatever a message says"),
        ("length(body.x)", "true whatever a message says"),
        ("`true` || body.hunter2", "true whatever a message says"),
        ("body.x == 'a' || ('hunter2' && [body.x])", "true whatever a message says"),
        ("(" * 3_000 + "body" + ")" * 3_000, "nested too deep"),
    ],
)
def test_a_filter_that_is_none_is_refused_before_any_message_and_not_repeated(filter_: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        Selection(filter=filter_)
    assert sentence in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("filter_", ["attributes.n > '10'", "body.x < 'b'", "body.x >= `7`", "`7` < body.x"])
def test_texts_have_no_order(filter_: str) -> None:
    message = Message("id", "receipt", '{"x": "a"}', {}, {"n": Value("String", "9")})
    for each in (filter_, f"!({filter_})"):
        assert Selection(filter=each).means(message, None) is None
    assert Selection(filter="to_number(attributes.n) < `10`").means(message, None)


@pytest.mark.parametrize(
    "filter_",
    [
        "!(body.x)",
        "!body",
        "body.x.*",
        "body | x",
        "`true` && body.x",
        "not_null(body.x)",
        "{a: body.x}.a == `1`",
        "length(keys(@)) > `1`",
        "@.body.x",
    ],
)
def test_what_reads_the_message_is_a_filter(filter_: str) -> None:
    assert Selection(filter=filter_).means(said('{"x": {"a": 1}}'), None) is not None


def test_one_oddly_typed_message_ends_nothing_and_stays(aws: Endpoint, tmp_path: Path) -> None:
    dead = queue(aws, "open_ticket-dlq")
    for body in ('{"x": "cat"}', '{"x": 1}', "no json", '{"x": "dog"}', "{}", '{"x": "cattle"}'):
        aws.put(dead, body)
    command = ["open_ticket", "--filter", "contains(body.x, 'cat')"]
    sentence = "3 were left alone: the filter does not fit them, or their cause is not known."
    looked = ops("peek", *command)
    assert (looked.exit_code, sentence in looked.stderr, looked.stdout.count("sent ")) == (0, True, 2)
    exported = ops("export", *command[:1], str(tmp_path / "letters"), *command[1:])
    assert (exported.exit_code, sentence in exported.stdout) == (0, True)
    assert len((tmp_path / "letters").read_text().splitlines()) == 2
    assert sentence in ops("redrive", *command).stdout
    assert answer("drop", *command)["unfit"] == 3
    done = answer("redrive", *command, "--yes")
    assert (done["tally"]["moved"], done["unfit"]) == (2, 3)
    assert sorted(dead.bodies()) == sorted(['{"x": 1}', "no json", '{"x": "dog"}', "{}"])
    refused = ops("redrive", "open_ticket", "--filter", "nosuch(body)", "--yes")
    assert (refused.exit_code, refused.exception.__class__) == (2, SystemExit)


paths = st.sampled_from(["body", "body.x", "body.x.y", "body[0]", "body.x[*].y", "attributes.x", "cause.x", "@"])
literals = st.sampled_from(["`1`", "'a'", "`null`", "`[1]`", "`{}`"])
filters = st.recursive(
    paths | literals,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["<", ">=", "==", "!=", "&&", "||", "|"]), inner),
        st.builds("!({})".format, inner),
        st.builds(
            "{}({})".format,
            st.sampled_from(["length", "keys", "abs", "ceil", "to_number", "sort", "sum", "max"]),
            inner,
        ),
        st.builds("{}({}, {})".format, st.sampled_from(["contains", "starts_with", "join"]), inner, inner),
        st.builds("{}({}, &{})".format, st.sampled_from(["sort_by", "max_by"]), inner, inner),
    ),
    max_leaves=6,
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
)
bodies = st.lists((values.map(json.dumps) | st.sampled_from(ODD)).filter(str.isascii), max_size=12)


@given(filter_=filters, bodies=bodies)
def test_whatever_the_messages_and_the_filter_the_sweep_ends_and_what_is_not_meant_stays(
    filter_: str, bodies: list[str]
) -> None:
    try:
        selection = Selection(filter=filter_)
    except UsageError:
        assume(False)

    async def swept() -> list[str]:
        sqs = FakeSqs()
        dead = sqs.create("dead")
        for number, body in enumerate(bodies):
            dead.put(Entry(str(number), body))
        sweep = Sweep(Sqs(sqs), dead.url, workers=2)

        async def visit(batch: list[Message]) -> None:
            await sweep.delete([each.message_id for each in batch if selection.means(each, None)])

        await sweep.run(visit)
        return dead.bodies()

    stay = virtual_time.run(swept())
    assert sorted(stay) == sorted(body for body in bodies if not selection.means(said(body), None))
