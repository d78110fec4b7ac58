"""On a screen of 80 columns nothing breaks inside an id, a path or a queue's name, whatever the command."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import typer.main
from rich.text import Text
from typer.testing import CliRunner

import ops.cli.scale
from ops.cli import look, observe, screen
from ops.cli.app import app
from ops.cli.bill import bill
from ops.cli.request_tree import tree
from ops.cli.terminal import Terminal
from ops.cost.costing import Costing
from ops.cost.prices import Prices
from ops.cost.work import Assumptions
from ops.observe.logs import read
from ops.observe.request_path import DeadLetter, path
from ops.queue import Queue, known
from ops.redrive import journal, native
from ops.redrive.journal import Journal
from ops.redrive.native import Task
from ops.redrive.request import Request
from ops.stage import Stage
from stacks import names
from stacks.settings import Settings
from tests.ops.endpoint import Endpoint
from tests.ops.lines import START, answered, handled
from tests.sample.topology import SAMPLE

CORRELATION = "5f0e7f3c-3d0b-4c67-9a39-0d3c1f3b8f11"
MESSAGE = "172434ab-7c39-476a-880b-b998027c1605"
EVENT = "1bb023d5-7e31-48cf-b80f-bf6def2e0736"
RUN = "20261123-174807-748a"
FRAME = "functions/assign_ticket_to_the_nearest_agent/handler.py:127 find_the_nearest_agent"


class Screen:
    """What is shown on a terminal of that width."""

    def __init__(self, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.width = width
        self.file = io.StringIO()
        console = Terminal(file=self.file, force_terminal=True, no_color=True, width=width, height=200)
        for module in (screen, look, observe):
            monkeypatch.setattr(module, "out", console)
        monkeypatch.setattr(screen, "err", console)
        self.console = console

    def after(self, *command: str) -> str:
        """The screen after the command, which may say that something is left."""
        self.file.truncate(self.file.seek(0))
        done = CliRunner().invoke(app, [*command], obj=SAMPLE)
        assert done.exit_code in (0, 3), done.output
        return self.shown()

    def shown(self) -> str:
        """What was printed so far: every line fits that can be broken, and nothing is cut inside a word."""
        text = Text.from_ansi(self.file.getvalue()).plain
        assert all(len(line.rstrip()) <= self.width or " " not in line.strip() for line in text.splitlines()), text
        assert not re.search(r"\w…", text), text
        return text


@pytest.fixture(params=[80, 120])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Screen:
    return Screen(request.param, monkeypatch)


def whole(text: str, *words: str) -> None:
    """Every one of these words stands somewhere on one line."""
    for word in words:
        assert any(word in line for line in text.splitlines()), f"{word} is broken in\n{text}"


def dead(aws: Endpoint, word: str, body: str = "{}", group: str | None = None) -> str:
    queue = aws.sqs.create({name: physical for name, _, physical in known(names.LOCAL, SAMPLE)}[word])
    id_ = aws.put(queue, body, group=group, correlation_id=CORRELATION, idempotency_key=f"{EVENT}/{MESSAGE}")
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = {
        "message_id": {"S": id_},
        "error_type": {"S": "Reject"},
        "error_message": {"S": f"Agent {EVENT} of {MESSAGE} is not in the agents table; add it there, and redrive."},
        "attempts": {"N": "5"},
        "function": {"S": names.resource(names.LOCAL, "assign_ticket")},
        "stack": {"L": [{"S": "functions/runtime/consumer.py:61 handle"}, {"S": FRAME}]},
        "correlation_id": {"S": CORRELATION},
        "first_error_type": {"S": "Unavailable"},
        "first_error_message": {"S": f"The directory of agents does not answer {CORRELATION} for {MESSAGE} just now."},
        "first_attempts": {"N": "1"},
        "last_error_type": {"S": "NotAttempted"},
        "last_error_message": {"S": "The batch's time ran out before its turn."},
        "last_attempts": {"N": "6"},
    }
    return id_


def test_queues_and_dead(aws: Endpoint, terminal: Screen) -> None:
    ids = [dead(aws, "assign_ticket-dlq") for _ in range(3)]
    words = [word for word, _, _ in known(names.LOCAL, SAMPLE)]
    whole(terminal.after("queues"), *words)
    whole(terminal.after("dead"), "assign_ticket-dlq", *ids)


def test_peek(aws: Endpoint, terminal: Screen) -> None:
    body = {"detail": {"id": EVENT, "data": {"note": f"see {MESSAGE} and {CORRELATION} and {EVENT} and {MESSAGE}"}}}
    id_ = dead(aws, "assign_ticket-dlq", json.dumps(body))
    text = terminal.after("peek", "assign_ticket")
    whole(text, id_, CORRELATION, EVENT, MESSAGE, f"{EVENT}/{MESSAGE}", FRAME.split()[0], f"ops trace {CORRELATION}")
    assert text.index("functions/runtime/consumer.py:61") < text.index(FRAME.split()[0]), "the innermost call is last"
    whole(text, "first, at receive 1: service away: The", "last, at receive 6: NotAttempted")


def test_a_remark_about_the_causes(aws: Endpoint, terminal: Screen) -> None:
    id_ = dead(aws, "assign_ticket-dlq")
    aws.tables = {}
    for command in (("dead",), ("peek", "assign_ticket")):
        whole(terminal.after(*command), id_, "Neither the recorded causes")


def test_redrive_and_resume_and_status(
    aws: Endpoint, stage: Stage, terminal: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        dead(aws, "assign_ticket-dlq")
    dead(aws, "change_ticket-dlq", group="ticket-1")
    whole(
        terminal.after("redrive", "assign_ticket"),
        names.queue(names.LOCAL, "assign_ticket"),
        "assign_ticket-dlq",
        EVENT,
    )
    done = terminal.after("redrive", "change_ticket", "--yes")
    whole(done, names.queue(names.LOCAL, "change_ticket", fifo=True), "change_ticket-dlq")
    edit = terminal.after("redrive", "assign_ticket", "--edit", json.dumps({"agent": EVENT}), "--yes")
    whole(edit, EVENT)
    url = "http://sqs/1/assign_ticket-dlq"
    open_ = Journal(journal.path(stage, RUN), Queue("assign_ticket-dlq", "dead", "dlq", url), Request("assign_ticket"))
    open_.sent([MESSAGE])
    open_.close()
    whole(terminal.after("resume"), RUN, "assign_ticket-dlq")
    to = f"arn:aws:sqs:eu-west-1:000000000000:{names.queue('cloud', 'change_ticket', fifo=True)}"
    task = Task(status="COMPLETED", moved=8, to_move=8, started_at="2026-11-23T17:48:07+00:00", destination=to, rate=50)
    monkeypatch.setattr(native, "tasks", lambda *_: [task])
    whole(terminal.after("status", "assign_ticket"), to.rpartition(":")[2], "2026-11-23T17:48:07+00:00")


def test_export_and_drop_and_import(aws: Endpoint, terminal: Screen, tmp_path: Path) -> None:
    dead(aws, "assign_ticket-dlq")
    file = tmp_path / f"{RUN}.jsonl"
    whole(terminal.after("export", "assign_ticket", str(file)), "assign_ticket-dlq", f"{RUN}.jsonl")
    whole(terminal.after("drop", "assign_ticket"), "assign_ticket-dlq")
    whole(terminal.after("drop", "assign_ticket", "--yes"), "assign_ticket-dlq")
    whole(terminal.after("import", "assign_ticket-dlq", str(file), "--yes"), "assign_ticket-dlq")


def long_path() -> list[str]:
    """A ticket of whose messages one was redriven, and died again."""
    failed = {"error_type": "Reject", "error": f"Agent {EVENT} is not in the agents table; add it, and redrive.",
              "stack": ["functions/runtime/consumer.py:61 handle", FRAME]}  # fmt: skip
    again = MESSAGE.replace("1", "2")
    lines = [
        answered(correlation_id=CORRELATION),
        handled("open_ticket", MESSAGE, 100, request=0, publishes={"TicketOpened": EVENT}, correlation_id=CORRELATION),
    ]
    for id_, at, stamp in ((again, 200, None), (again.replace("2", "3"), 9000, f"1 {RUN}")):
        lines += [
            handled(
                "assign_ticket", id_, at + number, outcome="rejected", attempt=number, event=EVENT,
                redriven=stamp, correlation_id=CORRELATION, sent=at, **failed,
            )
            for number in range(1, 6)
        ]  # fmt: skip
    return lines


def test_trace(terminal: Screen) -> None:
    lines = [line for text in long_path() if (line := read(text)) is not None]
    last = MESSAGE.replace("1", "3").replace("2", "3")
    letter = DeadLetter(queue="assign_ticket", dlq="assign_ticket-dlq", message_id=last, sent=START, cause="Reject")
    found = path(CORRELATION, lines, SAMPLE, [letter])
    for delivery in found.deliveries():
        delivery.redriven_by = "arn:aws:sts::000000000000:assumed-role/operator/ada" if delivery.redriven else None
    terminal.console.print(tree(found, terminal.width))
    text = terminal.shown()
    whole(text, CORRELATION, f"({RUN})", EVENT, "assign_ticket-dlq", "open_ticket", FRAME.split()[0])
    whole(text, "arn:aws:sts::000000000000:assumed-role/operator/ada", "python -m ops redrive assign_ticket-dlq")


@pytest.mark.parametrize("width", [60, 80])
def test_where_a_table_has_no_room_names_stand_above_their_figures(width: int) -> None:
    console = Terminal(width=width, no_color=True)
    name = "a" * 40 + "-undelivered"
    lines = [(Text(name), [Text("1,234,567"), Text("3 min")]), (Text("other"), [])]
    with console.capture() as capture:
        console.print(screen.sheet(("queue", "waiting", "oldest"), lines, width))
    assert name in capture.get()
    assert capture.get().count("\n") == (4 if width == 60 else 3)


def test_cost(terminal: Screen) -> None:
    settings = Settings(stage="prod", email_sender="desk@example.com")
    costing = Costing(SAMPLE, settings, Prices.of("us-east-1"), 1_000_000, Assumptions())
    terminal.console.print(bill(costing, terminal.width))
    whole(terminal.shown(), *(row.name for row in costing.rows()))


def test_scale(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.cli.scale, "out", terminal.console)
    text = terminal.after("scale", "--stage", names.STAGES[-1])
    whole(text, *(each.name for each in SAMPLE.routes), *(each.name for each in SAMPLE.subscriptions))


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help(name: str) -> None:
    text = CliRunner().invoke(app, [name, "--help"], obj=SAMPLE, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output
    example = re.search(r"Example: (.+)", COMMANDS[name].help or "")
    assert example
    whole(text, *(word for word in example[1].split() if re.search(r"[_\d-]", word)))
    assert max(map(len, text.splitlines())) <= 80
