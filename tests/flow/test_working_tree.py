"""`python -m local up` follows the working tree: what is saved is live, what is wrong is said and changes nothing.

In the end its emulator dies, and it ends with one sentence.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import state
from local.effects import Effects, eventually, post
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
    for folder in ("functions", "local", "stacks", "tests/sample"):
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


def test_what_is_saved_is_live_and_what_is_wrong_is_said_and_changes_nothing(up: Up, tree: Path) -> None:
    assert up.ready(), up.output
    assert "no integration has a route yet" in up.output
    assert state.read(up.home).api_url == ""

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

    # Nothing is left to keep in step.
    port = int(found.aws_endpoint_url.rsplit(":", 1)[1])
    for pid in up.emulators():
        os.kill(pid, signal.SIGKILL)
    assert up.end() == 1
    assert "The emulator ended unexpectedly" in up.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
