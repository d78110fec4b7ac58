"""The consumers that are compared, each deployed as it would be: a module, the folders that it needs, its variables."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.endpoint import KEYS, Served
from benchmarks.records import MADE, batch
from benchmarks.worker import WARM
from functions.contracts.environment import ConsumerVariables, secret_variable, table_variable
from stacks import names
from stacks.bundle import build
from stacks.topology import TOPOLOGY

HERE = Path(__file__).resolve().parent
ORDERS = "accept_order"
BATCH = 10
"""Records of a batch, as a mapping takes them by default."""
CONSUMERS = [consumer.function for consumer in TOPOLOGY.consumers if consumer.function in MADE]
"""Those of which there is another implementation."""
PACKAGES = (
    *("aws-lambda-powertools", "aws-xray-sdk", "boto3", "botocore", "jmespath", "pydantic", "pydantic_core"),
    *("annotated-types", "typing-inspection", "typing_extensions", "python-dateutil", "s3transfer", "six", "urllib3"),
    *("msgspec", "wrapt"),
)
"""What the references import, whole, as Lambda ships boto3."""


@dataclass(frozen=True)
class Side:
    """One implementation of a consumer."""

    consumer: str
    module: str
    folders: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, served: Served, batches: int = 0, *, keyed: bool = False) -> dict[str, Any]:
        """What a worker process measured of so many batches, and one message before. Raises `RuntimeError`."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, self.folders)),
            "AWS_ENDPOINT_URL": served.url,
            "AWS_CA_BUNDLE": served.authority,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_REGION": "eu-central-1",
            "AWS_LAMBDA_FUNCTION_NAME": self.consumer,
            "LAMBDA_TASK_ROOT": "/var/task",
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            "POWERTOOLS_METRICS_NAMESPACE": names.PROJECT,
            **_variables(self.consumer),
            **self.variables,
        }
        sizes = [1, *[BATCH] * (WARM + batches if batches else 0)]
        fed = json.dumps([batch(self.consumer, size, keyed=keyed) for size in sizes])
        command = [sys.executable, "-S", str(HERE / "worker.py"), self.module, self.consumer]
        done = subprocess.run(
            command,
            env=environment,
            input=fed,
            stdout=subprocess.DEVNULL,  # where Python 3.11 prints from ten threads at once, it is not always text
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.module} did not run:\n{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
        return figures


def headrace(consumer: str) -> Side:
    """Ours."""
    return Side(consumer, f"functions.{consumer}.handler", (_code(), _layer()))


def lean(consumer: str, *, threads: int = 0) -> Side:
    """What a careful user of Powertools and boto3 writes, with so many threads for a batch."""
    variables = {"THREADS": str(threads)} if threads else {}
    return Side(consumer, f"benchmarks.reference.lean.{consumer}", (_references(), _packages(), _code()), variables)


def standard() -> Side:
    """The standard Powertools consumer of orders."""
    return Side(ORDERS, "benchmarks.reference.standard", (_references(), _packages()))


def bare() -> Side:
    """The interpreter alone."""
    return Side(ORDERS, "none")


def _variables(consumer: str) -> dict[str, str]:
    secrets = {secret_variable(each): each for entry in TOPOLOGY.consumers for each in entry.secrets}
    parks = consumer in {queue.name for queue in TOPOLOGY.queues if queue.on_poison == "park"}
    told = ConsumerVariables(
        project=names.PROJECT,
        service=consumer,
        bus_name="events",
        once_table="once",
        failures_table="failures",
        parked_table="parked" if parks else None,
        on_poison="park" if parks else "continue",
        email_from="orders@example.com",
    )
    return told.variables() | {table_variable(table): table for table in KEYS} | secrets


def _code() -> Path:
    return build.build_code(build.Target.this_machine())


def _layer() -> Path:
    return build.build_layer(build.Target.this_machine()) / "python"


def _references() -> Path:
    """The references' own code, with byte code."""
    sources = sorted((HERE / "reference").rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + sys.version.encode())

    def fill(folder: Path) -> None:
        for path in sources:
            _copy(path, folder / path.relative_to(HERE.parent))

    return _made(f"references-{digest.hexdigest()[:16]}", fill)


def _packages() -> Path:
    """The references' dependencies, as pip installs them, with byte code."""
    recipe = "".join(f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES) + sys.version

    def fill(folder: Path) -> None:
        for name in PACKAGES:
            for file in importlib.metadata.files(name) or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    _copy(Path(str(file.locate())), folder / file)

    return _made(f"packages-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}", fill)


def _made(name: str, fill: Callable[[Path], None]) -> Path:
    """`build/<name>`, as `fill` fills it, with byte code."""

    def make(folder: Path) -> None:
        fill(folder)
        compiled = ["-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", str(folder)]
        subprocess.run([sys.executable, *compiled], check=True)

    return build.built(name, make)


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
