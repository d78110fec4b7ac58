"""What flow tests do with the stack of schedules and delays."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from local.session import Session
from stacks.names import ROOT
from tests.flow.tickets import environment


def operate(stack: Session, *arguments: str, code: int = 0) -> Any:
    """What the operator's command answers, with what the operator's role may."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.sample.timed_ops", *arguments, "--json"],
        cwd=ROOT,
        env=environment(stack),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "not authorized" not in ran.stdout + ran.stderr
    assert ran.returncode == code, ran.stdout + ran.stderr
    return json.loads(ran.stdout)
