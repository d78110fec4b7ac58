"""Where a command works: in which stage, or in which account and region where no stage has to do with it.

Who names a stage, means it. Else an ARN or a URL means the stage of the environment, or the one on this machine, only
where the queue can be that one's; any other queue is reached as it says, by the person's own credentials, and nothing
of a stage is used: no map, no tables of causes and redrives. So a default never makes another queue of an address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import botocore.session

from ops import stage as stages
from ops.address import Address, authority
from ops.errors import UsageError
from ops.queue import known
from ops.stage import OWN, Access, Stage, in_words
from stacks import names, settings
from stacks.entry import Topology

NO_STAGE = (
    "There is no stage here, because there is no cdk.json of a project: name a queue by its URL or ARN, or go to the "
    "project's folder."
)


@dataclass(frozen=True)
class Asked:
    """What a person says of where a command works.

    `stage` counts for as much as where it is from: the command line, the environment, or nobody at all. `queue` is what
    the command is about, `run` the redrive or import that it goes on with; `anywhere` is whether it can do without a
    stage.
    """

    stage: str
    said: Literal["typed", "environment", "nobody"] = "nobody"
    access: Access = OWN
    queue: str | None = None
    run: str | None = None
    anywhere: bool = False

    def check(self) -> None:
        """Raises `UsageError` for what makes no sense wherever it is."""
        access = self.access
        given = (("--region", access.region), ("--profile", access.profile), ("--endpoint-url", access.endpoint))
        for option, value in given:
            if value is not None and not value.strip():
                raise UsageError(f"{option} is blank: give it a value, or leave it out.")
        if access.endpoint is not None and authority(access.endpoint).startswith(":"):
            raise UsageError(f"--endpoint-url is {access.endpoint!r}: give a URL such as http://localhost:4566.")
        if not names.STAGES and (self.said == "typed" or not self.anywhere):
            raise UsageError(NO_STAGE)
        if self.stage not in names.STAGES and names.STAGES and not (self.said == "environment" and self._needs_none):
            raise UsageError(f"There is no stage {self.stage!r} in cdk.json; there is: {', '.join(names.STAGES)}.")

    @property
    def _needs_none(self) -> bool:
        """Whether it can do without a stage: it is about an address, or about all that is where somebody says."""
        return self.address is not None or (self.anywhere and self.queue is None and bool(self.access))

    @property
    def address(self) -> Address | None:
        """The address by which the queue is named. Raises `UsageError` for one that is none of a queue."""
        return Address.of(self.queue) if self.queue is not None else None


def reach(asked: Asked, topology: Topology, *, deployer: bool = False) -> Stage:
    """Where the command works, connected.

    Raises `UsageError` where what is said contradicts itself, `OpsError` where it cannot be reached.
    """
    asked.check()
    address, access = asked.address, asked.access
    if address is not None and access.region is not None and address.region not in (None, access.region):
        raise UsageError(f"{address.text} is in {address.region}, and --region says {access.region}: leave it out.")
    if asked.said == "typed":
        return _stage(asked, topology, deployer)
    if address is not None:
        if names.STAGES and _may_be_of(asked, address, topology):
            return _stage(asked, topology, deployer)
        if address.host is not None and _endpoint(access) is None:
            raise UsageError(f"{address.text} is not on AWS: say where it is with --endpoint-url, or with --stage.")
        there = Access(address.region or access.region, access.profile, access.endpoint)
        return Stage.elsewhere(address.account, there)
    if asked.run is not None and (begun := _begun(asked.run)) is not None:
        return _again(asked, begun)
    if (
        asked.anywhere
        and asked.queue is None
        and (not names.STAGES or (access and (asked.said == "nobody" or asked.stage not in names.STAGES)))
    ):
        return Stage.elsewhere(None, access)
    if not names.STAGES:
        raise UsageError(NO_STAGE)
    return _stage(asked, topology, deployer)


def _stage(asked: Asked, topology: Topology, deployer: bool) -> Stage:
    """The stage, where it is said to be; the one on this machine is nowhere else."""
    access = asked.access
    if asked.stage != names.LOCAL:
        home = _home(asked.stage)
        if access.region is not None and home not in (None, access.region):
            raise UsageError(f"Stage {asked.stage} is in {home}, as its key says in cdk.json, not in {access.region}.")
        return Stage.open(asked.stage, topology, deployer=deployer, access=access)
    if access.profile is not None:
        whose = "Stage local has credentials of its own" if asked.said == "typed" else "No stage and no address is said"
        raise UsageError(f"{whose}: leave --profile out, say another --stage, or name the queue by its URL or ARN.")
    found = Stage.open(asked.stage, topology, deployer=deployer)
    if access.region not in (None, found.region) or (
        access.endpoint is not None and authority(access.endpoint) != authority(found.reached)
    ):
        elsewhere = access.endpoint or access.region
        raise UsageError(
            f"Stage local is in {found.region} at {found.reached}, not in {elsewhere}: say another --stage, or name "
            "the queue by its URL or ARN."
        )
    return found


def _home(stage: str) -> str | None:
    """The region that the stage's settings bind it to, if they do: a key is used in its own region only."""
    try:
        key = settings.read(stage, names.CONTEXT["stages"]).key_arn
    except settings.SettingsError as wrong:
        raise UsageError(str(wrong)) from None
    return key.split(":")[3] if key is not None else None


def _may_be_of(asked: Asked, address: Address, topology: Topology) -> bool:
    """Whether the queue at that address can be meant in the stage of the environment or of this machine."""
    if asked.stage not in names.STAGES:
        return False
    if asked.stage != names.LOCAL:
        physical = {name for _, _, name in known(asked.stage, topology)}
        return not asked.access or address.name in physical
    try:
        state = json.loads((stages.HOME / "state.json").read_text(encoding="utf-8"))
        here, account, region = authority(state["aws_endpoint_url"]), state["account"], state["region"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    said, endpoint = asked.access, _endpoint(asked.access)
    if address.on_aws or said.profile is not None or said.region not in (None, region):
        return False
    if endpoint is not None and authority(endpoint) != here:
        return False
    return endpoint is not None or address.host is not None or address.account == account


def _endpoint(access: Access) -> str | None:
    """Where SQS is, if AWS's own settings or a person say it."""
    if access.endpoint is not None:
        return access.endpoint
    session = botocore.session.Session(profile=access.profile)
    with in_words():
        # The region only serves to ask botocore, which has no other way to tell what environment and profile say.
        session.set_credentials("-", "-")
        client = session.create_client("sqs", region_name="us-east-1")
        url = str(client.meta.endpoint_url)
    return None if url == "https://sqs.us-east-1.amazonaws.com" else url


def _begun(run: str) -> Path | None:
    """The folder of the account and region in which that run was begun; stages begin with a letter."""
    if "/" in run or not run.isprintable():
        return None
    folders = sorted((stages.HOME / "ops").glob("[0-9]*"))
    return next((each for each in folders for end in ("journal", "import") if (each / f"{run}.{end}").exists()), None)


def _again(asked: Asked, begun: Path) -> Stage:
    """The account and region in which a run was begun."""
    account, _, place = begun.name.partition("-")
    region = place.partition("@")[0]
    access = Access(region, asked.access.profile, asked.access.endpoint)
    found = Stage.elsewhere(account, access) if asked.access.region in (None, region) else None
    if found is None or found.name != begun.name:
        raise UsageError(f"{asked.run} was begun in {begun.name}: say the --region and the --endpoint-url of that.")
    return found
