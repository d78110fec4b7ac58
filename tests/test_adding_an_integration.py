"""docs/adding-an-integration.md: its code, put where it says, works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```python\n# ([\w./]+)(?:: (\w+))?\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's integration added."""
    tree = tmp_path_factory.mktemp("tree")
    for part in ("functions", "local", "stacks"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    fixtures = [str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "functions").glob("[!t]*.py")]
    for part in ("app.py", "cdk.json", "pyproject.toml", "tests/__init__.py", *fixtures):
        (tree / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, tree / part)
    for path, place, code in BLOCK.findall((ROOT / "docs" / "adding-an-integration.md").read_text()):
        if place:
            add(tree / path, place, code)
        else:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(code)
    return tree


def add(path: Path, place: str, code: str) -> None:
    start = "from functions.contracts.orders" if place == "imports" else f"    {place}=(\n"
    page = path.read_text()
    assert page.count(start) == 1, f"{path.name} has no place {place!r}"
    path.write_text(page.replace(start, code + start if place == "imports" else start + code))


def run(tree: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_own_tests_pass(tree: Path) -> None:
    said = run(tree, "-m", "pytest", "-q", "-p", "no:randomly", "tests/functions/test_register_customer.py")
    assert "2 passed" in said


def test_the_pages_integration_synthesizes(tree: Path) -> None:
    context = json.loads((tree / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}
    out = tree / "cdk.out"
    run(tree, "app.py", CDK_OUTDIR=str(out), CDK_CONTEXT_JSON=json.dumps(context), CDK_VALIDATION="false")
    templates = "".join(path.read_text() for path in out.glob("*.template.json"))
    for name in ("headrace-dev-register_customer", "headrace-dev-register_customer-dlq", "headrace-dev-customers"):
        assert f'"{name}"' in templates
