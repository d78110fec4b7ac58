"""`python -m local` as a person types it: it says where things are, refuses in one sentence, leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import state
from local.effects import eventually, post
from tests.flow.test_orders import order

ROOT = Path(__file__).resolve().parents[2]


class Up:
    """`python -m local up` in a folder of its own, its output collected as it comes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HEADRACE_LOCAL": str(self.home), "COLUMNS": "200"}

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line

    def ready(self) -> bool:
        eventually(lambda: "Ctrl-C" in self.output or self.process.poll() is not None, within=90)
        return "Ctrl-C" in self.output

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self) -> int:
        code = self.process.wait(20)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def emulators(self) -> list[int]:
        """The processes whose temporary folder is this stack's: the emulator and every function it runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.home}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "home")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.end()


def test_up_runs_a_stack_that_takes_requests_and_commands_until_it_is_stopped(up: Up) -> None:
    assert up.ready(), up.output
    found = state.read(up.home)
    assert {found.region, found.account} == {"us-east-1", "000000000000"}
    assert found.api_url in up.output
    assert found.aws_endpoint_url in up.output
    curl = re.search(r"curl -i \S+/v1/orders", up.output)
    assert curl, "a line to try"

    assert post(f"{found.api_url}/v1/orders", order("up-1", ("tea-500g", 1)))[0] == 202
    depths = up.run("ops", "queues", "--stage", "local", "--json")
    assert depths.returncode == 0, depths.stderr
    assert {row["queue"] for row in json.loads(depths.stdout)} >= {"accept_order", "accept_order-dlq"}

    second = up.run("local", "up")
    assert second.returncode == 1
    assert "already running" in second.stderr

    again = up.run("local", "deploy")
    assert again.returncode == 0, again.stderr
    assert post(f"{found.api_url}/v1/orders", order("up-2", ("tea-500g", 1)))[0] == 202

    assert up.emulators()
    up.process.send_signal(signal.SIGINT)
    assert up.end() == 0, up.output
    assert "Stopped." in up.output
    assert not (up.home / "state.json").exists()
    assert eventually(lambda: not up.emulators()), "nothing is left running"


def test_a_dead_emulator_ends_up_with_one_sentence_and_nothing_left(up: Up) -> None:
    assert up.ready(), up.output
    port = int(state.read(up.home).aws_endpoint_url.rsplit(":", 1)[1])
    for pid in up.emulators():
        os.kill(pid, signal.SIGKILL)
    assert up.end() == 1
    assert "The emulator ended unexpectedly" in up.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_deploy_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    environment = {**os.environ, "HEADRACE_LOCAL": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "local", "deploy"],
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
            [sys.executable, "-m", "local", "up", option, str(taken)],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_LOCAL": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert str(taken) in done.stderr
