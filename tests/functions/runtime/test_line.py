"""Whatever is to be said is one line of JSON, not too long, that still says which message it is about."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from functions.contracts.log_line import Handled, Published
from functions.runtime import log
from functions.runtime.line import line
from functions.runtime.settings import Settings
from tests.examples import examples
from tests.functions.events import batch, record
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probing, probe

ID = "5fea7756-0ea4-451a-a703-a558b933e274"


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


def read(written: str) -> dict[str, Any]:
    assert written.splitlines() == [written]
    assert len(written.encode()) + 1 <= 16_384
    said = json.loads(written)
    assert isinstance(said, dict)
    return said


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


def nested_in(value: Any) -> Any:
    return {"a": [value] * 3}


RAWS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b'{"a":\n1,\r\n"b":[]}', b"1e400", b'"\\ud800"', b"01", b"{", b"", b"[" * 3000, b"\xff\n"]),
    st.integers(0, 20_000).map(lambda size: b'{"a": "' + b"x" * size + b'"}'),
).map(Raw)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text('\n\r\x0b\x0c\x1c\x85\u2028\u2029\ud800é😀"\\', max_size=40),
    st.integers(0, 9_000).map(lambda size: "\u2028" * size),
    st.integers(0, 20_000).map(lambda size: "x" * size),
)
VALUES = st.recursive(
    st.one_of(TEXTS, RAWS, st.integers(), st.floats(), st.none(), st.just(Mute()), st.binary(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(TEXTS, inner, max_size=5), st.tuples(inner), inner.map(nested_in)
    ),
    max_leaves=4,
)


@settings(max_examples=examples(60))
@given(st.dictionaries(TEXTS, VALUES, max_size=8))
@example({"body": nested(3000)})
@example({"body": {"payload": Raw(b'{\n "amount": 1e400\n}')}})
@example({str(number): "x" * 100 for number in range(5000)})
@example({"error": "\ud800"})
@example({"body": {Mute(): 1}})
def test_any_fields_are_one_line_that_names_its_message(fields: dict[str, Any]) -> None:
    ids = {"message": "retried", "message_id": ID, "correlation_id": "c-1"}
    said = read(line(fields | ids))
    assert {name: said[name] for name in ids} == ids


@given(TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=30))
def test_any_report_of_a_message_is_one_line_that_names_it(
    group: str, error: str, type_: str, stack: list[str]
) -> None:
    handled = Handled(
        level="ERROR",
        outcome="rejected",
        timestamp="2026-11-25T00:00:00.000Z",
        service="open_ticket",
        correlation_id="c-1",
        message_id=ID,
        attempt=1,
        group=group,
        published=[Published(type_, ID)],
        error=error,
        stack=stack,
    )
    said = read(line(handled))
    assert (said["message"], said["message_id"], said["correlation_id"]) == ("rejected", ID, "c-1")


def test_a_cut_is_marked_and_the_rest_stays() -> None:
    said = read(line({"message": "m", "error": "x" * 900_000, "attempt": 3, "body": {"note": "y" * 900_000}}))
    assert said["error"].startswith("xxx")
    assert said["error"].endswith("x…")
    assert said["body"]["note"].endswith("y…")
    assert said["attempt"] == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"error": "x" * 16_371}, {"error": "x" * 16_371}),
        ({"error": "x" * 16_372}, {"error": "x" * 8_191 + "…"}),
        ({"error": "é" + "x" * 16_369}, {"error": "é" + "x" * 16_369}),
        ({"error": "é" + "x" * 16_370}, {"error": "é" + "x" * 8_190 + "…"}),
        ({f"{n:03}": "z" * 99 for n in range(700)} | {"message": "m"}, {"message": "m"}),
        ({"error": "x" * 900_000, "n": 1.5}, {"error": "x" * 8_191 + "…", "n": 1.5}),
        ({"é" * 900_000: 1}, {"é" * 4_095 + "…": 1}),
        ({"body": {"a": "x" * 9_000, "b": "y" * 9_000}}, {"body": {"a": "x" * 4_095 + "…", "b": "y" * 4_095 + "…"}}),
        ({"body": {"a": {"b": "x" * 90_000}}}, {"body": {"a": {"b": "x" * 2_047 + "…"}}}),
        ({"stack": ["x" * 100] * 5_000}, {"stack": ["x" * 100] * 128 + ["…"]}),
        ({"stack": ["x" * 9_000] * 2}, {"stack": ["x" * 4_095 + "…"] * 2}),
        ({"body": {f"{n:04}": "x" * 108 for n in range(128)}, "error": "y" * 16_000}, None),
        ({"body": {"n" * 20_000: 1}}, {"body": {"n" * 4_095 + "…": 1}}),
    ],
    ids=range(13),
)
def test_a_line_that_is_too_long_keeps_as_much_of_each_value(
    fields: dict[str, Any], said: dict[str, Any] | None
) -> None:
    told = read(line(fields))
    if said is None:
        assert told["error"] == "y" * 1_023 + "…"
        assert told["body"] == {f"{n:04}": "x" * 108 for n in range(128)}
    else:
        assert told == said


def test_of_many_entries_the_first_are_kept_and_what_is_deeper_than_a_line_is_a_mark() -> None:
    told = read(line({"body": {f"{n:04}": "x" * 100 for n in range(5_000)}, "stack": [nested(9)]}))
    assert told["body"] == {f"{n:04}": "x" * 100 for n in range(128)} | {"…": "…"}
    assert told["stack"] == [[[[[[[["…"]]]]]]]]
    told = read(line({f"{n:04}": [[n] * 9] for n in range(700)}))
    assert told == {f"{n:04}": [[n, "…"]] for n in range(700)}


KEPT = ("level", "message", "timestamp", "service", "message_id", "correlation_id", "event_id", "error_type")


def test_where_nothing_else_fits_a_line_says_which_message_it_is_about() -> None:
    told = read(line(dict.fromkeys(KEPT, "x" * 201) | {"error": "y"} | {f"{n:05}": "z" * 99 for n in range(5_000)}))
    assert told == dict.fromkeys(KEPT, "x" * 199 + "…")
    many = dict.fromkeys(KEPT, "x" * 200) | {f"{n:03}": "z" * 99 for n in range(400)}
    assert read(line(many)) == many | {f"{n:03}": "z" * 15 + "…" for n in range(400)}


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\n", "\r"])
def test_whatever_ends_a_line_is_said_within_one(sign: str) -> None:
    assert read(line({"message": f"a{sign}b"})) == {"message": f"a{sign}b"}


def test_what_has_no_json_form_is_its_text() -> None:
    told = read(line({"mute": Mute(), "raw": Raw(b"{\xff"), "error": KeyError("x"), "odd": {Mute(): [Mute(), 1]}}))
    mute = "a Mute whose text is a RuntimeError"
    assert told == {"mute": mute, "raw": "{\ufffd", "error": "'x'", "odd": {mute: [mute, 1]}}
    deep = line({"text": "\ud800", "body": nested(3_000)})
    assert read(deep)["text"] == "\\ud800"
    assert '["a list that is nested too deep"]' in deep


def test_a_body_of_several_lines_is_read_and_not_cut() -> None:
    assert read(line({"body": {"payload": Raw(b'{\n "a": [1,\r\n 2]\n}')}})) == {"body": {"payload": {"a": [1, 2]}}}


def test_a_plain_line_is_what_msgspec_writes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.runtime.line._made_to_fit", None)  # takes ten times as long
    fields = {"level": "INFO", "message": "m", "n": [1, 2.5, None, True]}
    assert line(fields) == msgspec.json.encode(fields).decode()
    published = Published("Probed", ID)
    assert line(published) == msgspec.json.encode(published).decode()


def test_a_line_of_metrics_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    names = {f"{name}{number}": 10**9 for name in ("Processed", "PublishFailures") for number in range(5)}
    settings = Settings(project="p" * 30, stage="s" * 30, service="f" * 40)
    log.metrics(settings, names, [10.0**12] * 1000)
    said = read(capsys.readouterr().out.removesuffix("\n"))
    assert len(said["_aws"]["CloudWatchMetrics"][0]["Metrics"]) == 11
    assert len(said["Age"]) == 100


def test_a_field_name_of_900_kb_makes_a_short_line_and_a_short_cause(
    fakes: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    Probing().handler(batch(record(json.dumps({"name": "a", "x" * 900_000: 1}), message_id="a"), probe("b")))
    lines = [read(each) for each in capsys.readouterr().out.splitlines()]
    (told,) = [each for each in lines if each.get("message_id") == "a"]
    assert len(told["error"]) <= 1100
    assert "…" in told["error"]
    assert "unknown field `xxx" in told["error"]
    assert len(fakes.dynamodb.causes["a"]["error_message"]) <= 1000
