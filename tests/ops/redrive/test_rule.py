"""A person's own function as an edit."""

from __future__ import annotations

import os
import signal
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from ops.dead_letters.cause import Cause
from ops.dead_letters.redaction import Redaction
from ops.errors import UsageError
from ops.redrive.edit import decode
from ops.redrive.rule import Rule, Script
from ops.sqs.message import Message, Value
from stacks.entry import Topology
from tests.sample.topology import SAMPLE

BODY = '{"price":1.10,"n": 1,"tags":["a"]}'


def rule(folder: Path, text: str, function: str = "fix") -> Rule:
    file = folder / "rule.py"
    file.write_text(text)
    return Rule(Script.of(f"{file}:{function}"), Redaction(Topology()))


def answered(folder: Path, line: str, body: str = BODY) -> str | None:
    message = Message("m-1", "", body, {"MessageGroupId": "g"}, {"tenant": Value("String", "acme")})
    return rule(folder, f"def fix(message):\n    {line}\n").of(message, body, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return None", None),
        ("return message.body", BODY),
        ("message.body['n'] = 2; return message.body", '{"price":1.10,"n":2,"tags":["a"]}'),
        ("message.body['n'] = True; return message.body", '{"price":1.10,"n":true,"tags":["a"]}'),
        ("return message.text.replace('1.10', '1.20')", '{"price":1.20,"n": 1,"tags":["a"]}'),
        ("return type('Own', (str,), {'__str__': lambda self: 'x'})('its text')", "its text"),
        ("return b'bytes \\xc3\\xa9'", "bytes é"),
        ("return [message.message_id, message.attributes['tenant'], message.system['MessageGroupId'], message.cause]",
         '["m-1","acme","g",null]'),
    ],
)  # fmt: skip
def test_what_a_rule_answers_is_the_body(tmp_path: Path, line: str, expected: str | None) -> None:
    assert answered(tmp_path, line) == expected


