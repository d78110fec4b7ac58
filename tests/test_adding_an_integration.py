"""docs/adding-an-integration.md: its code, put where it says, passes what our own code must pass, and works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stacks import names

BLOCK = re.compile(r"```python\n# ([\w./]+)(?:: (\w+))?\n(.*?)```", re.DOTALL)
PAGE = names.ROOT / "docs" / "adding-an-integration.md"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose map is the page's."""
    tree = tmp_path_factory.mktemp("tree")
    for part in ("functions", "local", "stacks", "tests/sample"):
        shutil.copytree(names.ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    fixtures = [str(path.relative_to(names.ROOT)) for path in (names.ROOT / "tests" / "functions").glob("[!t]*.py")]
    for part in (
        "app.py",
        "cdk.json",
        "pyproject.toml",
        "tests/__init__.py",
        "tests/conftest.py",
        "tests/examples.py",
        "tests/fixtures.py",
        "tests/kept.py",
        "tests/superfluous.py",
        *fixtures,
    ):
        (tree / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(names.ROOT / part, tree / part)
    topology: dict[str, str] = {}
    for path, place, code in BLOCK.findall(PAGE.read_text()):
        if place:
            assert path == "stacks/topology.py"
            topology[place] = code
        else:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(code)
    written = f'''"""The map."""

from __future__ import annotations

{topology["imports"]}
TOPOLOGY = Topology(
    integrations=(
{topology["integrations"]}    )
)
'''
    (tree / "stacks" / "topology.py").write_text(written)
    if (names.ROOT / ".mypy_cache").exists():  # what mypy knows of the packages, which takes it a minute
        shutil.copytree(names.ROOT / ".mypy_cache", tree / ".mypy_cache")
    return tree


def run(tree: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written() -> list[str]:
    """The files that the page's code makes or changes."""
    return list(dict.fromkeys(path for path, _, _ in BLOCK.findall(PAGE.read_text())))


def test_the_pages_code_passes_ruff(tree: Path) -> None:
    run(tree, "ruff", "check", *written())
    run(tree, "ruff", "format", "--check", *written())


@pytest.mark.long
def test_the_pages_code_passes_mypy(tree: Path) -> None:
    run(tree, "mypy", *written())


def test_the_pages_own_tests_pass(tree: Path) -> None:
    said = run(tree, "pytest", "-q", "-p", "no:xdist", "-p", "no:schemathesis", "tests/functions/test_customers.py")
    assert "5 passed" in said


def test_the_pages_integrations_synthesize(tree: Path) -> None:
    out, stage = tree / "cdk.out", names.STAGES[-1]
    context = names.CONTEXT | {"stage": stage, "aws:cdk:bundling-stacks": []}
    run(tree, "app", CDK_OUTDIR=str(out), CDK_CONTEXT_JSON=json.dumps(context), CDK_VALIDATION="false")
    for stack, name in (("customers", "register_customer-dlq"), ("customers", "customers"), ("crm", "crm_inbox")):
        template = (out / f"{names.resource(stage, stack)}.template.json").read_text()
        assert f'"{names.resource(stage, name)}"' in template
