"""An account that cannot be bootstrapped says why; that it can is what every flow begins with."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from local import deployment
from local.errors import LocalError
from local.state import Endpoint

ENDPOINT = Endpoint(url="https://127.0.0.1:9", access_key_id="key", secret_access_key="hidden", ca_bundle="")


def test_an_emulator_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(LocalError, match="The account could not be bootstrapped: Could not connect to the endpoint"):
        deployment.bootstrap(ENDPOINT)


def test_a_missing_cli_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(LocalError, match=r"The CDK CLI is missing .* run: make setup"):
        deployment.bootstrap(ENDPOINT)
