"""Which room may import which: the laws of the layout, read from the code's own imports.

The rooms stand on floors, and no arrow runs upward: contracts, the runtime, the functions; the stacks, of which part is
plain data that everyone reads; what operators, the local run and the documents do with it; and on top what nobody
builds on.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {
    *("app", "functions", "stacks", "ops", "local", "documents"),
    *("example", "benchmarks", "scaffold", "project", "tests"),
}
"""Every room that there may be; a project of one's own has neither the example nor what makes projects."""
ROOMS = sorted(room for room in OURS - {"app"} if (ROOT / room / "__init__.py").exists())
AWS = ("boto3", "botocore", "aws_lambda_powertools", "aws_cdk")
PLAIN = (
    *("stacks.names", "stacks.entry", "stacks.rules", "stacks.settings", "stacks.actions", "stacks.grants"),
    *(
        "stacks.events",
        "stacks.feeds",
        "stacks.lane_rules",
        "stacks.lanes",
        "stacks.limits",
        "stacks.paths",
        "stacks.planning",
        "stacks.plans",
        "stacks.recurrence",
        "stacks.route",
        "stacks.schedule",
    ),
    *("stacks.shapes", "stacks.status"),
    "stacks.shapes",
    "stacks.workflow",
    "stacks.workflow_rules",
    *(
        f"stacks.monitoring.{name}"
        for name in ("alarm", "alarms", "schedule_alarms", "metrics", "dashboard", "queries")
    ),
    *(
        f"stacks.edge.{name}"
        for name in ("answers", "content_type", "delays", "lanes", "mapping_template", "parameters")
    ),
)
"""The stacks' plain data, which needs no aws_cdk."""
CONTRACTS = "functions.contracts"
TOPOLOGY = "stacks.topology"


class Law(NamedTuple):
    """For the files of a pattern: what they may import of ours, and what of others they may not."""

    files: str
    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()


# The first pattern that fits a file is its law; `{folder}` is the file's own folder in its room.
LAWS = (
    Law("functions/contracts/*", (CONTRACTS,), (*AWS, "os")),
    Law("functions/runtime/*", (CONTRACTS, "functions.runtime"), ("boto3", "aws_cdk")),
    Law("functions/*/logic.py", (CONTRACTS, "functions.{folder}"), (*AWS, "os")),
    Law("functions/*", (CONTRACTS, "functions.runtime", "functions.{folder}"), (*AWS, "os")),
    Law("stacks/topology.py", (CONTRACTS, "stacks.entry"), AWS),
    *(Law(f"{module.replace('.', '/')}.py", (CONTRACTS, *PLAIN), AWS) for module in PLAIN),
    Law("stacks/*", (CONTRACTS, "stacks")),
    # It reads a message as its consumer does, and so says whether that would take it.
    Law(
        "ops/redrive/verdict.py",
        (CONTRACTS, *PLAIN, "functions.runtime.message", "functions.runtime.record", "ops"),
        ("aws_cdk",),
    ),
    # It speaks to AWS as functions do.
    Law("ops/sqs/*", (CONTRACTS, *PLAIN, "functions.runtime.aws", "ops"), ("aws_cdk",)),
    Law("ops/*", (CONTRACTS, *PLAIN, "ops"), ("aws_cdk",)),
    # It runs handlers as Lambda does, and so knows which one runs.
    Law("local/rehearsal.py", (CONTRACTS, *PLAIN, "functions.runtime.consumer", "local"), ("aws_cdk",)),
    Law("local/*", (CONTRACTS, *PLAIN, "stacks.bundle.build", "local"), ("aws_cdk",)),  # hands out the same code
    Law("documents/*", (CONTRACTS, "stacks", "documents")),
    Law("app.py", ("stacks",)),
    Law("example/*", (CONTRACTS, *PLAIN, "local", "example")),
    Law("scaffold/*", (CONTRACTS, *PLAIN, "documents", "scaffold")),
    Law("benchmarks/*", ("functions", "stacks", "ops", "benchmarks", "tests.aws", "local.certificate")),
    Law("project/door.py", ("ops.__main__",)),  # the door of the command that is installed by itself
    Law("project/*", (*PLAIN, "project")),
)
# The outermost doors: whoever is not one of them takes a topology. Of the tests only those that are about the topology
# itself ask for it, and the fixtures of tests that stand beside a project's own functions.
DOORS = (
    *("app.py", "ops/__main__.py", "local/__main__.py", "documents/__main__.py"),
    *("example/*", "scaffold/*", "benchmarks/*", "tests/example/*", "tests/project/*", "tests/fixtures.py"),
    *("tests/superfluous.py", "tests/redrive_fuzz/zygote.py"),
)


def sources() -> Iterator[tuple[str, Path]]:
    """Every Python file of the project, by its path."""
    yield "app.py", ROOT / "app.py"
    for room in ROOMS:
        yield from ((path.relative_to(ROOT).as_posix(), path) for path in sorted((ROOT / room).rglob("*.py")))


