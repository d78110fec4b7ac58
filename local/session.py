"""A whole local stack, from the emulator to our gateway, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import state
from local.access_log import AccessLog
from local.deployment import deploy_first
from local.emulator import Emulator, refuse_taken
from local.errors import LocalError
from local.gateway.server import Gateway
from local.seed import seed


@dataclass(frozen=True, kw_only=True)
class Session:
    """A running local stack."""

    state: state.State
    emulator: Emulator
    home: Path
    assembly: Path

    def wait(self) -> None:
        """Wait until the emulator ends, which it does not do by itself: raises `LocalError` when it did."""
        while self.emulator.alive:
            time.sleep(0.5)
        raise LocalError(f"The emulator ended unexpectedly; its last words are in {self.emulator.log}.")


@contextmanager
def running(
    home: Path = state.HOME,
    *,
    port: int = 0,
    emulator_port: int = 0,
    told: Callable[[str], None] = lambda _step: None,
) -> Iterator[Session]:
    """Start a local stack under `home`, call `told` after each step, and stop everything on leaving.

    `port` is the gateway's and `emulator_port` the emulator's; 0 picks a free one. Raises `LocalError` if a local stack
    already runs in `home`, a port is taken, or a step fails.
    """
    state.refuse_second(home)
    if port:
        refuse_taken(port)
    home.mkdir(parents=True, exist_ok=True)
    for log in home.glob("*.log"):
        log.unlink()
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(home, emulator_port))
        told(f"emulator answers at {emulator.url}")
        for step in deploy_first(home, emulator.url):
            told(step)
        assembly = home / "cdk.out"
        gateway = stack.enter_context(Gateway(assembly=assembly, endpoint_url=emulator.url, port=port))
        stack.enter_context(AccessLog(home / "access.log", emulator.url))
        seed(emulator.url)
        told(f"gateway answers at {gateway.url}")
        found = state.State(
            api_url=gateway.url,
            aws_endpoint_url=emulator.url,
            region=state.REGION,
            account=state.ACCOUNT,
            pid=os.getpid(),
        )
        found.write(home)
        stack.callback(state.remove, home)
        yield Session(state=found, emulator=emulator, home=home, assembly=assembly)
