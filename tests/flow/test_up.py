"""`python -m local up` as a person types it: it follows the working tree, refuses in one sentence, leaves nothing.

What is saved is live, what is wrong is said and changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import state
from local.effects import Effects, eventually, post
from local.invitation import invitation
from stacks.names import ROOT
from tests.flow.tickets import ticket
from tests.flow.up import Up
from tests.sample.topology import SAMPLE

NOTHING = """from stacks.entry import Topology

SAMPLE = Topology(package="tests.sample")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a stack is made of, with no integration in its map."""
    tree = tmp_path / "tree"
    for folder in ("functions", "local", "ops", "stacks", "tests/sample"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cdk.json", tree)
    (tree / "build").symlink_to(ROOT / "build")  # the dependencies' layer, once it is there
    (tree / "tests" / "sample" / "topology.py").write_text(NOTHING)
    return tree


@pytest.fixture
def up(tree: Path, tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "home", tree)
    yield started
    started.kill()


def test_up_follows_the_tree_and_takes_requests_and_commands_until_it_is_stopped(up: Up, tree: Path) -> None:
    assert up.ready(), up.output
    assert "no integration has a route yet" in up.output
    found = state.read(up.home)
    assert found.api_url == ""
    assert {found.region, found.account} == {"us-east-1", "000000000000"}
    assert found.aws_endpoint_url in up.output
    assert "Then look:  python -m tests.sample.ops queues --stage local" in up.output, "which knows this topology"

    # The first route.
    said, topology = up.output, tree / "tests" / "sample" / "topology.py"
    topology.write_text((ROOT / "tests" / "sample" / "topology.py").read_text())
    assert up.says("✓ deployed", after=said, within=120), up.output
    found = state.read(up.home)
    assert found.api_url
    assert found.api_url in up.output
    effects = Effects(SAMPLE, found.endpoint)
    assert effects.item("agents", "agent-1"), "a new table has its first items"

    def opened(ticket_id: str) -> str:
        """What the function stored as the language of a ticket in English."""
        assert post(f"{found.api_url}/v1/tickets", ticket(ticket_id, ("agent-1", 1)))[0] == 202
        stored = eventually(lambda: effects.item("tickets", ticket_id))
        assert stored
        return str(stored["language"])

    assert opened("tree-1") == "EN"

    # What a person is invited to try, as it would be copied.
    command = "\n".join(invitation(SAMPLE, found.api_url)).partition("Try it:")[2]
    assert "curl" in command
    assert max(map(len, command.splitlines())) <= 80
    tried = subprocess.run(["sh", "-c", command], cwd=up.home, capture_output=True, text=True, check=False).stdout
    assert tried.startswith("HTTP/1.1 202"), tried

    # Other commands beside it.
    depths = up.run("ops", "queues", "--stage", "local", "--json")
    assert depths.returncode == 0, depths.stderr
    assert {row["queue"] for row in json.loads(depths.stdout)} >= {"open_ticket", "open_ticket-dlq"}
    second = up.run("local", "up")
    assert second.returncode == 1
    assert "already running" in second.stderr
    again = up.run("local", "deploy")
    assert again.returncode == 0, again.stderr
    assert post(f"{found.api_url}/v1/tickets", ticket("tree-again", ("agent-1", 1)))[0] == 202

    # A handler's code.
    handler = tree / "tests" / "sample" / "open_ticket" / "handler.py"
    good = handler.read_text().replace("language=ticket.language", "language=ticket.language.lower()")
    assert good != handler.read_text()
    said, saved = up.output, time.monotonic()
    handler.write_text(good)
    assert up.says("✓ live: open_ticket", after=said), up.output
    assert opened("tree-2") == "en"
    assert time.monotonic() - saved < 20  # 2 s, where nothing else is at work

    for wrong, says in (
        (good + "\ndef broken(:\n", f"open_ticket/handler.py, line {good.count(chr(10)) + 2}: SyntaxError: "),
        (good + "\nnothing()\n", f"open_ticket/handler.py, line {good.count(chr(10)) + 2}: NameError: "),
    ):
        said = up.output
        handler.write_text(wrong)
        assert up.says(says, after=said), up.output
        assert up.says("What ran before keeps running", after=said)
    assert opened("tree-3") == "en"
    said = up.output
    handler.write_text(good)
    assert up.says("✓ live: open_ticket", after=said), up.output

    # The map.
    whole, said = topology.read_text(), up.output
    topology.write_text(whole.replace('queue="open_ticket"', 'queue="close_ticket"'))
    assert up.says("Queue 'open_ticket' is fed by nothing", after=said), up.output
    assert up.says("What ran before keeps running", after=said)
    assert opened("tree-4") == "en"

    # Ctrl-C.
    assert up.emulators()
    up.process.send_signal(signal.SIGINT)
    assert up.end() == 0, up.output
    assert "Stopped." in up.output
    assert not (up.home / "state.json").exists()
    assert eventually(lambda: not up.emulators()), "nothing is left running"


def test_deploy_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    environment = {**os.environ, "HEADRACE_LOCAL": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.sample.local", "deploy"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "python -m local up" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("option", ["--port", "--emulator-port"])
def test_a_taken_port_is_one_sentence_with_nothing_left_running(tmp_path: Path, option: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "tests.sample.local", "up", option, str(taken)],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_LOCAL": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert str(taken) in done.stderr
