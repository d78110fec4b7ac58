"""Editing dead letters on their way back: by hand, by a rule, and what is said before they go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from ops.redrive import document, editor
from tests.ops.cli.test_hostile import on_a_terminal
from tests.ops.cli.typed import answer, dead_tickets, explain, ops, queue
from tests.ops.endpoint import Endpoint
from tests.sample.messages import ticket

WRONG = msgspec.json.encode(ticket(language="en")).decode()
"""A ticket that its consumer refuses."""


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


def wrong_tickets(aws: Endpoint, count: int) -> list[str]:
    return [aws.put(queue(aws, "open_ticket-dlq"), WRONG.replace("tic-1", f"tic-{n}")) for n in range(count)]


def arrived(aws: Endpoint, word: str = "open_ticket") -> list[str]:
    return list(queue(aws, word).arrived)


def by(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("EDITOR", command)


def program(folder: Path, text: str) -> str:
    """A command that runs this Python on the file `path`."""
    file = folder / "editor.py"
    file.write_text(f"import os, stat, sys\nfrom pathlib import Path\npath = Path(sys.argv[1])\n{text}\n")
    return f"{sys.executable} -S {file}"


def rule(folder: Path, text: str) -> str:
    file = folder / "rule.py"
    file.write_text(text)
    return f"{file}:fix"


def files(home: Path, ending: str) -> list[Path]:
    return sorted((home / "ops").rglob(f"*{ending}"))


def test_an_editor_edits_many_and_shows_first_what_it_would_send(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = wrong_tickets(aws, 5)
    by(monkeypatch, """sed -i 's/"language": "en"/"language": "EN"/'""")
    shown = ops("redrive", "open_ticket", "--editor")
    assert shown.exit_code == 0, shown.output
    assert "5 edited; the first 3:" in shown.stdout
    assert sum(f"  {id_}: accepted by open_ticket's contract" in shown.stdout for id_ in ids) == 3
    assert '+  "language": "EN",' in shown.stdout
    assert "5 accepted by open_ticket's contract." in shown.stdout
    assert (arrived(aws), len(queue(aws, "open_ticket-dlq"))) == ([], 5)
    (kept,) = files(home, "-edit.txt")
    assert f"--edit @{kept} --yes" in shown.stdout
    assert kept.stat().st_mode & 0o777 == 0o600
    done = answer("redrive", "open_ticket", "--edit", f"@{kept}", "--yes")
    assert (done["tally"]["moved"], done["edited"], done["contract"]["accepted"]) == (5, 5, {"open_ticket": 5})
    assert sorted(arrived(aws)) == sorted(WRONG.replace("tic-1", f"tic-{n}").replace('"en"', '"EN"') for n in range(5))
    originals = [json.loads(line)["body"] for line in Path(done["originals"]).read_text().splitlines()]
    assert sorted(originals) == sorted(WRONG.replace("tic-1", f"tic-{n}") for n in range(5))


def test_with_yes_an_edit_by_hand_is_sent_and_nothing_of_it_stays(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong_tickets(aws, 2)
    text = (
        "assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700\n"
        "(path.parent / '.messages.txt.swp').write_text('swap')\n"
        "text = path.read_text()\n"
        "path.write_text(text.replace('\"en\"', '\"EN\"')[: text.index('# message', text.index('# message ') + 1)])\n"
    )
    by(monkeypatch, program(tmp_path, text))
    done = answer("redrive", "open_ticket", "--editor", "--yes")
    assert (done["tally"]["moved"], done["tally"]["left"], done["edited"]) == (1, 1, 1)
    assert arrived(aws) == [WRONG.replace("tic-1", "tic-0").replace('"en"', '"EN"')]
    assert len(queue(aws, "open_ticket-dlq")) == 1
    assert files(home, ".txt") == files(home, ".swp") == []


@pytest.mark.parametrize("text", ["", "path.write_text('')", "path.unlink()", "path.write_text('# only this\\n')"])
def test_an_edit_that_changes_nothing_sends_nothing(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    wrong_tickets(aws, 2)
    by(monkeypatch, program(tmp_path, text))
    done = ops("redrive", "open_ticket", "--editor", "--yes")
    assert (done.exit_code, done.stdout.strip()) == (0, "Nothing was changed, so nothing was sent."), done.output
    assert answer("redrive", "open_ticket", "--editor")["remark"] == "Nothing was changed, so nothing was sent."
    assert (arrived(aws), len(queue(aws, "open_ticket-dlq")), files(home, ".journal")) == ([], 2, [])


def test_while_the_editor_is_open_nothing_is_held_and_what_others_moved_is_said(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = wrong_tickets(aws, 2)
    run = editor._run

    def meanwhile(words: list[str], name: str) -> None:
        assert answer("queues")[1] | {"waiting": 2, "in_flight": 0} == answer("queues")[1]
        assert answer("drop", "open_ticket", "--ids", ids[0], "--yes")["deleted"] == 1
        run(words, name)

    monkeypatch.setattr(editor, "_run", meanwhile)
    by(monkeypatch, """sed -i 's/"en"/"EN"/'""")
    done = ops("redrive", "open_ticket", "--editor", "--yes")
    assert "1 that the edit is for were not found" in done.stdout, done.output
    assert len(arrived(aws)) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "There is no editor: set $VISUAL or $EDITOR"),
        ("no-such-editor", "The editor no-such-editor cannot be run"),
        ("false", "The editor false ended with 1: nothing was sent. Without a terminal"),
        ("'", "There is no editor"),
        ("""sed -i 's/"en"/en/'""", "is no JSON"),
        ("""sed -i 's/^# message [^ ]*/# message other/'""", "there was no message other"),
    ],
)
def test_an_editor_that_goes_wrong_is_one_sentence_and_sends_nothing(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    wrong_tickets(aws, 1)
    by(monkeypatch, command)
    done = ops("redrive", "open_ticket", "--editor", "--yes")
    assert (done.exit_code, done.stdout, said in done.stderr) == (2, "", True), done.output
    assert (len(queue(aws, "open_ticket-dlq")), files(home, ".journal")) == (1, [])
    assert list((home / "ops").rglob("edit-*")) == []
    assert len(files(home, "-edit.txt")) == ("what you wrote is in" in done.stderr)


def test_on_a_terminal_a_mistake_comes_back_with_the_error_on_top(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong_tickets(aws, 1)
    text = (
        "text = path.read_text()\n"
        "again = text.startswith('# ERROR: The edit, line ')\n"
        "print('opened', 'again' if again else 'first', sys.stdout.isatty())\n"
        "path.write_text(text.replace('oops', '\"EN\"') if again else text.replace('\"en\"', 'oops'))\n"
    )
    by(monkeypatch, program(tmp_path, text))
    shown = on_a_terminal(home, "redrive", "open_ticket", "--editor", "--yes", keyboard=True)
    assert "opened first True" in shown, shown
    assert "opened again True" in shown
    assert "1 redriven from open_ticket-dlq" in shown
    assert arrived(aws) == [WRONG.replace("tic-1", "tic-0").replace('"en"', '"EN"')]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_command_while_the_editor_is_open_leaves_no_message_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    told = tmp_path / "told"
    text = f"Path({str(told)!r}).touch()\nimport time\ntime.sleep(20)"
    code = (
        f"from pathlib import Path\nfrom ops.redrive.editor import edited\nedited('secret', Path({str(room)!r}), print)"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"EDITOR": program(tmp_path, text)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while not told.exists():
            assert running.poll() is None
        running.send_signal(number)
        running.communicate(timeout=20)
        assert list(room.iterdir()) == []
    finally:
        with suppress(ProcessLookupError):  # the editor ended with the command
            os.killpg(running.pid, signal.SIGKILL)


def test_a_rule_edits_leaves_and_fails_message_by_message(aws: Endpoint, tmp_path: Path) -> None:
    ids = wrong_tickets(aws, 4)
    explain(aws, ids[1])
    text = (
        "def fix(message):\n"
        "    print('asked', message.message_id)\n"
        "    if message.cause: return None\n"
        "    if message.body['ticket_id'] == 'tic-2': raise KeyError('agent')\n"
        "    if message.body['ticket_id'] == 'tic-3': return message.body\n"
        "    return message.body | {'language': 'EN'}\n"
    )
    dry = answer("redrive", "open_ticket", "--python", rule(tmp_path, text))
    assert (dry["tally"]["left"], dry["tally"]["matched"], dry["edited"]) == (1, 3, 1)
    assert dry["contract"] | {"accepted": {"open_ticket": 1}} == dry["contract"]
    assert list(dry["contract"]["refused"].values()) == [1]
    assert dry["verdicts"] == [{"message_id": ids[0], "accepted": True, "queue": "open_ticket", "reason": None}]
    done = ops("redrive", "open_ticket", "--python", rule(tmp_path, text), "--yes", "--json")
    assert done.exit_code == 3
    report = json.loads(done.stdout)
    assert report["tally"]["refused"] == {"it cannot be edited: rule.py:fix raised KeyError: 'agent'": 1}
    assert sorted(json.loads(body)["language"] for body in arrived(aws)) == ["EN", "en"]
    assert "asked" in done.stderr
    assert (
        "1 were left alone: rule.py:fix answered None."
        in ops("redrive", "open_ticket", "--python", rule(tmp_path, text)).stdout
    )


def test_what_a_rule_leaves_takes_nothing_of_the_limit_and_keeps_its_group(aws: Endpoint, tmp_path: Path) -> None:
    dead_tickets(aws, 6)
    text = "def fix(message):\n    return message.body if message.body['n'] % 2 else None\n"
    done = answer("redrive", "open_ticket", "--python", rule(tmp_path, text), "--limit", "2", "--yes")
    assert (done["tally"]["moved"], [json.loads(body)["n"] % 2 for body in arrived(aws)]) == (2, [1, 1])
    for n in range(3):
        aws.put(queue(aws, "change_ticket-dlq"), json.dumps({"n": n}), group="tic-1")
    text = "def fix(message):\n    return None if message.body['n'] == 1 else message.body\n"
    fifo = ops("redrive", "change_ticket", "--python", rule(tmp_path, text), "--yes", "--json")
    assert (fifo.exit_code, json.loads(fifo.stdout)["tally"]["group_blocked"]) == (3, 1)
    assert arrived(aws, "change_ticket") == ['{"n": 0}']


@pytest.mark.parametrize(
    ("answer_", "said"),
    [("'x' * 1_048_577", "SQS takes 1,048,576"), ("''", "would be empty"), ("'\\x0b'", "does not take (U+000B)")],
)
def test_what_sqs_would_not_take_is_kept_before_it_is_sent(
    aws: Endpoint, tmp_path: Path, answer_: str, said: str
) -> None:
    dead_tickets(aws, 1)
    chosen = ("redrive", "open_ticket", "--python", rule(tmp_path, f"def fix(message): return {answer_}"), "--force")
    assert said in ops(*chosen).stdout
    assert ops(*chosen, "--yes").exit_code == 3
    assert len(queue(aws, "open_ticket-dlq")) == 1


def test_an_edit_that_the_contract_refuses_is_kept_unless_it_is_forced(aws: Endpoint) -> None:
    wrong_tickets(aws, 1)
    edit = ("redrive", "open_ticket", "--edit", '{"language": "xx"}', "--yes")
    kept = ops(*edit)
    assert kept.exit_code == 3
    assert "1 kept: edited, its consumer would refuse it (--force sends it): OpenTicket does not decode" in kept.stdout
    assert "`$.language`" in kept.stdout
    assert len(queue(aws, "open_ticket-dlq")) == 1
    assert answer(*edit, "--force")["contract"]["refused"].keys() == {
        "OpenTicket does not decode: Expected `str` matching regex '^[A-Z]{2}$(?!\\\\n)' - at `$.language`"
    }


def test_what_was_written_by_hand_and_is_not_sent_stays_in_its_file(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_tickets(aws, 1)
    by(monkeypatch, """sed -i 's/"en"/"xx"/'""")
    kept = ops("redrive", "open_ticket", "--editor", "--yes", "--json")
    assert kept.exit_code == 3
    report = json.loads(kept.stdout)
    assert '"xx"' in Path(report["edit_kept"]).read_text()
    assert (report["originals"], files(home, "originals.jsonl")) == (None, [])


def test_what_is_not_edited_is_never_held_back_but_a_dry_run_says_what_the_contract_would(aws: Endpoint) -> None:
    wrong_tickets(aws, 2)
    shown = ops("redrive", "open_ticket")
    assert "2 that the consumer would refuse: OpenTicket does not decode" in shown.stdout
    done = answer("redrive", "open_ticket", "--yes")
    assert (done["tally"]["moved"], done["contract"]) == (2, None)


def test_messages_are_edited_in_one_way_and_never_by_aws(
    aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by(monkeypatch, "true")
    python = ("--python", rule(tmp_path, "def fix(message): ..."))
    for two in (("--edit", "{}", "--editor"), ("--edit", "{}", *python), ("--editor", *python)):
        assert "edited in one way" in ops("redrive", "open_ticket", *two).stderr
    assert ops("redrive", "open_ticket", "--native", *python).exit_code == 2
    assert ops("redrive", "open_ticket", "--native", "--editor").exit_code == 2
    broken = ops("redrive", "open_ticket", "--python", rule(tmp_path, "def fix(:"), "--json")
    assert (broken.exit_code, json.loads(broken.stdout)["exit_code"]) == (2, 2)


def test_a_redrive_by_a_rule_goes_on_with_that_rule_only(aws: Endpoint, home: Path, tmp_path: Path) -> None:
    from ops.queue import Queue
    from ops.redrive import journal as journals
    from ops.redrive.request import Request
    from ops.redrive.rule import Script
    from ops.stage import Stage
    from tests.sample.topology import SAMPLE

    ids = wrong_tickets(aws, 3)
    dead = queue(aws, "open_ticket-dlq")
    text = "def fix(message): return message.body | {'language': 'EN'}\n"
    script = Script.of(rule(tmp_path, text))
    stage = Stage.open("local", SAMPLE, home)
    found = Queue("open_ticket-dlq", "dead", dead.name, dead.url)
    journal = journals.Journal(
        journals.path(stage, "20260101-000000-aaaa"), found, Request("open_ticket", python=script)
    )
    journal.sent(ids[:1])
    journal.close()
    rule(tmp_path, text.replace("EN", "FR"))
    refused = ops("resume", "20260101-000000-aaaa")
    assert (refused.exit_code, "is not the rule that this redrive began with" in refused.stderr) == (2, True)
    assert (arrived(aws), len(dead)) == ([], 3)
    rule(tmp_path, text)
    assert answer("resume", "20260101-000000-aaaa")["tally"]["moved"] == 2
    assert {json.loads(body)["language"] for body in arrived(aws)} == {"EN"}
    assert len(dead) == 0


def test_what_a_rule_raises_leaves_no_secret_anywhere_and_reasons_have_an_end(
    aws: Endpoint, home: Path, tmp_path: Path
) -> None:
    wrong_tickets(aws, 25)
    text = "def fix(message):\n    raise ValueError(message.body['email'], message.body['ticket_id'])\n"
    done = ops("redrive", "open_ticket", "--python", rule(tmp_path, text), "--yes", "--json")
    refused = json.loads(done.stdout)["tally"]["refused"]
    assert (done.exit_code, sum(refused.values()), len(refused)) == (3, 25, 21)
    assert refused["for other reasons"] == 5
    written = [path.read_text() for path in (home / "ops").rglob("*") if path.is_file()]
    assert not [text for text in (done.output, *written, str(aws.tables)) if "ada@" in text]


def test_only_what_was_not_in_the_queue_at_all_is_said_to_be_gone(aws: Endpoint, home: Path, tmp_path: Path) -> None:
    ids = wrong_tickets(aws, 3)
    parts = [document.part(id_, WRONG.replace("tic-1", f"tic-{number}")) for number, id_ in enumerate(ids)]
    kept = tmp_path / "edit.txt"
    kept.write_text(document.written(parts).replace('"en"', '"EN"'))
    edit = ("--edit", f"@{kept}", "--json")
    for chosen, code in ((("--ids", ids[0]), 0), (("--filter", "body.ticket_id == 'tic-1'"), 0)):
        assert answer("redrive", "open_ticket", *edit[:2], *chosen)["absent"] == code
    assert answer("drop", "open_ticket", "--ids", ids[2], "--yes")["deleted"] == 1
    assert answer("redrive", "open_ticket", *edit[:2], "--ids", ids[0])["absent"] == 1


def test_what_waits_behind_a_message_of_its_group_that_was_taken_out_is_not_gone(aws: Endpoint, tmp_path: Path) -> None:
    dead = queue(aws, "assign_ticket-dlq")
    ids = [aws.put(dead, f"body {number}", "group") for number in range(15)]
    kept = tmp_path / "edit.txt"
    kept.write_text(document.written([document.part(id_, f"body {n}") for n, id_ in enumerate(ids) if n]))
    assert answer("redrive", "assign_ticket", "--edit", f"@{kept}")["absent"] == 0
    done = ops("redrive", "assign_ticket", "--edit", f"@{kept}", "--yes", "--json")
    assert json.loads(done.stdout)["absent"] == 0, done.output
