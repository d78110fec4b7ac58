"""`python -m ops watch` counts what goes through a running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.effects import eventually, post
from local.session import Session
from tests.flow.test_orders import order

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("flow")]

ROOT = Path(__file__).resolve().parents[2]


def watch(stack: Session, *options: str) -> str:
    environment = {**os.environ, "HEADRACE_LOCAL": str(stack.home), "COLUMNS": "170"}
    command = [sys.executable, "-m", "ops", "watch", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_watch_counts_requests_and_what_became_of_them(stack: Session) -> None:
    for number in range(3):
        assert post(f"{stack.state.api_url}/v1/orders", order(f"watch-{number}", ("tea-500g", 1)))[0] == 202
    assert post(f"{stack.state.api_url}/v1/orders", b"{}")[0] == 400

    def counted() -> dict[str, Any] | None:
        rates: dict[str, Any] = json.loads(watch(stack, "--json"))["rates"]
        return rates if rates["done"].get("accept_order", 0) >= 3 else None

    rates = eventually(counted)
    assert rates, watch(stack, "--once")
    assert rates["requests"]["POST /v1/orders"] >= 4
    assert rates["refused"]["POST /v1/orders"] >= 1
    assert rates["delivered"]["reserve_stock on OrderAccepted"] >= 3

    frame = watch(stack, "--once")
    assert frame.count("headrace local") == 1
    assert "the last 60 s of the logs" in frame