def imports(text: str) -> Iterator[tuple[int, str]]:
    """Every module that the source imports, wherever in it, with the line."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively; write the whole name"
            # `from stacks import names` imports a module, `from stacks.names import ROOT` a word of one.
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_in(module: str, *packages: str) -> bool:
    """Whether the module, or what a word is imported from, is in one of the packages."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def broken(path: str, text: str) -> Iterator[str]:
    """What of the file's imports its law does not allow, in words."""
    law = next(law for law in LAWS if fnmatch(path, law.files))
    folder = path.split("/")[1] if path.count("/") > 1 else ""
    allowed = tuple(package.format(folder=folder) for package in law.allowed)
    door = any(fnmatch(path, each) for each in DOORS)
    for line, module in imports(text):
        if is_in(module, TOPOLOGY):
            if not door:
                yield f"{path}:{line} imports the topology; take one as an argument"
        elif is_in(module, *OURS) and not is_in(module, *allowed):
            yield f"{path}:{line} imports {module}; {law.files} may import {', '.join(allowed)} of ours"
        if is_in(module, *law.refused):
            yield f"{path}:{line} imports {module}; {law.files} is free of {', '.join(law.refused)}"


@pytest.mark.parametrize("room", ["app.py", *(room for room in ROOMS if room != "tests")])
def test_every_import_keeps_the_laws_of_the_layout(room: str) -> None:
    found = [
        sentence
        for path, file in sources()
        if path.split("/")[0] == room
        for sentence in broken(path, file.read_text())
    ]
    assert not found, "\n".join(found)


def test_only_tests_of_the_topology_itself_import_it() -> None:
    found = [
        f"{path}:{line}"
        for path, file in sources()
        if path.startswith("tests/") and not any(fnmatch(path, door) for door in DOORS)
        for line, module in imports(file.read_text())
        if is_in(module, TOPOLOGY)
    ]
    assert not found, f"let them take SAMPLE, or a topology of their own: {found}"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("functions/contracts/orders.py", "from functions.runtime.message import Message"),
        ("functions/contracts/orders.py", "import boto3"),
        ("functions/runtime/consumer.py", "import functions.close_ticket.handler"),
        ("functions/runtime/consumer.py", "from stacks import names"),
        ("functions/close_ticket/handler.py", "from functions.open_ticket.logic import outcome"),
        ("functions/close_ticket/handler.py", "import os"),
        ("functions/close_ticket/logic.py", "from functions.runtime.table import Table"),
        ("stacks/entry.py", "from aws_cdk import Stack"),
        ("stacks/entry.py", "from stacks.compose import compose"),
        ("stacks/monitoring/alarms.py", "from stacks.parts import arn"),
        ("stacks/shared.py", "from ops.stage import Stage"),
        ("stacks/shared.py", "from functions.runtime.settings import Settings"),
        ("stacks/permissions.py", "import app"),
        ("stacks/compose.py", "from stacks.topology import TOPOLOGY"),
        ("ops/stage.py", "from stacks.topology import TOPOLOGY"),
        ("ops/stage.py", "from stacks.shared import Shared"),
        ("ops/stage.py", "from local import state"),
        ("local/session.py", "from ops.stage import Stage"),
        ("local/session.py", "def run():\n    from aws_cdk import App"),
        ("documents/openapi.py", "from stacks.topology import TOPOLOGY"),
        ("documents/openapi.py", "from benchmarks import worker"),
        ("benchmarks/worker.py", "from example.demo import main"),
        ("example/demo.py", "from scaffold import words"),
    ],
)
def test_an_arrow_that_runs_upward_is_found(path: str, line: str) -> None:
    assert list(broken(path, line)), f"{path} may say: {line}"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("functions/close_ticket/handler.py", "from functions.close_ticket.logic import outcome"),
        ("functions/runtime/consumer.py", "from functions.contracts import envelope"),
        ("stacks/shared.py", "from stacks.parts.table import Table"),
        ("stacks/topology.py", "from functions.contracts.tickets import OpenTicket"),
        ("ops/__main__.py", "from stacks.topology import TOPOLOGY"),
        ("ops/cost/costing.py", "from stacks import names, settings"),
        ("ops/observe/rates.py", "from stacks.monitoring import metrics"),
        ("documents/permissions.py", "from stacks.compose import compose"),
    ],
)
def test_an_arrow_that_runs_downward_is_not(path: str, line: str) -> None:
    assert list(broken(path, line)) == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc"}
    found = [path for path, file in sources() if file.stem in drawers or file.parent.name in drawers]
    assert not found, f"name them after what is in them: {found}"


def test_every_module_is_read_in_one_sitting() -> None:
    lengths = {path: len(file.read_text().splitlines()) for path, file in sources()}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


UNSAFE = {
    "S104": 'socket.create_server(("0.0.0.0", 0))',
    "S108": 'open("/tmp/answers", "w")',
    "S310": "urlopen(url)",
    "S323": "ssl._create_unverified_context()",
    "S602": 'subprocess.run("ls", shell=True)',
}


@pytest.mark.parametrize("room", ["tests/local", "benchmarks", "local"])
def test_what_is_unsafe_is_found_wherever_servers_run(room: str) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    imports = ("import socket, ssl, subprocess", "from urllib.request import urlopen")
    done = subprocess.run(
        [ruff, "check", "--output-format", "concise", "--no-cache", "--stdin-filename", f"{room}/new.py", "-"],
        cwd=ROOT,
        input="\n".join((*imports, *UNSAFE.values())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert [code for code in UNSAFE if f" {code} " not in done.stdout] == []
