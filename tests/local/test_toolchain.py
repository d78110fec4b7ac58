"""The CDK CLI runs in an environment that can reach the emulator and nothing else; what fails is said."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from local import toolchain
from local.effects import eventually
from local.errors import LocalError
from local.state import Endpoint

ENDPOINT = Endpoint(url="https://127.0.0.1:1", access_key_id="key", secret_access_key="hidden", ca_bundle="/ca.pem")


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment's bin folder with a CDK CLI and a Node.js that do nothing."""
    for name in ("cdk", "node"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(toolchain, "BIN", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "tool"), [("node", "Node.js"), ("cdk", "The CDK CLI")])
def test_a_missing_tool_is_one_sentence(bin_folder: Path, name: str, tool: str) -> None:
    (bin_folder / name).unlink()
    with pytest.raises(LocalError, match=f"{tool} is missing .* run: make setup"):
        toolchain.cdk("synth", log=bin_folder / "log", environment={})


def test_a_failing_command_shows_its_last_words_and_where_the_rest_is(bin_folder: Path) -> None:
    (bin_folder / "cdk").write_text("#!/bin/sh\nseq 100\necho 'the reason' >&2\nexit 7\n")
    log = bin_folder / "synth.log"
    log.write_text("of an earlier run\n")
    with pytest.raises(LocalError) as raised:
        toolchain.cdk("synth", log=log, environment={"PATH": "/usr/bin:/bin"})
    said = str(raised.value)
    assert said.startswith("cdk synth failed")
    assert said.endswith("100\nthe reason")
    assert str(log) in said
    assert "earlier" not in said


def test_a_command_that_is_interrupted_takes_what_it_started_along(bin_folder: Path) -> None:
    child = bin_folder / "child"
    (bin_folder / "cdk").write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {child}.new\nmv {child}.new {child}\nwait\n")

    def interrupt(*_: object) -> None:
        if child.exists():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            toolchain.cdk("synth", log=bin_folder / "log", environment={"PATH": "/usr/bin:/bin"})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert eventually(lambda: not running(int(child.read_text())), within=5)


def running(pid: int) -> bool:
    """Whether the process works, and is not only waiting for its parent to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_aws_setting_of_the_person_reaches_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/elsewhere.pem")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "123456789012")
    environment = toolchain.environment(ENDPOINT)
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment
    assert environment["CDK_DEFAULT_ACCOUNT"] == "000000000000"
    assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:1"
    assert environment["AWS_ACCESS_KEY_ID"] == "key"
    assert environment["AWS_CA_BUNDLE"] == environment["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
