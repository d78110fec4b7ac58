"""Where a running local stack is written down, for the operator's command and for scripts."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.certificate import write_private
from local.errors import LocalError
from local.passkey import HEADER, passkey
from stacks.names import LOCAL_ACCOUNT, ROOT

HOME = Path(os.environ.get("HEADRACE_LOCAL") or ROOT / ".local")
REGION = "us-east-1"
ACCOUNT = LOCAL_ACCOUNT


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """How a client reaches the AWS of a local stack: where it is, with whose key, and which authority to trust."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    ca_bundle: str

    def variables(self) -> dict[str, str]:
        """The environment in which AWS's clients find it, those of Node.js too."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": self.ca_bundle,
            "NODE_EXTRA_CA_CERTS": self.ca_bundle,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def pass_header(self) -> dict[str, str]:
        """What opens the emulator's own paths, which no client of AWS signs."""
        return {HEADER: passkey(self.secret_access_key)}


@dataclass(frozen=True, kw_only=True)
class State:
    """What a client needs to reach the local stack. `pid` is the process that runs it.

    The key is the account's root's, made for this run; `ca_bundle` is the file of the authority to trust.
    """

    api_url: str
    aws_endpoint_url: str
    region: str
    account: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    ca_bundle: str
    pid: int

    @property
    def endpoint(self) -> Endpoint:
        """How clients reach its AWS."""
        return Endpoint(
            url=self.aws_endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            ca_bundle=self.ca_bundle,
        )

    def write(self, home: Path) -> None:
        """Write `state.json` under `home`, whole or not at all, for its owner's eyes only."""
        open_home(home)
        draft = home / "state.json.new"
        write_private(draft, (json.dumps(asdict(self), indent=2) + "\n").encode())
        draft.replace(home / "state.json")


def open_home(home: Path) -> None:
    """Make the folder if it is not there, and let only its owner look into it: logs hold what callers sent.

    Raises `LocalError` if it cannot be used.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise LocalError(f"The folder {home} cannot be used: {error.strerror}.") from None


def remove(home: Path) -> None:
    """Forget the local stack of `home`."""
    (home / "state.json").unlink(missing_ok=True)


def read(home: Path = HOME) -> State:
    """The running local stack of `home`. Raises `LocalError` if none of this user's runs there.

    A process that may not be signalled is somebody else's, which has the number now.
    """
    try:
        state = State(**json.loads((home / "state.json").read_text()))
        os.kill(state.pid, 0)
    except (FileNotFoundError, ValueError, TypeError, ProcessLookupError, PermissionError):
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
