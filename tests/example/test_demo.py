"""`make demo`: one order's whole life on this machine, as a newcomer sees it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = 26


@pytest.mark.flow
def test_the_demo_keeps_its_promises(tmp_path: Path) -> None:
    elsewhere = {**os.environ, "HEADRACE_LOCAL": str(tmp_path)}  # somebody's stack may be running here
    command = [sys.executable, "-m", "example"]
    done = subprocess.run(command, cwd=ROOT, env=elsewhere, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") > PROMISES
    assert f"All {PROMISES} promises were kept." in done.stdout
