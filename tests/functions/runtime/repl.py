"""A bare interpreter: no credentials, no region, no settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def repl(event: Path, code: str) -> list[str]:
    """What the interpreter prints when it runs `code` with the recorded `event` at hand."""
    lines = f"import json\nevent = json.load(open({str(event)!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env={})
    return done.stdout.splitlines()
