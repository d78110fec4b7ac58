"""A deployed stage, as a person reaches it: region, endpoint and credentials, and AWS's clients for them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from ops import local_account
from ops.errors import OpsError
from ops.private_file import own_folder
from stacks.entry import Topology
from stacks.names import LOCAL, ROOT

# A service that is away must not keep a person from what the others say: botocore would wait for it for minutes.
CONFIG = Config(connect_timeout=4, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})

HOME = Path(os.environ.get("HEADRACE_LOCAL") or ROOT / ".local")


@dataclass(frozen=True)
class Stage:
    """Where the queues are. `endpoint` is None on AWS itself."""

    name: str
    region: str
    endpoint: str | None
    topology: Topology = field(repr=False)
    session: botocore.session.Session = field(repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _making: Lock = field(default_factory=Lock, repr=False, compare=False)
    home: Path = HOME
    """The folder that holds what this machine remembers of the stage."""
    api_url: str | None = None
    """Where the API of a local stack is, empty where it has none; None on AWS itself, where its stack tells."""

    @classmethod
    def open(cls, name: str, topology: Topology, home: Path | None = None, *, deployer: bool = False) -> Stage:
        """The stage of that name: `local` as `python -m local up` wrote it down, others from AWS's own settings.

        `topology` is what exists in it. On AWS one is whoever signed in; stage local is its operator's, or with
        `deployer` that of who deployed it.

        Raises `OpsError` where there is no local stack, no region or no credentials.
        """
        session = botocore.session.Session()
        home = home or HOME
        if name == LOCAL:
            path = home / "state.json"
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
                region, endpoint = state["region"], state["aws_endpoint_url"]
                take = local_account.take_root if deployer else local_account.take_operators_role
                take(session, state)
            except FileNotFoundError:
                raise OpsError("Nothing runs on this machine: start it with `python -m local up`.") from None
            except (ValueError, KeyError):
                raise OpsError(
                    f"{path} is damaged: stop the local stack and start it with `python -m local up`."
                ) from None
            return cls(name, region, endpoint, topology, session, home=home, api_url=state.get("api_url", ""))
        with in_words():
            # botocore reads AWS_DEFAULT_REGION only, other tools of AWS read AWS_REGION.
            region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
            if not region:
                raise NoRegionError
            if session.get_credentials() is None:
                raise NoCredentialsError
        return cls(name, region, None, topology, session, home=home)

    def client(self, service: str, region: str | None = None) -> Any:
        """Botocore's client for a service of this stage; with a `region` the service there, by the same credentials."""
        key = service if region in (None, self.region) else f"{service} {region}"
        with self._making:  # making a client is not safe in several threads, using it is
            if key not in self._clients:
                self._clients[key] = self.session.create_client(
                    service, region_name=region or self.region, endpoint_url=self.endpoint, config=CONFIG
                )
            return self._clients[key]

    @property
    def files(self) -> Path:
        """The folder for journals, exports and audit records of this stage."""
        return self.home / "ops" / self.name

    def open_files(self) -> Path:
        """That folder, made where it is missing, and closed to others. Raises `OpsError` where it cannot be used."""
        for folder in (self.home / "ops", self.files):
            own_folder(folder)
        return self.files


@contextmanager
def in_words() -> Iterator[None]:
    """Turns what botocore raises into an `OpsError` with one sentence."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise OpsError("There are no AWS credentials: sign in, or set AWS_PROFILE, and try again.") from None
    except NoRegionError:
        raise OpsError("There is no AWS region: set AWS_REGION, or one in the profile, and try again.") from None
    except EndpointConnectionError as error:
        raise OpsError(
            f"AWS does not answer at {error.kwargs['endpoint_url']}: is it running, and the network up?"
        ) from None
    except ClientError as error:
        fault = error.response["Error"]
        raise OpsError(f"{error.operation_name} was refused: {fault['Message']} ({fault['Code']}).") from None
    except BotoCoreError as error:
        raise OpsError(f"AWS could not be asked: {error}.") from None
