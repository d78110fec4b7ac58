"""Copies of this project to write in, and what commands say there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scaffold.changes import left_out
from stacks.names import ROOT

EMPTY = '''"""The map."""

from __future__ import annotations

from stacks.entry import Topology

TOPOLOGY = Topology()
'''


class Project:
    """A copy of this project's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=left_out, symlinks=True)
        if (ROOT / ".mypy_cache").exists():  # what mypy knows of the packages, which takes it a minute
            shutil.copytree(ROOT / ".mypy_cache", root / ".mypy_cache")

    def run(self, *command: str, code: int = 0, **environment: str) -> str:
        """What `python -m …` says, which ends with `code`."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=os.environ | {"CDK_VALIDATION": "false", "COLUMNS": "80", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> Mapping[Path, bytes]:
        """Every file that a person would see, with what is in it."""
        found = (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        hidden = (".mypy_cache", "__pycache__", "cdk.out", ".hypothesis")
        return {
            path.relative_to(self.root): path.read_bytes()
            for path in found
            if not any(part in hidden for part in path.relative_to(self.root).parts)
        }

    def empty(self) -> None:
        """Make it a project called acme that has nothing in its map, with stages of its own."""
        (self.root / "stacks" / "topology.py").write_text(EMPTY)
        shutil.rmtree(self.root / "docs" / "events", ignore_errors=True)
        path = self.root / "cdk.json"
        whole = json.loads(path.read_text())
        context = whole["context"]
        local, last = context["stages"]["local"], list(context["stages"].values())[-1]
        context |= {"project": "acme", "stage": "staging"}
        context["stages"] = {"local": local, "staging": {**last, "alarms": {}}, "prod-eu": last}
        path.write_text(json.dumps(whole))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy that no test may change, called acme, with nothing in its map."""
    project = Project(tmp_path_factory.mktemp("untouched") / "project")
    project.empty()
    return project
