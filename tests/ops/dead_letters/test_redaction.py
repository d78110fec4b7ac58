"""What is shown of a message has no secrets in it, however they are named and wherever they stand."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.dead_letters.redaction import Redaction
from stacks import names
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights
from tests.sample.topology import SAMPLE

REDACTION = Redaction(SAMPLE)
SECRET = "s3cr3t-" + "x" * 12
NAMES = [
    *("password", "Password", "userPassword", "user-password", "USER_PASSWORD", "password_2", "pass", "dbPwd", "token"),
    *("accessToken", "x-api-key", "apiKey", "API KEY", "card number", "cardNumber", "card.number", "client_secret"),
    *("Authorization", "Set-Cookie", "private_key", "\uff50assword", "email", "E-Mail", "EMAIL"),
]
SHAPES = [
    '{{"{name}": "{value}"}}',
    '{{"{name}": ["{value}", {{"x": "{value}"}}]}}',
    '{{"headers": [{{"name": "{name}", "value": "{value}"}}]}}',
    '{{"{name}":"{value}"',
    '{{"{name}" : {value}',
    "{{'{name}': '{value}'}}",
    '{{"{name}": ["{value}", "b',
    '"{{\\"{name}\\": \\"{value}\\"',
    '{{\\\\\\"{name}\\\\\\":\\\\\\"{value}\\\\\\"',
    '{{"{name}": "a\\"{value}',
    "{name}: {value}\nb: 1",
    "{name}={value}",
    "https://example.com/?a=1&{name}={value}&b=2",
    "the call failed, {name} = {value} was refused",
    "{{{name}=>{value}}}",
    "{{&quot;{name}&quot;: &quot;{value} a&quot;, &quot;n&quot;: 1",
    "{{\\u0022{name}\\u0022:\\u0022{value}\\u0022",
    "a=%7B%22n%22%3A1%2C%22{name}%22%3A%22{value}%22%7D&b=1",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_behind_a_telling_name_is_hidden_in_whatever_shape(name: str) -> None:
    for shape in SHAPES:
        written = shape.format(name=name, value=SECRET)
        for text in (written, json.dumps({"detail": written, "n": [written]})):
            assert SECRET not in REDACTION.body(text), (shape, text)
        assert SECRET not in json.dumps(REDACTION.of({"attribute": written}))


@pytest.mark.parametrize(
    "text",
    [
        '{"p\\u0061ssword": "s3cr3t", "a": [',
        '{"p\\u0061ssword": "s3cr3t"}',
        "Authorization: Bearer s3cr3t",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=s3cr3t",
        'Authorization: Digest username="x", response="s3cr3t"',
        "<a><userPassword>s3cr3t</userPassword><n>1</n></a>",
        '<s:password type="text"><![CDATA[s3cr3t]]></s:password>',
        "Cookie: a=1; sid=s3cr3t",
        "curl -H Bearer abcdefghijkl.s3cr3t",
        "https://user:s3cr3t@example.com/",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.s3cr3t",
        'body {"body": "{\\"body\\": \\"{\\\\\\"pass\\\\\\": \\\\\\"s3cr3t\\\\\\"}\\"}"',
    ],
)
def test_a_secret_is_hidden_by_how_it_looks(text: str) -> None:
    assert "s3cr3t" not in REDACTION.body(text)
    assert "s3cr3t" not in REDACTION.text(text)


def test_a_body_in_a_body_is_redacted_as_what_it_is_and_stays_one() -> None:
    inner = json.dumps({"password": SECRET, "n": 1})
    shown = json.loads(REDACTION.body(json.dumps({"body": json.dumps({"body": inner})})))
    assert json.loads(json.loads(shown["body"])["body"]) == {"password": "[secret]", "n": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Reject: unknown agent a-9",
        "arn:aws:sqs:eu-west-1:000000000000:orders",
        "at 12:30:00 it failed: n=1",
        "a basic subscription, see https://example.com:8080/a?b=c",
        '{"n": 1.10, "note": "as it was", "spaces":  [ ]}',
    ],
)
def test_what_tells_nothing_stays_as_it_was_written(text: str) -> None:
    assert REDACTION.text(text) == text


def test_a_secret_that_changed_is_seen_as_changed_and_no_more() -> None:
    before = {"password": "a", "n": 1, "token": ["a"], "url": "?token=a", "keep": {"email": "x"}, "l": [{"pass": "a"}]}
    after = {"password": "b", "n": 2, "token": ["b"], "url": "?token=b", "keep": {"email": "x"}, "l": [{"pass": "b"}]}
    old, new = REDACTION.change(before, after | {"api_key": "new"})
    assert old == {
        "password": "[secret]",
        "n": 1,
        "token": "[secret]",
        "url": "?token=[secret]",
        "keep": {"email": "[secret]"},
        "l": [{"pass": "[secret]"}],
    }
    assert new == {
        "password": "[secret, changed]",
        "n": 2,
        "token": "[secret, changed]",
        "url": "?token=[secret, changed]",
        "keep": {"email": "[secret]"},
        "l": [{"pass": "[secret, changed]"}],
        "api_key": "[secret]",
    }


def test_what_is_kept_of_options_has_no_secrets() -> None:
    asked = {
        "edit": '{"password": "s3cr3t", "n": 1}',
        "selection": {"filter": "body.password == 's3cr3t' || body.n == `1`", "cause": "token=s3cr3t"},
        "limit": 3,
    }
    shown = REDACTION.asked(asked)
    assert "s3cr3t" not in str(shown)
    assert shown["edit"] == '{"password":"[secret]","n":1}'
    assert REDACTION.asked({"filter": "body.language == 'EN'"}) == {"filter": "body.language == 'EN'"}


@pytest.mark.parametrize(
    "text",
    [
        "\\" * 300_000 + '"',
        '\\"' * 150_000,
        "=" * 50_000,
        "a" * 300_000 + ":",
        "eyJ" * 100_000,
        "<a b" * 75_000,
        '"pass":"' * 30_000,
    ],
    ids=range(7),
)
def test_no_text_takes_long_to_redact(text: str) -> None:
    started = time.process_time()
    REDACTION.body(text)
    assert time.process_time() - started < 10  # what backtracks takes hours


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(values=values, name=st.sampled_from(NAMES))
def test_whatever_stands_around_it_a_secret_stays_hidden(values: object, name: str) -> None:
    for body in ({"a": values, name: SECRET}, [values, json.dumps({name: SECRET, "b": values})]):
        assert SECRET not in REDACTION.body(json.dumps(body))
        assert SECRET not in REDACTION.body(json.dumps(body)[:-1])


def test_a_cause_and_a_line_of_the_log_are_shown_without_secrets(aws: Endpoint) -> None:
    told = "password=s3cr3t was refused"
    id_ = aws.put(queue(aws, "open_ticket-dlq"), "{}", correlation_id="c-1")
    record = {"error_type": {"S": "Reject"}, "error_message": {"S": told}, "attempts": {"N": "3"}}
    record |= {"first_error_type": {"S": "KeyError"}, "first_error_message": {"S": told}}
    record |= {"last_error_type": {"S": "ValueError"}, "last_error_message": {"S": told}}
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = record | {"message_id": {"S": id_}}
    silent = aws.put(queue(aws, "open_ticket-dlq"), "{}", correlation_id="c-2")
    lines = [
        handled("open_ticket", each, 5, outcome="rejected", correlation_id="c-1", error_type="Reject", error=told)
        for each in (id_, silent)
    ]
    aws.insights = Insights(statuses=["Complete"], lines=lines)
    for command in (["dead", "--json"], ["peek", "open_ticket"], ["redrive", "open_ticket", "--json"], ["trace", id_]):
        shown = ops(*command)
        assert shown.exit_code == 0, shown.output
        assert "s3cr3t" not in shown.output, command
        assert "[secret]" in shown.output, command
    assert answer("redrive", "open_ticket", "--cause", "password=[secret]")["tally"]["matched"] == 1
