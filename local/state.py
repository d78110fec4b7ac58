"""Where a running local stack is written down, for the operator's command and for scripts."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from local.errors import LocalError
from stacks.names import ROOT

HOME = Path(os.environ.get("HEADRACE_LOCAL") or ROOT / ".local")
REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, kw_only=True)
class State:
    """What a client needs to reach the local stack. `pid` is the process that runs it."""

    api_url: str
    aws_endpoint_url: str
    region: str
    account: str
    pid: int

    def write(self, home: Path) -> None:
        """Write `state.json` under `home`, whole or not at all."""
        home.mkdir(parents=True, exist_ok=True)
        draft = home / "state.json.new"
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(home / "state.json")


def remove(home: Path) -> None:
    """Forget the local stack of `home`."""
    (home / "state.json").unlink(missing_ok=True)


def read(home: Path = HOME) -> State:
    """The running local stack of `home`. Raises `LocalError` if none runs there."""
    try:
        state = State(**json.loads((home / "state.json").read_text()))
        os.kill(state.pid, 0)
    except (FileNotFoundError, ValueError, TypeError, ProcessLookupError):
        raise LocalError("No local stack is running; start one with: python -m local up") from None
    return state


def refuse_second(home: Path) -> None:
    """Raise `LocalError` if a local stack already runs in `home`."""
    try:
        state = read(home)
    except LocalError:
        return
    where = state.api_url or state.aws_endpoint_url
    raise LocalError(f"A local stack is already running at {where} (process {state.pid}); stop it first.")