def test_a_body_that_is_no_json_is_a_text(tmp_path: Path) -> None:
    assert answered(tmp_path, "return message.body.upper()", "no json") == "NO JSON"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return message.body['nothing']", "rule.py:fix raised KeyError: 'nothing'"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
        ("raise GeneratorExit", "raised GeneratorExit"),
        ("raise type('Own', (BaseException,), {'__str__': lambda self: exit()})", "raised Own"),
        ("import asyncio; raise asyncio.CancelledError", "raised CancelledError"),
        ("from decimal import Decimal; return {'n': Decimal('NaN')}", "answered no body: ValueError: JSON has no"),
        ("from decimal import Decimal; return [[Decimal('-Infinity')]]", "answered no body: ValueError: JSON has no"),
        ("return {'a': {'n': float('inf')}}", "answered no body: ValueError: JSON has no"),
        ("raise ValueError('password=s3cr3t\\nsecond line')", "raised ValueError: password="),
        ("return 7", "answered no body: TypeError: int is neither"),
        ("return {'a': object()}", "answered no body: TypeError"),
        ("return b'\\xff'", "answered no body: UnicodeDecodeError"),
        ("message.body['self'] = message.body; return message.body", "answered no body: RecursionError"),
    ],
)
def test_what_a_rule_does_wrong_keeps_that_message(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"rule\.py:fix") as kept:
        answered(tmp_path, line)
    assert said in str(kept.value)
    assert "s3cr3t" not in str(kept.value)
    assert "second" not in str(kept.value)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('{"email":"ada@example.com"}', "raise ValueError('unknown: ' + message.body['email'])"),
        ('{"a":[{"user":{"email":"ada@example.com"}}]}', "raise KeyError(message.body['a'][0]['user'])"),
        ('{"headers":[{"name":"Password","value":"s3cr3t"}]}', "raise ValueError(message.body['headers'][0]['value'])"),
        ('{"pin":123456,"password":{"old":[987654321]}}', "raise ValueError(message.body['password']['old'][0])"),
        ('{"n":1}', "raise ValueError('bad ' + message.attributes['password'])"),
        ("password=s3cr3t", "raise ValueError(message.text[9:])"),
        ('{"email":"ada@example.com"}', "return {message.body['email']: object()}.popitem()[0:1] + (object(),)"),
        ('{"email":"ada@example.com"}', "raise type('Own', (Exception,), {})(message.body['email'].upper())"),
    ],
)
def test_what_a_rule_raises_tells_no_secret_of_its_message(tmp_path: Path, body: str, line: str) -> None:
    file = tmp_path / "rule.py"
    file.write_text(f"def fix(message):\n    {line}\n")
    asked = Rule(Script.of(f"{file}:fix"), Redaction(SAMPLE))
    message = Message("m-1", "", body, {}, {"password": Value("String", "of-the-attribute")})
    with pytest.raises(ValueError, match=r"rule\.py:fix") as kept:
        asked.of(message, body, None)
    told = str(kept.value).casefold()
    assert not [secret for secret in ("ada@", "s3cr3t", "987654321", "of-the-attribute") if secret in told]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def fix(message:\n", r"rule.py, line 1: "),
        ("x = 1\n", "has no function 'fix'"),
        ("fix = 1\n", "is no plain function"),
        ("async def fix(message): ...\n", "is no plain function"),
        ("def fix(): ...\n", "must take one argument"),
        ("def fix(a, b): ...\n", "must take one argument"),
        ("x = 1\nimport nothing_like_it\n", "rule.py, line 2: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "rule.py, line 2: SystemExit"),
        ("\x00", r"rule.py: "),
        ("raise GeneratorExit\n", "rule.py, line 1: GeneratorExit"),
        ("def odd():\n    return 1 / 0\n\n\nodd()\n", r"rule\.py, line 2: ZeroDivisionError: division by zero$"),
        ("def fix(message):\n    yield 1\n", "is no plain function"),
        ("def fix(*, message): ...\n", "must take one argument, the message"),
    ],
)
def test_a_file_that_does_not_work_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        rule(tmp_path, text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "say the file and the function in it") for text in ("rule.py", "rule.py:", ":fix", "rule.py:a-b")),
        ("/nowhere/rule.py:fix", r"^/nowhere/rule\.py cannot be read: No such file or directory\.$"),
        ("\0:fix", "cannot be read: embedded null byte"),
    ],
)
def test_a_rule_must_be_named_by_file_and_function(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Script.of(text)


def test_a_rule_is_called_by_its_file_and_found_wherever_somebody_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rule.py").write_text("def fix(message): ...\n")
    script = Script.of("rule.py:fix")
    assert (script.word, script.path, script.function) == ("rule.py:fix", str(tmp_path / "rule.py"), "fix")
    loaded = Rule(script, Redaction(Topology()))
    assert (loaded.ids, loaded.left_by) == ((), "rule.py:fix answered None")


def test_what_a_rule_is_asked_about_has_all_that_is_known_of_the_message(tmp_path: Path) -> None:
    line = "return [message.message_id, message.body, message.text, message.attributes, message.system, message.cause]"
    message = Message("m-1", "", "as it came", {"SentTimestamp": "7"}, {"a": Value("Binary", binary_value="AP8=")})
    asked = rule(tmp_path, f"def fix(message):\n    {line}\n")
    cause = Cause(error_type="Reject", error_message="odd")
    (told,) = [decode(asked.of(message, '{"n": 1}', each) or "") for each in (cause,)]
    assert told[:5] == ["m-1", {"n": 1}, '{"n": 1}', {"a": "AP8="}, {"SentTimestamp": "7"}]
    assert (told[5]["error_type"], told[5]["error_message"]) == ("Reject", "odd")


def test_a_rule_in_a_thread_works_without_signals(tmp_path: Path) -> None:
    told: list[str | None] = []
    thread = threading.Thread(target=lambda: told.append(answered(tmp_path, "return 'x'")))
    thread.start()
    thread.join()
    assert told == ["x"]


def test_ctrl_c_while_a_rule_is_loaded_is_the_persons(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rule(tmp_path, "raise KeyboardInterrupt\n")


def test_what_a_rule_raises_is_told_by_its_first_line_and_beginning(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"^rule\.py:fix raised ValueError: {'x' * 200}$"):
        answered(tmp_path, "raise ValueError('x' * 300 + '\\nmore')")
    with pytest.raises(
        ValueError, match=r"^rule\.py:fix answered no body: TypeError: coroutine is neither dict, list, str"
    ):
        answered(tmp_path, "\n    async def later(): ...\n    return later()")


def test_another_rule_than_the_one_it_was_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rule.py"
    file.write_text("def fix(message): return None\n")
    script = Script.of(f"{file}:fix")
    file.write_text("def fix(message): return '{}'\n")
    with pytest.raises(UsageError, match="is not the rule that this redrive began with"):
        Rule(script, Redaction(Topology()))


def test_what_a_rule_prints_is_no_answer_and_its_folder_is_no_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = list(sys.path)
    text = (
        "from dataclasses import dataclass\nprint('loaded')\n@dataclass\nclass A:\n    n: 'int'\n"
        "def fix(message):\n    print('asked')\n    return {'p': message.body['price'] + A(1).n}\n"
    )
    loaded = rule(tmp_path, text)
    assert loaded.of(Message("m", "", BODY), BODY, None) == f'{{"p":{Decimal("2.10")}}}'
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "loaded\nasked\n")
    assert sys.path == path
    assert not (tmp_path / "__pycache__").exists()


def test_ctrl_c_ends_a_rule_that_never_ends_by_itself(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(ValueError, match="KeyboardInterrupt"):
        answered(tmp_path, "while True: pass")
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before
