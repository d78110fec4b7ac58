"""The gateway serves what is deployed: nothing before, nothing that failed, and nothing where there is no API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import assembly as kept_assembly
from local import deployment, session
from local.errors import LocalError
from local.gateway import api
from local.session import Session
from local.state import Endpoint, State, read
from stacks import names

ENDPOINT = Endpoint(url="https://127.0.0.1:9", access_key_id="key", secret_access_key="hidden", ca_bundle="/ca.pem")
INGRESS = names.resource(names.LOCAL, "ingress")
SHARED = names.resource(names.LOCAL, "shared")


def assembly(folder: Path, *stacks: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {name: {} for name in stacks}}))


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What became of the gateways of the session."""
    told: list[str] = []

    @contextmanager
    def gateway(*, assembly: Path, port: int, **_: Any) -> Iterator[Any]:
        told.append(f"start {assembly.name} {port}")
        yield SimpleNamespace(url="http://127.0.0.1:1/local")
        told.append("stop")

    @contextmanager
    def log(_path: Path, _endpoint: Endpoint) -> Iterator[None]:
        yield

    monkeypatch.setattr(session, "Gateway", gateway)
    monkeypatch.setattr(session, "AccessLog", log)
    return told


@pytest.fixture
def running(tmp_path: Path) -> Session:
    state = State(
        api_url="",
        aws_endpoint_url=ENDPOINT.url,
        region="r",
        account="a",
        access_key_id=ENDPOINT.access_key_id,
        secret_access_key=ENDPOINT.secret_access_key,
        ca_bundle=ENDPOINT.ca_bundle,
        pid=os.getpid(),
    )
    emulator: Any = SimpleNamespace(alive=True, endpoint=ENDPOINT, log=tmp_path / "emulator.log")
    return Session(state=state, emulator=emulator, home=tmp_path, port=7)


def test_the_gateway_comes_with_the_first_route_and_goes_with_the_api(
    running: Session, gateways: list[str], tmp_path: Path
) -> None:
    running.follow()
    assembly(running.assembly, SHARED)
    running.follow()
    assert gateways == []
    assembly(running.assembly, SHARED, INGRESS)
    running.follow()
    running.follow()
    assert gateways == ["start cdk.out 7"]
    assert read(tmp_path).api_url == running.state.api_url == "http://127.0.0.1:1/local"
    assembly(running.assembly, SHARED)
    running.follow()
    assert gateways == ["start cdk.out 7", "stop"]
    assert read(tmp_path).api_url == ""


def test_an_emulator_that_ended_ends_the_session(running: Session) -> None:
    running.emulator.alive = False  # type: ignore[misc]
    with pytest.raises(LocalError, match="The emulator ended unexpectedly"):
        running.follow()


def test_what_could_not_be_deployed_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assembly(tmp_path / "cdk.out", SHARED)

    def cdk(command: str, *arguments: str, **_: Any) -> None:
        if command == "synth":
            assembly(Path(arguments[arguments.index("--output") + 1]), SHARED, INGRESS)
        elif refused:
            raise LocalError("cdk deploy failed")

    monkeypatch.setattr(deployment, "cdk", cdk)
    monkeypatch.setattr(api, "find_template", lambda folder: folder)
    monkeypatch.setattr(api, "read", lambda *_, **__: None)
    refused = True
    with pytest.raises(LocalError, match="cdk deploy failed"):
        deployment.deploy(tmp_path, ENDPOINT)
    assert deployment.has_api(tmp_path / "cdk.out") is False
    refused = False
    deployment.deploy(tmp_path, ENDPOINT)
    assert deployment.has_api(tmp_path / "cdk.out") is True
    assert not list(tmp_path.glob("cdk.[!o]*"))


@pytest.fixture(autouse=True)
def kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fake makes here is never taken for an assembly of this project."""
    monkeypatch.setattr(kept_assembly, "BUILD", tmp_path / "build")


def test_what_the_gateway_cannot_serve_is_not_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def cdk(command: str, *arguments: str, **_: Any) -> None:
        ran.append(command)
        folder = Path(arguments[arguments.index("--output") + 1])
        assembly(folder, INGRESS)
        resources = {
            "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": "local"}},
            "Api": {"Type": "AWS::ApiGateway::RestApi"},
            "Who": {"Type": "AWS::ApiGateway::Authorizer", "Properties": {"Type": "REQUEST", "Name": "who"}},
        }
        (folder / "ingress.template.json").write_text(json.dumps({"Resources": resources}))

    monkeypatch.setattr(deployment, "cdk", cdk)
    with pytest.raises(LocalError, match="Authorizer who is a REQUEST; only TOKEN is served locally"):
        deployment.deploy(tmp_path, ENDPOINT)
    assert ran == ["synth"]
