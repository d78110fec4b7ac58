"""A deployed stage, as a person reaches it: region, endpoint and credentials, and AWS's clients for them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from ops.address import authority, is_on_aws, partition_of
from ops.errors import OpsError, UsageError
from ops.private_file import own_folder
from stacks.entry import Topology
from stacks.names import LOCAL, STATE, own_state, resource

# A service that is away must not keep a person from what the others say: botocore would wait for it for minutes.
CONFIG = Config(connect_timeout=4, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})

HOME = Path(os.environ.get("HEADRACE_LOCAL") or STATE)


@dataclass(frozen=True)
class Access:
    """How a person says to reach AWS; what is None is AWS's own settings': environment and profile."""

    region: str | None = None
    profile: str | None = None
    endpoint: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return (self.region, self.profile, self.endpoint) != (None, None, None)


OWN = Access()


@dataclass(frozen=True)
class Stage:
    """Where the queues are: a stage of cdk.json, or an account's region of which no cdk.json tells.

    `endpoint` is where all services are, as somebody said; None for where AWS's own settings say, which is AWS itself
    or an emulator.
    """

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
    staged: bool = True
    """Whether it is a stage of cdk.json, which has tables of causes, redrives and parked groups."""
    locks: Path = field(default_factory=lambda: own_state() / "locks", compare=False)
    """The folder for locks of queues, one for all that a person does on a machine, from whatever folder."""
    urls: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False, compare=False)
    """The URLs of queues that were found lately, by name, and when by the clock that only goes on."""

    @classmethod
    def open(
        cls, name: str, topology: Topology, home: Path | None = None, *, deployer: bool = False, access: Access = OWN
    ) -> Stage:
        """The stage of that name: `local` as `python -m local up` wrote it down, others from AWS's own settings.

        `topology` is what exists in it. On AWS one is whoever signed in; stage local is its operator's, or with
        `deployer` that of who deployed it.

        Raises `OpsError` where there is no local stack, no region or no credentials.
        """
        home = home or HOME
        if name == LOCAL:
            session = botocore.session.Session()
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
        session, region = _signed_in(access)
        return cls(name, region, access.endpoint, topology, session, home=home)

    @classmethod
    def elsewhere(cls, account: str | None, access: Access, home: Path | None = None) -> Stage:
        """What no stage tells of: the region of that account, or of the one whose credentials these are.

        Raises `OpsError` where there is no region, no credentials, or nobody who tells the account.
        """
        session, region = _signed_in(access)
        there = cls("", region, access.endpoint, Topology(), session, home=home or HOME, staged=False)
        if account is None:
            with in_words():
                account = str(there.client("sts").get_caller_identity()["Account"])
        host = "" if there.on_aws else f"@{in_a_name(there.reached)}"
        return replace(there, name=f"{account}-{region}{host}")

    @property
    def reached(self) -> str:
        """The URL at which its SQS is."""
        with in_words():
            return str(self.client("sqs").meta.endpoint_url)

    @property
    def on_aws(self) -> bool:
        """Whether its SQS is AWS's, and no emulator's."""
        return is_on_aws(self.reached)

    @property
    def told(self) -> str:
        """How people call it."""
        if self.staged:
            return f"stage {self.name}"
        account = self.name.split("-")[0]
        return f"account {account}, region {self.region}" + ("" if self.on_aws else f", at {self.reached}")

    def table(self, word: str) -> str | None:
        """The physical name of one of the stage's own tables; None where no stage is."""
        return resource(self.name, word) if self.staged else None

    def client(self, service: str, region: str | None = None) -> Any:
        """Botocore's client for a service of this stage; with a `region` the service there, by the same credentials."""
        key = service if region in (None, self.region) else f"{service} {region}"
        with self._making:  # making a client is not safe in several threads, using it is
            if key not in self._clients:
                client = self.session.create_client(
                    service, region_name=region or self.region, endpoint_url=self.endpoint, config=CONFIG
                )
                client.meta.events.register_first("before-parse", _in_known_letters)
                self._clients[key] = client
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

    def open_locks(self) -> Path:
        """The folder for locks, made where it is missing, and closed to others.

        Raises `OpsError` where it cannot be used.
        """
        for folder in (self.locks.parent, self.locks):
            own_folder(folder)
        return self.locks


LOCKS = "locks"
"""What an earlier version kept beside the folders of stages and accounts."""


def in_a_name(url: str) -> str:
    """Host and port of a URL as the name of a folder has them."""
    return re.sub(r"[^a-z0-9.]+", "-", authority(url))


def places(home: Path, place: str | None = None) -> list[Path]:
    """The folders below that one for journals, exports and audit records: of all stages and accounts, or of one.

    Raises `OpsError` where one is somebody else's: whoever writes a journal decides what is deleted as sent.
    """
    found = sorted(each for each in (home / "ops").glob(place or "*") if each.is_dir() and each.name != LOCKS)
    if found:
        own_folder(home / "ops")
    for each in found:
        own_folder(each)
    return found


def kept(home: Path, ending: str, place: str | None = None) -> list[Path]:
    """The files of that ending in `places`, those of a place together, by name. Raises as `places` does."""
    return [file for each in places(home, place) for file in sorted(each.glob(f"*.{ending}")) if file.is_file()]


def _signed_in(access: Access) -> tuple[botocore.session.Session, str]:
    """A session with credentials, and its region."""
    session = botocore.session.Session(profile=access.profile)
    with in_words():
        # botocore reads AWS_DEFAULT_REGION only, other tools of AWS read AWS_REGION.
        in_env = os.environ.get("AWS_REGION") if access.profile is None else None
        region = access.region or in_env or session.get_config_variable("region") or os.environ.get("AWS_REGION")
        if not region:
            raise NoRegionError
        if session.get_credentials() is None:
            raise NoCredentialsError
    if partition_of(region) is None:
        raise UsageError(f"{region!r} is no region of AWS: say one such as --region eu-west-1.")
    return session, str(region)


def _in_known_letters(response_dict: dict[str, Any], **_: Any) -> None:
    """Lets botocore read an answer that is no UTF-8, as a page of a proxy may be, where it would raise what is none of
    its own errors. AWS's own answers are UTF-8, but those in CBOR, which are no text.
    """
    body = response_dict["body"]
    if isinstance(body, bytes) and "cbor" not in str(response_dict["headers"].get("content-type", "")):
        try:
            body.decode()
        except UnicodeDecodeError:
            response_dict["body"] = body.decode(errors="replace").encode()


@contextmanager
def in_words() -> Iterator[None]:
    """Turns what botocore raises into an `OpsError` with one sentence."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise OpsError("There are no AWS credentials: sign in, or say --profile, and try again.") from None
    except NoRegionError:
        raise OpsError("There is no AWS region: say --region, or set one in the profile, and try again.") from None
    except EndpointConnectionError as error:
        raise OpsError(
            f"AWS does not answer at {error.kwargs['endpoint_url']}: is it running, and the network up?"
        ) from None
    except ClientError as error:
        fault = error.response["Error"]
        raise OpsError(f"{error.operation_name} was refused: {fault['Message']} ({fault['Code']}).") from None
    except BotoCoreError as error:
        raise OpsError(f"AWS could not be asked: {error}.") from None
