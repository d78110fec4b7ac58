"""What `python -m local up` says to a person once the stack is there, and how it ends; the deployment is a fake."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from local import session, watch
from local.command import Door, app
from local.invitation import invitation
from stacks.entry import Topology
from tests.sample.topology import SAMPLE

URL = "http://127.0.0.1:40001/local"


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command takes the process's signals for itself, which is pytest's here."""
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    yield
    for sign, handler in before.items():
        signal.signal(sign, handler)


def test_it_says_where_things_are_and_invites_to_a_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def running(topology: Topology, **_: Any) -> Iterator[Any]:
        assert topology is SAMPLE
        yield SimpleNamespace(state=SimpleNamespace(api_url=URL, aws_endpoint_url="https://127.0.0.1:40002"))

    def interrupted(_: watch.Watch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "running", running)
    monkeypatch.setattr(watch.Watch, "run", interrupted)
    done = CliRunner().invoke(app, ["up"], obj=Door(SAMPLE, module="mine.local", operator="mine.ops"))
    assert done.exit_code == 0, done.output
    lines = list(invitation(SAMPLE, URL))
    assert len(lines) > 3
    assert "\n".join(lines) in done.output, "as it would be copied"
    assert f"  API           {URL}\n" in done.output
    assert "  AWS endpoint  https://127.0.0.1:40002\n" in done.output
    assert "Then look:  python -m mine.ops queues --stage local" in done.output
    assert done.output.endswith("Stopped.\n")


def test_an_emulator_that_dies_ends_it_with_one_sentence_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, running, ports = watch.Watch.run, session.running, []

    def killed(self: watch.Watch) -> None:
        """Its emulator dies as it begins to watch."""
        process = self._session.emulator._process
        assert process
        ports.append(self._session.emulator.port)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        run(self)

    monkeypatch.setattr(session, "running", lambda topology, **more: running(topology, tmp_path, **more))
    monkeypatch.setattr(session, "deploy_first", lambda *_: iter(()))
    monkeypatch.setattr(watch.Watch, "run", killed)
    done = CliRunner().invoke(app, ["up"], obj=Door(Topology(package="tests.sample")))
    assert done.exit_code == 1
    assert "The emulator ended unexpectedly; its last words are in " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state.json").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[0])) != 0
