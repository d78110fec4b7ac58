"""Deploying to the emulator with the real CDK CLI: bootstrap, synth, deploy."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.state import ACCOUNT, REGION
from local.toolchain import cdk, environment


def synthesize(home: Path, endpoint_url: str) -> Path:
    """Synthesize stage `local` and return the folder of the assembly. Raises `LocalError` if it fails."""
    assembly = home / "cdk.out"
    cdk(
        *("synth", "--quiet", "-c", "stage=local", "--output", str(assembly)),
        log=home / "synth.log",
        environment=environment(endpoint_url),
    )
    return assembly


def bootstrap(home: Path, endpoint_url: str) -> None:
    """Create what the CDK needs in an account, once. Raises `LocalError` if it fails."""
    cdk(
        *("bootstrap", f"aws://{ACCOUNT}/{REGION}"),
        log=home / "bootstrap.log",
        environment=environment(endpoint_url),
        # Away from cdk.json, the CLI bootstraps without synthesizing first.
        folder=home,
    )


def deploy(home: Path, endpoint_url: str) -> Path:
    """Synthesize and deploy every stack of stage `local`, and return the assembly. Raises `LocalError` if it fails."""
    assembly = synthesize(home, endpoint_url)
    _deploy(home, endpoint_url, assembly)
    return assembly


def deploy_first(home: Path, endpoint_url: str) -> Iterator[str]:
    """Deploy to an empty account, naming each step as it ends. Raises `LocalError` if one fails."""
    with ThreadPoolExecutor() as pool:
        synthesis = pool.submit(synthesize, home, endpoint_url)
        bootstrap(home, endpoint_url)
        yield "account bootstrapped"
        assembly = synthesis.result()
    yield "stacks synthesized"
    _deploy(home, endpoint_url, assembly)
    yield "stacks deployed"


def _deploy(home: Path, endpoint_url: str, assembly: Path) -> None:
    cdk(
        *("deploy", "--all", "--app", str(assembly), "--require-approval", "never", "--concurrency", "4"),
        *("--progress", "events", "--outputs-file", str(home / "outputs.json")),
        log=home / "deploy.log",
        environment=environment(endpoint_url),
    )
