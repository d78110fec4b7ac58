"""The operator's command, installed by itself: no project, only what it needs, and nobody else's code."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from project import wheel
from stacks.names import ROOT

ENVIRONMENT = {"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
ENVIRONMENT |= {"AWS_EC2_METADATA_DISABLED": "true"}
ARN = "arn:aws:sqs:eu-west-1:000000000000:their-dlq"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel, in a fresh environment beside what this one has installed."""
    folder = tmp_path_factory.mktemp("wheel")
    built = wheel.main(folder)
    uv, home = Path(sys.executable).with_name("uv"), folder / "venv"
    subprocess.run([uv, "venv", "--quiet", "--offline", "--python", sys.executable, home], check=True)
    python = home / "bin" / "python"
    install = [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(built)]
    subprocess.run(install, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (here,) = (Path(sys.executable).parent.parent).glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{here}\n")
    return home / "bin" / "headrace"


def headrace(command: Path, folder: Path, *words: str, **environment: str) -> Ended:
    settings = {**ENVIRONMENT, "XDG_STATE_HOME": str(folder / "state"), **environment}
    done = subprocess.run(
        [command, *words], cwd=folder, env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_wheel_needs_what_it_says_and_holds_nothing_of_a_project() -> None:
    files = wheel.closure()
    needed = {
        name.partition(".")[0]
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + ([each.name for each in node.names] if isinstance(node, ast.Import) else [])
    }
    others = needed - set(sys.stdlib_module_names) - {*wheel.ROOMS, "__future__"}
    assert others - {"yarl"} == {*wheel.NEEDS, *wheel.CONSOLE}, "aiohttp needs yarl itself"
    held = {path.relative_to(ROOT).as_posix() for path in files}
    assert not {"stacks/topology.py", "functions/contracts/orders.py", "app.py"} & held
    assert not any(path.startswith(("local/", "tests/")) for path in held)
    # Of the runtime only what reads a message, so that an edit is judged as its consumer would, and what speaks to AWS.
    reads = ("__init__", "errors", "excerpt", "message", "record", "tracing")
    speaks = ("__init__", "framing", "signature")
    runtime = {f"functions/runtime/{name}.py" for name in reads} | {
        f"functions/runtime/aws/{name}.py" for name in speaks
    }
    assert {path for path in held if path.startswith("functions/runtime")} == runtime


def test_the_wheel_says_that_it_needs_posix() -> None:
    told = tomllib.loads(wheel.described())["project"]
    assert told["classifiers"] == ["Operating System :: POSIX"]
    assert not any(";" in each for each in told["dependencies"])


def test_in_an_empty_folder_one_sentence_says_how_queues_are_named(command: Path, tmp_path: Path) -> None:
    for words in (("queues",), ("redrive", "open_ticket", "--yes"), ("cost",), ("scale",)):
        ended = headrace(command, tmp_path, *words, HEADRACE_STAGE="prod")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("There is no stage here")
        assert len(ended.err.splitlines()) == 1
    ended = headrace(command, tmp_path, "peek", ARN)
    assert (ended.code, ended.err.strip()) == (
        1,
        "There are no AWS credentials: sign in, or say --profile, and try again.",
    )


def test_the_console_is_an_extra_with_its_pages_and_whoever_lacks_it_is_told(command: Path, tmp_path: Path) -> None:
    extras = tomllib.loads(wheel.described())["project"]["optional-dependencies"]
    assert [each.partition("~")[0] for each in extras["console"]] == [*wheel.CONSOLE]
    (lib,) = command.parent.parent.glob("lib/python*/site-packages/headrace/lib/ops/console")
    assert {path.name for path in (ROOT / "ops/console/templates").iterdir()} == {
        path.name for path in (lib / "templates").iterdir()
    }
    assert (lib / "static" / "htmx.min.js").exists()
    ended = headrace(command, tmp_path, "console", "--all", "--no-browser", AWS_REGION="eu-west-1")
    assert (ended.code, ended.err.strip()) == (
        1,
        "There are no AWS credentials: sign in, or say --profile, and try again.",
    )
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text("import sys\nsys.modules.update(dict.fromkeys(('starlette', 'uvicorn')))\n")
    ended = headrace(command, tmp_path, "console", "--all", PYTHONPATH=str(tmp_path))
    assert ended.code == 1
    assert "The console needs starlette, uvicorn: install them with pip install 'headrace[console]'" in ended.err


def test_in_a_projects_folder_it_is_that_projects_command(command: Path, tmp_path: Path) -> None:
    for room in ("ops", "stacks", "functions"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cdk.json", tmp_path)
    ended = headrace(command, tmp_path, "retire", "nothing", HEADRACE_LOCAL=str(tmp_path))
    assert ended.code == 2
    assert "There is no stage here" not in ended.err
