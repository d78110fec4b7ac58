"""What is shown of a message has no secrets in it, however they are named and wherever they stand."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.contract import Command, Event, Secret
from ops.dead_letters.redaction import LONGEST, NEAR, Redaction
from stacks import names
from stacks.entry import Plan, Subscription
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights
from tests.sample.delayed import DELAYED
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
        "password\\u003ds3cr3t",
        "a password&#61;s3cr3t b",
        "password%253Ds3cr3t",
        "password:= s3cr3t",
        "password\uff1a s3cr3t",
        "{\\u0022password\\u0022: \\u0022a s3cr3t",
        "%22password%22:%22a s3cr3t",
        "my password: s3cr3t",
        "Unknown API key: s3cr3t",
        "Invalid email: s3cr3t",
        "of the token: s3cr3t-1",
        "https://example.com/?X-Amz-Signature=s3cr3t&e=1",
        "https://example.com/?sig=s3cr3t&e=1",
        "mysql --user a --password s3cr3t b",
        "mysql --db-password 'a s3cr3t' b",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIs3cr3t\n-----END RSA PRIVATE KEY----- b",
        "-----BEGIN PRIVATE KEY-----\\nMIIs3cr3t",
        *(
            f'{{"{name}": "s3cr3t"}}'
            for name in ("auth", "authentication", "otp", "PIN", "jwt", "session_id", "sessionId")
        ),
        *(f'{{"{name}": "s3cr3t"}}' for name in ("userpassword", "authtoken", "clientsecret", "sessionid", "apikey")),
    ],
)
def test_a_secret_is_hidden_by_how_it_looks(text: str) -> None:
    assert "s3cr3t" not in REDACTION.body(text)
    assert "s3cr3t" not in REDACTION.text(text)


@pytest.mark.parametrize(
    "credential",
    [
        *(
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "ghp_" + "a1" * 18,
            "github_pat_" + "a1" * 18,
            "sk_live_" + "a1" * 12,
        ),
        *("xoxb-1-2-" + "a" * 10, "glpat-" + "a" * 20),
    ],
)
def test_what_is_marked_as_a_credential_is_hidden_without_a_name(credential: str) -> None:
    for text in (f"it said {credential}.", f'{{"note": "{credential}"}}', f'["{credential}'):
        assert credential not in REDACTION.body(text)
        assert "[secret]" in REDACTION.text(text)


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
        "Authorization failed: the role lacks events:PutEvents on arn:aws:events:eu-west-1:000000000000:event-bus/x",
        "no secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:000000000000:secret:prod/db-AbC",
        "authorization error: 403 from crm.example: customer c-9 is blocked",
        "payment authorization: declined by issuer, code 51",
        "max_tokens: 4096 exceeds 2048",
        "token count: 12000 > 8000",
        "next_token=abc, page=4",
        "bypass: false",
        "compass: N",
        "secretary: Jane Doe",
        "SecretNotFound: prod/db is missing",
        "InvalidSecret: [a, b] and what explains it",
        "Unexpected token: '<' at line 1",
        "field token: Expected `str`, got `int` - at `$.token`",
        "missing credentials: run aws sso login",
        "secret version: 7, stage: AWSCURRENT",
        "password policy: at least 12 characters",
        "Invalid IBAN: checksum of DE89 at index 3",
        '{"bypass":"a","maxTokens":3,"next_token":"a","token_type":"bearer","secret_name":"prod/db","has_password":true}',
        '{"secretary":"Jane","compass":"N","author":"Jane","pinned":"yes","signatureVersion":"4","assignment":"a"}',
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


def test_what_changed_is_told_where_a_body_is_cut() -> None:
    before = {str(number): number for number in range(20_000)}
    old, new = REDACTION.change(before, {"password": "b"} | before)
    assert (new["password"], len(old) < 20_000, len(new) < 20_000) == ("[secret]", True, True)


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
    "unit",
    [
        *(
            "\\",
            '\\"',
            "=",
            "a",
            "eyJ",
            "eyJ-",
            "<a b",
            '"pass":"',
            "a%3a",
            "%5C=",
            '\\":',
            "a\n=",
            "&amp;=",
            "\\u0061:",
            "-a ",
        ),
        *(
            "\\\\u0061=",
            "-----BEGIN PRIVATE KEY-----",
            "token:",
            "token: ",
            "token=\\\\",
            "://",
            "\ufdfa=",
            "&amp;amp;amp;=",
            "ghp_",
        ),
    ],
)
def test_no_text_takes_long_to_redact(unit: str) -> None:
    """Of a megabyte each of these took seconds, some half a minute; what backtracks takes hours."""
    text = (unit * 1_048_576)[:1_048_576]
    started = time.process_time()
    for body in (text, json.dumps([json.dumps({"a": text})])):
        assert len(REDACTION.body(body)) < 9 * LONGEST
    assert time.process_time() - started < 6


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([0] * 400_000),
        json.dumps({str(number): number for number in range(80_000)}),
        json.dumps({"a" * 1_000_000: 1}),
        json.dumps([[[{"a": "b" * 10}] * 10] * 100] * 50),
        "[" * 400 + "1," * 100_000 + "1" + "]" * 400,
        "no json " * 100_000,
    ],
    ids=range(6),
)
def test_a_long_body_is_shown_by_its_beginning_and_says_how_long_it_is(body: str) -> None:
    for shown in (REDACTION.body(body), REDACTION.text(body)):
        assert len(shown) <= 8 * LONGEST + NEAR
        assert f"… the beginning of {len(body):,} characters" in shown
    exact = json.dumps({"note": "a" * (LONGEST - 20)})
    assert "beginning" not in REDACTION.body(exact) + REDACTION.text(exact)


def test_a_secret_stays_hidden_where_a_body_is_cut() -> None:
    for size in range(LONGEST - 60, LONGEST + 5, 4):
        filler = "a" * size
        for body in (
            json.dumps({"a": filler, "headers": [{"value": SECRET, "name": "token"}]}),
            json.dumps({"a": filler, "password": SECRET})[:-1],
            f'{filler}" "password": "{SECRET}',
            f"{filler} password={SECRET}",
        ):
            assert "s3cr3t" not in REDACTION.body(body) + REDACTION.text(body), body[LONGEST - 60 :]


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


class RemindByPhone(Command, frozen=True, kw_only=True):
    """A command that only a plan and a schedule bring."""

    ticket_id: str
    extension: Annotated[str, Secret]


class Billed(Event, frozen=True, kw_only=True):
    """An event of another project."""

    source: ClassVar[str] = "billing.invoices"

    card: Annotated[str, Secret]


def test_what_only_plans_schedules_and_others_bring_is_hidden_too() -> None:
    (reminders,) = (each for each in DELAYED.integrations if not each.is_planning)
    planner, reminder = reminders.consumers
    plans = (Plan(RemindByPhone, queue="remind_ticket"),)
    planned = replace(reminders, routes=reminders.routes[:1], consumers=(replace(planner, plans=plans), reminder))
    hidden = Redaction(replace(DELAYED, integrations=(planned,))).body('{"ticket_id": "t", "extension": "1234"}')
    assert "1234" not in hidden
    tickets, *others = SAMPLE.integrations
    theirs = (*tickets.subscriptions, Subscription(event=Billed, queue="close_ticket"))
    topology = replace(SAMPLE, integrations=(replace(tickets, subscriptions=theirs), *others))
    assert "1234" not in Redaction(topology).body('{"card": "1234"}')
