"""state.json: where a running local stack is written down."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local import state
from local.errors import LocalError
from stacks.names import ROOT


def running(pid: int) -> state.State:
    return state.State(
        api_url="http://127.0.0.1:1/local",
        aws_endpoint_url="https://127.0.0.1:2",
        region="r",
        account="a",
        access_key_id="key",
        secret_access_key="hidden",
        ca_bundle="/ca.pem",
        pid=pid,
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    running(os.getpid()).write(tmp_path / "new")
    assert state.read(tmp_path / "new") == running(os.getpid())
    assert json.loads((tmp_path / "new" / "state.json").read_text())["api_url"] == "http://127.0.0.1:1/local"


def test_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    (tmp_path / "state.json.new").write_text("of an earlier run")
    running(os.getpid()).write(tmp_path)
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    assert "hidden" not in repr(running(1))
    assert "hidden" not in repr(running(1).endpoint)


def test_only_its_owner_looks_into_the_folder_with_the_logs(tmp_path: Path) -> None:
    for folder, mode in ((tmp_path / "new" / "one", 0o755), (tmp_path / "old", 0o755), (tmp_path / "own", 0o700)):
        if folder.name != "one":
            folder.mkdir(mode)
        state.open_home(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    running(os.getpid()).write(tmp_path / "written")
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="cannot be used"):
        state.open_home(tmp_path / "file")


def test_a_second_stack_in_the_same_folder_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    state.refuse_second(tmp_path)
    running(os.getpid()).write(tmp_path)
    with pytest.raises(LocalError, match="already running"):
        state.refuse_second(tmp_path)


def test_a_stack_whose_process_is_gone_counts_as_none(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    running(gone.pid).write(tmp_path)
    state.refuse_second(tmp_path)
    with pytest.raises(LocalError, match="python -m local up"):
        state.read(tmp_path)


def test_a_stack_whose_process_number_is_somebody_elses_now_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    running(os.getpid()).write(tmp_path)
    monkeypatch.setattr(os, "kill", refuse)
    state.refuse_second(tmp_path)
    with pytest.raises(LocalError, match="No local stack is running"):
        state.read(tmp_path)


def test_a_shell_gets_what_reaches_it(tmp_path: Path) -> None:
    replace(running(os.getpid()), ca_bundle="/a folder/ca.pem").write(tmp_path)
    command = f'eval "$({sys.executable} -m tests.sample.local env)"; env'
    told = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_LOCAL": str(tmp_path), "AWS_SESSION_TOKEN": "of another account"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {
        "AWS_ENDPOINT_URL=https://127.0.0.1:2",
        "AWS_ACCESS_KEY_ID=key",
        "AWS_SECRET_ACCESS_KEY=hidden",
        "AWS_CA_BUNDLE=/a folder/ca.pem",
        "NODE_EXTRA_CA_CERTS=/a folder/ca.pem",
    } <= set(told.splitlines())
    assert "AWS_SESSION_TOKEN" not in told


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api_url": 1}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(LocalError, match="No local stack is running"):
        state.read(tmp_path)
