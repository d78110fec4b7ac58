"""`python -m local` as a person types it: it says where things are, refuses in one sentence, leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import state
from local.effects import eventually, post
from stacks.names import ROOT
from tests.flow.tickets import ticket
from tests.flow.up import Up


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "home")
    yield started
    started.kill()


def invited(output: str) -> str:
    """The command that a person is invited to try, as it would be copied."""
    command = output.partition("Try it:")[2].partition("Then look:")[0]
    assert "curl" in command
    assert max(map(len, command.splitlines())) <= 80
    return command


def test_up_runs_a_stack_that_takes_requests_and_commands_until_it_is_stopped(up: Up) -> None:
    assert up.ready(), up.output
    found = state.read(up.home)
    assert {found.region, found.account} == {"us-east-1", "000000000000"}
    assert found.api_url in up.output
    assert found.aws_endpoint_url in up.output
    tried = subprocess.run(
        ["sh", "-c", invited(up.output)], cwd=up.home, capture_output=True, text=True, check=False
    ).stdout
    assert tried.startswith("HTTP/1.1 202"), tried

    assert post(f"{found.api_url}/v1/tickets", ticket("up-1", ("agent-1", 1)))[0] == 202
    depths = up.run("ops", "queues", "--stage", "local", "--json")
    assert depths.returncode == 0, depths.stderr
    assert {row["queue"] for row in json.loads(depths.stdout)} >= {"open_ticket", "open_ticket-dlq"}

    assert "Then look:  python -m tests.sample.ops queues --stage local" in up.output, "which knows this topology"
    second = up.run("local", "up")
    assert second.returncode == 1
    assert "already running" in second.stderr

    again = up.run("local", "deploy")
    assert again.returncode == 0, again.stderr
    assert post(f"{found.api_url}/v1/tickets", ticket("up-2", ("agent-1", 1)))[0] == 202

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
