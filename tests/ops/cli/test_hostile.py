"""A hostile message shows as text: it steers no terminal, is no line of ours, and keeps nobody from the rest."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from ops.cli.request_tree import tree
from ops.cli.terminal import Terminal
from ops.cli.verify import _table
from ops.dead_letters.redaction import Redaction
from ops.observe.logs import read
from ops.observe.request_path import DeadLetter, path
from ops.redrive.edit import difference
from ops.verify.finding import judged
from ops.visible import visible, visible_json
from stacks import names
from stacks.names import ROOT
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.lines import START, answered, handled
from tests.ops.sight import Insights
from tests.sample.topology import SAMPLE

HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8K\x07"  # writes to the clipboard
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\"  # a link that says something else
    "\x1b[2J\x1b[H\x1b[8m\x1b[?1049h"  # clears the screen, hides
    "\x9b2J\x9d52;c;eA==\x9c\x90q\x9c"  # the same in C1
    "\u202edlrow\u2066\u200b\u200d\ufeff\u2028\u2029\u00ad\U000e0041"  # turns round, hides, breaks lines
    "\r\x08\x08\x0b\x0c\x07\x00\x7f\x85"
    "\n  cause: Reject: all is well"
    f" {'x' * 75}\u00a0\u00a0cause:\u00a0all\u2007is\u3000well{'y' * 90}"  # one word, longer than the screen
    f"{'中' * 45}cause:"  # twice as wide as long
    "\u3164\u115f\uffa0\u2800\u034f\u17b4\u180b\ufe0f\U000e0100"  # shows nothing
    " :skull: [bold]"
)


def bad(text: str) -> str:
    """What of the text a terminal would not just print; its own colours and ends of lines are fine."""
    plain = re.sub(r"\x1b\[[0-9;]*m|\r?\n", "", text)
    silent = {*"\u3164\u115f\uffa0\u2800\u034f\u17b4\u180b\ufe0f\U000e0100"}
    steering = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs")
    return "".join(each for each in plain if each in silent or (unicodedata.category(each) in steering and each != " "))


def rows(text: str) -> list[str]:
    """The lines of a screen of 80 columns, none of which the terminal had to break."""
    found = re.sub(r"\x1b\[[0-9;]*m|\r", "", text).split("\n")
    assert [row for row in found if cell_len(row.rstrip()) > 80] == []
    return found


@pytest.fixture
def letters(aws: Endpoint) -> list[str]:
    """Hostile dead letters: in the body, in attributes and group, in the recorded cause."""
    dead = queue(aws, "open_ticket-dlq")
    attributes = {"correlation_id": f"$(reboot) {HOSTILE}", "tenant": HOSTILE}
    ids = [
        aws.put(dead, HOSTILE, None, **attributes),
        aws.put(dead, json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False), None, correlation_id="$(reboot)"),
    ]
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][ids[0]] = {
        "message_id": {"S": ids[0]},
        **{name: {"S": HOSTILE} for name in ("error_type", "error_message", "function", "correlation_id")},
        "attempts": {"N": "3"},
        "stack": {"L": [{"S": HOSTILE}]},
    }
    return ids


def on_a_terminal(home: Path, *command: str, keyboard: bool = False) -> str:
    """What a terminal of 80 columns gets; with a `keyboard` a person could type."""
    above, below = pty.openpty()
    environment = {**os.environ, "HEADRACE_LOCAL": str(home), "COLUMNS": "80", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sample.ops", *command],
        cwd=ROOT,
        env=environment,
        stdin=below if keyboard else subprocess.DEVNULL,
        stdout=below,
        stderr=below,
    ):
        os.close(below)
        output = b""
        while True:
            try:
                part = os.read(above, 65_536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            output += part
    os.close(above)
    return output.decode()


@pytest.mark.parametrize(
    "command",
    [
        ("dead",),
        ("peek", "open_ticket", "--show-secrets"),
        ("redrive", "open_ticket", "--edit", '{"n": 1}'),
    ],
    ids=lambda command: command[0],
)
def test_no_message_steers_the_terminal(
    aws: Endpoint, home: Path, letters: list[str], command: tuple[str, ...]
) -> None:
    shown = on_a_terminal(home, *command)
    assert "\\x1b]52;c;" in shown, shown
    assert bad(shown) == ""
    forged = [row for row in rows(shown) if re.match(r" {0,3}(cause|all is well|[xy]{9}|中)", row)]
    ours = ("  cause: \\x1b", "  cause: unexplained")
    assert [row for row in forged if not row.startswith(ours)] == [], "lines that only we may say"
    assert "\U0001f480" not in shown
    if command[0] == "drop":
        assert rows(shown)[0].startswith("The filter fails on message")
    if command[0] == "peek":
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert "python -m ops trace '$(reboot)'" in plain, "quoted for the shell"
        assert f"python -m ops trace {letters[0]}" in plain, "what is no id is not asked for"


def test_json_means_the_same_in_plain_characters(aws: Endpoint, letters: list[str]) -> None:
    result = ops("peek", "open_ticket", "--json", "--show-secrets")
    assert bad(result.stdout) == ""
    assert sorted(each["body"] for each in json.loads(result.stdout)) == sorted(
        [HOSTILE, json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False)]
    )


@pytest.mark.parametrize("width", [50, 80, 300])
def test_no_log_line_is_a_line_of_a_path(width: int) -> None:
    failed = {"error_type": "Reject", "error": f"{HOSTILE} {'long ' * 99}", "stack": [HOSTILE] * 5}
    texts = [
        answered(error=HOSTILE),
        *(handled("open_ticket", "m1", 9, request=0, outcome="rejected", attempt=each, **failed) for each in (1, 2)),
        handled(HOSTILE, HOSTILE, 100, publishes={HOSTILE: HOSTILE}),
    ]
    lines = [line for text in texts if (line := read(text)) is not None]
    assert len(lines) == 4
    letter = DeadLetter(
        queue="open_ticket", dlq="open_ticket-dlq", message_id="m9", sent=START, cause=HOSTILE, first=HOSTILE
    )
    screen = Terminal(width=width, force_terminal=True, no_color=True)
    with screen.capture() as shown:
        screen.print(tree(path("corr-1", lines, SAMPLE, [letter]), width))
    assert bad(shown.get()) == ""
    found = re.sub(r"\x1b\[[0-9;]*m", "", shown.get()).split("\n")
    assert [row for row in found if re.match(r" {0,3}(cause|all is well|[xy]{9}|中|long)", row)] == []
    assert [row for row in found if cell_len(row.rstrip()) > width] == []
    assert "…" in shown.get()


def test_an_error_that_verify_saw_is_one_line() -> None:
    findings = [judged("place", "check", "expected", HOSTILE, good=False)]
    screen = Terminal(width=120, force_terminal=True, no_color=True)
    with screen.capture() as shown:
        screen.print(_table(findings, 120))
    assert bad(shown.get()) == ""
    assert not re.search(r"^  cause", shown.get(), re.MULTILINE)


def test_a_difference_breaks_where_json_does_and_nowhere_else() -> None:
    hide = Redaction(SAMPLE)
    shown = [*difference('{"a": "1\x85+2\u2028+3"}', '{"a": "2"}', hide), *difference("1\x85+2", "1\u2028+2", hide)]
    assert [line[0] for line in shown if not line.startswith("@@")] == [" ", "-", "+", " ", "-", "+"]


def test_what_shows_is_left_alone_and_what_does_not_is_an_escape() -> None:
    assert visible("Größe 中文 \U0001f600 a b\tc\nd") == "Größe 中文 \U0001f600 a b\tc\nd"
    assert visible("a\u00a0b\u3164\ufe0f") == "a\\xa0b\\u3164\\ufe0f"
    assert visible("\x1b\x9b\u202e\U000e0041") == "\\x1b\\x9b\\u202e\\U000e0041"
    assert json.loads(visible_json('"\x7f\u202e\U000e0041"')) == "\x7f\u202e\U000e0041"


@pytest.mark.parametrize("levels", [600, 3_000, 100_000])
def test_no_nesting_keeps_a_person_from_the_rest(aws: Endpoint, tmp_path: Path, levels: int) -> None:
    dead = queue(aws, "receive_webhook-dlq")
    deep = '{"a":' * levels + "1" + "}" * levels
    aws.put(dead, deep, correlation_id="corr-1")
    aws.put(dead, '{"requestPayload": ' + deep + "}", correlation_id="corr-2")
    aws.put(dead, '{"n": 3}', correlation_id="corr-3")
    assert sum(pile["count"] for pile in answer("dead")[0]["piles"]) == 3
    bodies = [each["body"] for each in answer("peek", "receive_webhook", "--show-secrets")]
    assert any(isinstance(body, str) and body.startswith(deep[:30_000]) for body in bodies)
    shown = ops("peek", "receive_webhook")
    assert (shown.exit_code, shown.exception) == (0, None)
    assert answer("redrive", "receive_webhook", "--filter", "body.n == `3`")["tally"]["matched"] == 1
    assert answer("redrive", "receive_webhook", "--filter", "contains(to_string(@), 'corr-2')")["tally"]["matched"] == 1
    file = tmp_path / "letters.jsonl"
    assert ops("export", "receive_webhook", str(file)).exit_code == 0
    assert len(file.read_text().splitlines()) == 3
    edited = ops("redrive", "receive_webhook", "--edit", '{"n": 4}', "--yes", "--force")
    assert edited.exit_code in (0, 3), edited.output
    assert '{"n":4}' in queue(aws, "receive_webhook").arrived


@pytest.mark.parametrize(
    "text",
    ['{"password": "s3cret", "a":' + "[" * 3_000, '{"api_key":"s3cret"', '{"token": s3cret}'],
    ids=["deep", "cut", "bare"],
)
def test_what_is_no_json_or_too_deep_hides_its_secrets_all_the_same(text: str) -> None:
    assert "s3cret" not in Redaction(SAMPLE).body(text)


DIGITS = "9" * 5_000
"""More than Python reads as a number."""


def test_a_number_without_end_keeps_nobody_from_the_rest(aws: Endpoint) -> None:
    dead = queue(aws, "receive_webhook-dlq")
    for number in range(12):
        aws.put(dead, f'{{"n": {number}}}', **({"redriven": f"{DIGITS} run"} if number == 11 else {}))
    assert answer("redrive", "receive_webhook", "--yes")["tally"]["moved"] == 12
    aws.put(queue(aws, "assign_ticket-undelivered"), "{}", ERROR_CODE="X", RETRY_ATTEMPTS=DIGITS)
    assert [pile["cause"] for pile in answer("dead")[0]["piles"]] == ["X"]
    assert answer("peek", "assign_ticket-undelivered")[0]["cause"].get("attempts", 0) == 0


def test_what_is_recorded_and_no_failure_record_is_unexplained_and_keeps_its_own_message_only(
    aws: Endpoint, home: Path
) -> None:
    dead = queue(aws, "receive_webhook-dlq")
    good = {"error_type": {"S": "Reject"}, "error_message": {"S": "no"}, "attempts": {"N": "3"}}
    odd: list[dict[str, Any]] = [
        good,
        good | {"attempts": {"S": "3"}},
        good | {"attempts": {"N": "1.5"}},
        good | {"error_message": {"N": "1"}},
        good | {"stack": {"S": "frame"}},
        {"attempts": {"N": "1"}},
    ]
    for row in odd:
        id_ = aws.put(dead, "{}")
        aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = row | {"message_id": {"S": id_}}
    (found,) = answer("dead")
    assert {pile["cause"]: pile["count"] for pile in found["piles"]} == {"unexplained": 5, "Reject: no": 1}
    assert "and 4 others is no failure record, so it counts as unexplained." in found["remark"]
    assert "no failure record" in ops("peek", "receive_webhook").stderr
    assert "no failure record" in answer("redrive", "receive_webhook")["problem"]
    for command in (("redrive",), ("drop",), ("export", str(home / "letters.jsonl"))):
        taken = answer(command[0], "receive_webhook", *command[1:], "--cause", "unexplained")
        counts = taken["tally"] if command[0] == "redrive" else taken
        assert (counts["matched"], taken["unfit"]) == (0, 5), "what nobody can read is not known to be no cause"
    assert answer("redrive", "receive_webhook", "--cause", "Reject", "--yes")["tally"]["moved"] == 1
    assert len(dead) == 5, "each keeps its own message only"


def test_a_message_whose_correlation_id_is_none_is_traced_by_its_own(aws: Endpoint) -> None:
    aws.insights = Insights(statuses=["Complete"])
    sent, event = queue(aws, "open_ticket-dlq"), queue(aws, "assign_ticket-dlq")
    ids = [aws.put(sent, "{}", correlation_id=odd) for odd in ("two words", "a\nb", "x" * 129)]
    ids += [
        aws.put(event, json.dumps({"detail": {"id": "e1", "correlation_id": odd}})) for odd in ({"a": 1}, None, "`ü")
    ]
    for id_ in ids:
        shown = ops("trace", id_)
        assert (shown.exit_code, shown.exception) == (0, None), shown.output
        assert "1 message, " in shown.stdout
    aws.insights.lines = [handled("open_ticket", ids[0], 5, outcome="rejected", correlation_id="two words")]
    assert [each["outcome"] for each in answer("trace", ids[0])["strays"][0]["attempts"]] == ["rejected"]


def test_a_number_beyond_all_measure_keeps_its_own_message_only_from_an_edit(aws: Endpoint) -> None:
    dead = queue(aws, "open_ticket-dlq")
    odd = '{"n": 1E+99999999999999999999}'
    for body in (odd, '{"n": 1}', '{"n": 1E+2}'):
        aws.put(dead, body)
    acts: list[tuple[list[str], int]] = [([], 0), (["--yes"], 3)]
    for act, code in acts:
        said = ops("redrive", "open_ticket", "--edit", '{"b": 1}', "--force", *act)
        assert (
            said.exit_code,
            "1 kept: it cannot be edited: its body is no JSON (a number in it is beyond all measure)" in said.stdout,
        ) == (code, True), said.output
    assert dead.bodies() == [odd]
    refused = ops("redrive", "open_ticket", "--edit", '{"b": 1E+99999999999999999999}')
    assert (refused.exit_code, refused.exception.__class__) == (2, SystemExit)


def test_a_megabyte_is_shown_by_its_beginning_and_what_an_edit_changes_in_it_whole(aws: Endpoint) -> None:
    dead = queue(aws, "open_ticket-dlq")
    body = json.dumps({"a": '\\":' * 180_000, "n": 1})
    aws.put(dead, body)
    for command in (
        ["peek", "open_ticket"],
        ["peek", "open_ticket", "--json"],
        ["peek", "open_ticket", "--show-secrets"],
    ):
        shown = ops(*command)
        assert f"the beginning of {len(body):,} characters; `export` writes them all" in shown.stdout
        assert len(shown.stdout) < 500_000
    shown = ops("redrive", "open_ticket", "--edit", '{"n": 2}')
    assert [line.strip() for line in shown.stdout.splitlines() if '"n"' in line] == ['| -  "n": 1', '| +  "n": 2']
