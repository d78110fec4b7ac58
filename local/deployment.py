"""Deploying to the emulator with the real CDK CLI: bootstrap, synth, deploy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local import toolchain
from local.assembly import share_zips, take
from local.aws import client
from local.errors import LocalError
from local.gateway import api
from local.gateway.errors import UnsupportedError
from local.state import ACCOUNT, REGION, Endpoint
from local.toolchain import cdk, environment
from stacks import names
from stacks.names import ROOT

TOOLKIT = "CDKToolkit"
"""The stack of what the CDK needs in an account."""
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
"""What CloudFormation may do as long as nobody says less, as `cdk bootstrap` has it."""
DEPLOYED = "cdk.out"
"""The folder, in a local stack's home, of the assembly that was deployed last."""
DRAFT = "cdk.new"
"""That of the one that is synthesized or deployed just now."""


def synthesize(home: Path, endpoint: Endpoint, app: str | None = None) -> Path:
    """Synthesize stage `local` and return the folder of the assembly. Raises `LocalError` if it fails.

    `app` is the command that makes the stacks, where it is not that of cdk.json.
    """
    assembly = home / DRAFT
    shutil.rmtree(assembly, ignore_errors=True)
    known = environment(endpoint)

    def make() -> None:
        cdk(
            *("synth", "--quiet", "-c", f"stage={names.LOCAL}", "--output", str(assembly)),
            *(("--app", app) if app else ()),
            log=home / "synth.log",
            environment=known,
        )

    take(assembly, app or json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["app"], known, make)
    if has_api(assembly):
        try:
            api.read(api.find_template(assembly), account=ACCOUNT, region=REGION)
        except UnsupportedError as unsupported:
            raise LocalError(f"{unsupported}.") from None
    return assembly


def bootstrap(endpoint: Endpoint) -> None:
    """Create what the CDK needs in an account, once, from the CLI's own template. Raises `LocalError` if it fails.

    `cdk bootstrap` does no more, and takes seconds to start. https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping.html
    """
    known = {"CloudFormationExecutionPolicies": ADMINISTRATOR, "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY"}
    cloudformation = client("cloudformation", endpoint)
    try:
        cloudformation.create_stack(
            StackName=TOOLKIT,
            TemplateBody=toolchain.bootstrap_template().read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in known.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=TOOLKIT, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
        )
    except (ClientError, BotoCoreError) as error:
        raise LocalError(f"The account could not be bootstrapped: {error}") from None


def deploy(home: Path, endpoint: Endpoint, app: str | None = None) -> None:
    """Synthesize and deploy every stack of stage `local`. Raises `LocalError` if it fails."""
    _deploy(home, endpoint, synthesize(home, endpoint, app))


def deploy_first(home: Path, endpoint: Endpoint, app: str | None = None) -> Iterator[str]:
    """Deploy to an empty account, naming each step as it ends. Raises `LocalError` if one fails."""
    with ThreadPoolExecutor() as pool:
        synthesis = pool.submit(synthesize, home, endpoint, app)
        bootstrap(endpoint)
        yield "account bootstrapped"
        assembly = synthesis.result()
    yield "stacks synthesized"
    _deploy(home, endpoint, assembly)
    yield "stacks deployed"


def has_api(assembly: Path) -> bool | None:
    """Whether the assembly has an API; None where there is no assembly."""
    try:
        manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return names.resource(names.LOCAL, "ingress") in manifest["artifacts"]


def _deploy(home: Path, endpoint: Endpoint, assembly: Path) -> None:
    share_zips(assembly)
    cdk(
        *("deploy", "--all", "--app", str(assembly), "--require-approval", "never", "--concurrency", "8"),
        *("--method", "direct", "--progress", "events", "--outputs-file", str(home / "outputs.json")),
        log=home / "deploy.log",
        environment=environment(endpoint),
    )
    # Only now, so that the gateway never serves what could not be deployed.
    old = home / "cdk.old"
    shutil.rmtree(old, ignore_errors=True)
    if (home / DEPLOYED).exists():
        (home / DEPLOYED).rename(old)
    assembly.rename(home / DEPLOYED)
    shutil.rmtree(old, ignore_errors=True)
