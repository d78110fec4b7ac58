"""Our consumer against the standard one: the same work, the same fake AWS, in one run.

Both run as they would be deployed: code and dependencies in folders of their own, with byte code for this Python, no
site-packages. Figures are medians of interleaved runs, because the times of a shared machine drift. Start-up is net of
the bare interpreter; the reference's deployment size leaves its byte code out, ours has it in.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import worker
from benchmarks.endpoint import calls, endpoint
from functions.contracts.environment import ConsumerVariables, table_variable
from stacks import names
from stacks.bundle import build

HERE = Path(__file__).resolve().parent
OURS = ConsumerVariables(
    project=names.PROJECT, service="accept_order", bus_name="events", once_table="once", failures_table="failures"
)
LATENCY = 0.005
STARTS = 9
ROUNDS = 3
BATCHES = 12
REFERENCE = (
    *("aws-lambda-powertools", "aws-xray-sdk", "boto3", "botocore", "jmespath", "pydantic", "pydantic_core"),
    *("annotated-types", "typing-inspection", "typing_extensions", "python-dateutil", "s3transfer", "six", "urllib3"),
    "wrapt",
)
MUST = {
    "cold_start_cpu": ("cold start, CPU ms", "≤ 0.45"),
    "peak_memory": ("peak memory after start, MiB", "≤ 0.65"),
    "calls_per_message": ("AWS calls a message", "≤ 1.2 calls"),
    "cpu_per_message": ("CPU a message, ms", "≤ 0.35"),
    "throughput": ("messages a second, one worker", "≥ 3.0"),
    "package_size": ("deployment size, MB zipped", "≤ 0.35"),
}


class Side:
    """One of the two consumers: its module and the folders that it is deployed as."""

    def __init__(self, module: str, folders: list[Path]) -> None:
        self.module = module
        self.folders = folders

    def run(self, url: str, batches: int = 0) -> dict[str, float]:
        """What one worker process measured."""
        return _worker(self.module, self.folders, url, batches)


def run(*, as_json: bool) -> None:
    """Measure and print."""
    figures = measure()
    if as_json:
        print(json.dumps(figures))
        return
    table = Table(title="The consumer, against the standard Powertools consumer")
    for column in ("figure", "reference", "headrace", "ratio", "must reach"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for key, (words, must) in MUST.items():
        one = figures[key]
        table.add_row(words, f"{one['reference']:,.2f}", f"{one['headrace']:,.2f}", f"{one['ratio']:.2f}", must)
    Console().print(table)


def measure() -> dict[str, dict[str, float]]:
    """The six figures, each of both sides and their ratio."""
    target = build.Target.this_machine()
    layer = build.build_layer(target) / "python"
    sides = {
        "reference": Side("benchmarks.reference.handler", [_reference()]),
        "headrace": Side("functions.accept_order.handler", [build.build_code(target), layer]),
    }
    with endpoint(LATENCY) as url:
        starts: dict[str, list[dict[str, float]]] = {"bare": [], "reference": [], "headrace": []}
        for _ in range(STARTS):
            starts["bare"].append(_worker("none", [], url, 0))
            for name, side in sides.items():
                starts[name].append(side.run(url))
        batches: dict[str, list[dict[str, float]]] = {"reference": [], "headrace": []}
        messages = (BATCHES + worker.WARM) * worker.BATCH
        per_message: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                calls(url)
                batches[name].append(side.run(url, BATCHES))
                per_message[name] = sum(calls(url).values()) / messages
    bare = median(one["start_cpu"] for one in starts["bare"])
    measured = BATCHES * worker.BATCH

    sizes = {name: _zipped(side.folders, byte_code=name == "headrace") for name, side in sides.items()}
    return {
        "cold_start_cpu": _figure({n: 1000 * (median(o["start_cpu"] for o in starts[n]) - bare) for n in sides}),
        "peak_memory": _figure({n: median(o["memory"] for o in starts[n]) for n in sides}),
        "calls_per_message": _figure(per_message),
        "cpu_per_message": _figure({n: 1000 * median(o["cpu"] for o in batches[n]) / measured for n in sides}),
        "throughput": _figure({n: measured / median(o["wall"] for o in batches[n]) for n in sides}),
        "package_size": _figure({n: size / 1e6 for n, size in sizes.items()}),
    }


def _figure(of: dict[str, float]) -> dict[str, float]:
    figure = of | {"ratio": of["headrace"] / of["reference"]}
    return {name: round(value, 4) for name, value in figure.items()}


def _worker(module: str, folders: list[Path], url: str, batches: int) -> dict[str, float]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_LAMBDA_FUNCTION_NAME": "accept_order",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        "POWERTOOLS_METRICS_NAMESPACE": names.PROJECT,
        **OURS.variables(),
        table_variable("orders"): "orders",
    }
    command = [sys.executable, "-S", str(HERE / "worker.py"), module, str(batches)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} did not run:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return figures


def _reference() -> Path:
    """The standard consumer as one would deploy it: its code, and all of its dependencies as pip installs them."""
    sources = sorted((HERE / "reference").glob("*.py"))
    recipe = "".join(f"{name}=={importlib.metadata.version(name)}" for name in REFERENCE) + sys.version
    digest = hashlib.sha256(b"".join([recipe.encode(), *(path.read_bytes() for path in sources)])).hexdigest()
    folder = build.BUILD / f"reference-{digest[:16]}"
    if not folder.exists():
        scratch = folder.with_suffix(".new")
        shutil.rmtree(scratch, ignore_errors=True)
        for path in sources:
            _copy(path, scratch / "benchmarks" / "reference" / path.name)
        for name in REFERENCE:
            for file in importlib.metadata.files(name) or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    _copy(Path(str(file.locate())), scratch / file)
        compiled = ["-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", str(scratch)]
        subprocess.run([sys.executable, *compiled], check=True)
        scratch.rename(folder)
    return folder


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)


def _zipped(folders: Iterable[Path], *, byte_code: bool) -> int:
    """Bytes of a zip file with all that is in the folders."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and (byte_code or path.suffix != ".pyc"):
                    archive.write(path, path.relative_to(folder))
    return buffer.tell()
