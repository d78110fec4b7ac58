"""A whole local stack, from the emulator to our gateway, for as long as a `with` block lasts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from botocore.credentials import Credentials

from local import state
from local.access_log import AccessLog
from local.deployment import DEPLOYED, deploy_first, has_api
from local.emulator import Emulator, refuse_taken
from local.errors import LocalError
from local.gateway.server import Gateway
from local.seed import seed
from stacks.entry import Topology


@dataclass(kw_only=True)
class Session:
    """A running local stack. `port` is the gateway's; 0 picks a free one."""

    state: state.State
    emulator: Emulator
    home: Path
    port: int
    _front: ExitStack = field(default_factory=ExitStack)

    @property
    def assembly(self) -> Path:
        """The folder of what was deployed last."""
        return self.home / DEPLOYED

    def follow(self) -> None:
        """Start the gateway when a deployment brought the first route, and stop it when one took the last away.

        Raises `LocalError` when the emulator ended.
        """
        if not self.emulator.alive:
            raise LocalError(f"The emulator ended unexpectedly; its last words are in {self.emulator.log}.")
        if self.serve():
            self.state.write(self.home)

    def serve(self) -> bool:
        """Start or stop the gateway if the deployed assembly asks for it; whether it did."""
        wanted = has_api(self.assembly)
        if wanted is None or wanted == bool(self.state.api_url):
            return False
        self.close()
        endpoint = self.emulator.endpoint
        if wanted:
            gateway = self._front.enter_context(
                Gateway(
                    assembly=self.assembly,
                    endpoint_url=endpoint.url,
                    credentials=Credentials(endpoint.access_key_id, endpoint.secret_access_key),
                    ca_bundle=endpoint.ca_bundle,
                    port=self.port,
                )
            )
            self._front.enter_context(AccessLog(self.home / "access.log", endpoint))
            self.state = replace(self.state, api_url=gateway.url)
        return True

    def close(self) -> None:
        """Stop the gateway."""
        self._front.close()
        self.state = replace(self.state, api_url="")


@contextmanager
def running(
    topology: Topology,
    home: Path = state.HOME,
    *,
    app: str | None = None,
    port: int = 0,
    emulator_port: int = 0,
    told: Callable[[str], None] = lambda _step: None,
) -> Iterator[Session]:
    """Start a local stack under `home`, call `told` after each step, and stop everything on leaving.

    `topology` is what the stack has, and `app` the command that makes it, where it is not that of cdk.json.

    `port` is the gateway's and `emulator_port` the emulator's; 0 picks a free one. Raises `LocalError` if a local stack
    already runs in `home`, a port is taken, or a step fails.
    """
    state.refuse_second(home)
    if port:
        refuse_taken(port)
    state.open_home(home)
    for log in home.glob("*.log"):
        log.unlink()
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(home, emulator_port))
        told(f"emulator answers at {emulator.url}")
        for step in deploy_first(home, emulator.endpoint, app):
            told(step)
        found = state.State(
            api_url="",
            aws_endpoint_url=emulator.url,
            region=state.REGION,
            account=state.ACCOUNT,
            access_key_id=emulator.endpoint.access_key_id,
            secret_access_key=emulator.endpoint.secret_access_key,
            ca_bundle=emulator.endpoint.ca_bundle,
            pid=os.getpid(),
        )
        session = Session(state=found, emulator=emulator, home=home, port=port)
        stack.callback(session.close)
        session.serve()
        seed(topology, emulator.endpoint)
        url = session.state.api_url
        told(f"gateway answers at {url}" if url else "no gateway: no integration has a route yet")
        stack.callback(state.remove, home)
        session.state.write(home)
        yield session
